package record

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// nobody is another user than root; where the test does not run as root, all is its
// own user's anyway.
const nobody = 65534

func owner(t *testing.T, path string) uint32 {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t).Uid
}

// What is written in the folder of a service is that service's, also where root wrote
// it: the id, segments, what was torn.
func TestALogBelongsToItsFolder(t *testing.T) {
	dir := newDir(t)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		if err := os.Chown(dir, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		l := openLog(t, dir, Options{SegmentBytes: 500})
		for range 5 {
			mustAppend(t, l, "an exchange")
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(segmentPath(dir, lastSegment(t, dir)), os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		f.WriteString("torn")
		f.Close()
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) < 5 {
		t.Fatalf("%q, %v", files, err)
	}
	for _, f := range files {
		if got, want := owner(t, f), owner(t, dir); got != want {
			t.Errorf("%s is user %d's, and the folder is user %d's", filepath.Base(f), got, want)
		}
	}
}

// A segment that is a link leads nobody to write elsewhere.
func TestASegmentIsNoLink(t *testing.T) {
	dir := t.TempDir()
	path, elsewhere := filepath.Join(dir, "link"), filepath.Join(dir, "elsewhere")
	if err := os.WriteFile(elsewhere, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(elsewhere, path); err != nil {
		t.Fatal(err)
	}
	if f, err := (osDisk{}).open(path); err == nil {
		f.Close()
		t.Error("opened")
	}
	if err := (osDisk{}).truncate(path, 0); err == nil {
		t.Error("cut")
	}
}

// Who puts another folder, or a link to one, in the place of that in which root makes a
// file is not given the file.
func TestAFileIsOfTheFolderThatItStandsIn(t *testing.T) {
	top := t.TempDir()
	folder, theirs := filepath.Join(top, "log"), filepath.Join(top, "theirs")
	if err := errors.Join(os.Mkdir(folder, 0o700), os.Mkdir(theirs, 0o700)); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(folder, "id"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, _, err := folderOf(f); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Rename(folder, filepath.Join(top, "moved")), os.Symlink(theirs, folder)); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time there is a file of that name
		if _, _, err := folderOf(f); err == nil {
			t.Error("the other folder's owner is given it")
		}
		if err := os.WriteFile(filepath.Join(theirs, "id"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
