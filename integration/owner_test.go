package integration

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestRootsCommandsAreNoObstacle runs a service as another user, gives commands as
// root while it stands still, and starts it again: what they wrote is the service's.
func TestRootsCommandsAreNoObstacle(t *testing.T) {
	t.Parallel()
	s := demo(value(), backend(t, echo).address())
	s.NoStart = true
	w := newWorld(t, s)
	dir := lent(t, w)
	serve := func() {
		t.Helper()
		c := exec.Command(filepath.Join(dir, "cloakroom"), "serve")
		c.Dir, c.Env = dir, append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir}, w.env...)
		var said output
		var err error
		if said.file, err = os.OpenFile(w.path("lent.out"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600); err != nil {
			t.Fatal(err)
		}
		defer said.file.Close()
		c.Stderr = &said
		as(c)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		w.eventually("it serves, or ends", func() bool {
			return strings.Contains(said.String(), `"serving"`) || strings.Contains(said.String(), "cloakroom: ")
		})
		c.Process.Signal(syscall.SIGTERM)
		if err := c.Wait(); err != nil {
			t.Errorf("the service: %v: %s", err, said.String())
		}
	}
	serve()
	tear(t, dir)
	backup := w.path("backup.db")
	for _, arguments := range []string{"store backup " + backup, "session verify --all", "store restore --yes " + backup, "session verify --all"} {
		if stdout, stderr, code := command(t, dir, w.env, strings.Fields(arguments)...); code != 0 {
			t.Errorf("%s: exit %d: %s%s", arguments, code, stdout, stderr)
		}
	}
	owned(t, dir)
	serve()
}

// tear leaves what a crash does: a line that was never finished.
func tear(t *testing.T, dir string) {
	t.Helper()
	segments, err := filepath.Glob(filepath.Join(dir, "record", "*.log"))
	if err != nil || len(segments) != 1 {
		t.Fatalf("segments: %q, %v", segments, err)
	}
	f, err := os.OpenFile(segments[0], os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(`{"v":1,"seq"`); err != nil {
		t.Fatal(err)
	}
}

// owned tells of files below a folder that are not its owner's, but for what the test
// put there itself.
func owned(t *testing.T, dir string) {
	t.Helper()
	user := func(path string) uint32 {
		info, err := os.Lstat(path)
		if err != nil {
			t.Fatal(err)
		}
		return info.Sys().(*syscall.Stat_t).Uid
	}
	of := user(dir)
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.Name() == "cloakroom" || e.Name() == "cloakroom.yaml" {
			return err
		}
		if got := user(path); got != of {
			t.Errorf("%s is user %d's, want %d", path, got, of)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
