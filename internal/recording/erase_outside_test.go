package recording

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"cloakroom/internal/record"
)

// stored takes the closed packs to the outside store.
func stored(t *testing.T, dir string, l Log, store string) {
	t.Helper()
	r := open(t, dir, l, Options{Strict: true, Store: store})
	eventually(t, "storing", func() bool { return len(closed(t, dir)) == 0 })
	r.Close()
}

// In the outside store a pack without the parts takes the place of the one with them,
// under the name of what it is.
func TestEraseOutside(t *testing.T) {
	dir, bucket, now := newDir(t), t.TempDir(), newClock()
	l := openLog(t, dir)
	r := open(t, dir, l, Options{Strict: true, Store: "file://" + bucket, PackAge: time.Minute, Now: now.now})
	one, e := recordOne(t, r, dir, full)
	two, f := recordOne(t, r, dir, full)
	now.set(began.Add(time.Hour))
	eventually(t, "storing", func() bool { return r.Stats().Shipped == 1 })
	before := objects(t, bucket)
	w := eraser{t: t, dir: dir, store: "file://" + bucket}
	for range 2 {
		if err := w.erase(one); err != nil {
			t.Fatal(err)
		}
	}
	wantErased(t, r, one, e)
	wantWhole(t, r, f, two)
	after := objects(t, bucket)
	if len(before) != 1 || len(after) != 1 || before[0] == after[0] || len(w.told) != 1 || !strings.HasSuffix(after[0], strings.TrimPrefix(w.told[0].Detail, "sha256 ")+closedExt) {
		t.Errorf("objects %q, before %q, told %+v", after, before, w.told)
	}
	if s, ok := parseName(after[0]); !ok || s.id != e.Recording[0].Pack {
		t.Errorf("its name says %+v, %v", s, ok)
	}
	now.set(e.Until.Add(2 * pruneEvery))
	eventually(t, "deleting", func() bool { return len(objects(t, bucket)) == 0 })
}

// A service that ended while it stored a pack leaves it here and outside: it is erased
// in both, and what it stores next is no second object.
func TestEraseHereAndOutside(t *testing.T) {
	dir, bucket := newDir(t), t.TempDir()
	l := openLog(t, dir)
	r := open(t, dir, l, Options{Strict: true})
	one, e := recordOne(t, r, dir, full)
	r.Close()
	path := closed(t, dir)[0]
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	stored(t, dir, l, "file://"+bucket)
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	w := eraser{t: t, dir: dir, store: "file://" + bucket}
	if err := w.erase(one); err != nil {
		t.Fatal(err)
	}
	stored(t, dir, l, w.store)
	r = open(t, dir, l, Options{Strict: true, Store: w.store})
	wantErased(t, r, one, e)
	if names := objects(t, bucket); len(names) != 1 {
		t.Errorf("objects %q", names)
	}
}

// Who erases at the same time on another machine, from what was there before, brings
// nothing back.
func TestEraseOutsideTogether(t *testing.T) {
	dir, bucket := newDir(t), t.TempDir()
	l := openLog(t, dir)
	r := open(t, dir, l, Options{Strict: true})
	one, e := recordOne(t, r, dir, full)
	two, f := recordOne(t, r, dir, full)
	three, g := recordOne(t, r, dir, full)
	r.Close()
	stored(t, dir, l, "file://"+bucket)
	elsewhere := func(id string, parts []record.Part, tell func(record.Act) error) {
		packs, err := OpenReader(t.Context(), t.TempDir(), testKey, "file://"+bucket)
		if err != nil {
			t.Fatal(err)
		}
		defer packs.Close()
		if _, err := packs.Erase(t.Context(), []Erasure{{id, parts}}, tell); err != nil {
			t.Fatal(err)
		}
	}
	once := sync.OnceFunc(func() { elsewhere(two, f.Recording, func(record.Act) error { return nil }) })
	elsewhere(one, e.Recording, func(record.Act) error { once(); return nil })
	r = open(t, dir, l, Options{Strict: true, Store: "file://" + bucket})
	wantErased(t, r, one, e)
	wantErased(t, r, two, f)
	wantWhole(t, r, g, three)
	if names := objects(t, bucket); len(names) != 1 {
		t.Errorf("objects %q", names)
	}
}

// An object that is listed and not there tells that somebody changes them: what is there
// is looked for again, and nobody is told that all is erased.
func TestEraseLooksAgain(t *testing.T) {
	dir, bucket := newDir(t), t.TempDir()
	l := openLog(t, dir)
	r := open(t, dir, l, Options{Strict: true})
	one, e := recordOne(t, r, dir, full)
	r.Close()
	stored(t, dir, l, "file://"+bucket)
	first := filepath.Join(bucket, e.Recording[0].Pack+"-0-0-0"+closedExt)
	if err := os.Symlink(filepath.Join(bucket, "gone"), first); err != nil {
		t.Fatal(err)
	}
	w := eraser{t: t, dir: dir, store: "file://" + bucket}
	if err := w.erase(one); err == nil || len(w.told) != 0 {
		t.Errorf("told %+v, %v", w.told, err)
	}
	if err := os.Remove(first); err != nil {
		t.Fatal(err)
	}
	if err := w.erase(one); err != nil {
		t.Error(err)
	}
}

func objects(t *testing.T, bucket string) (names []string) {
	t.Helper()
	files, err := os.ReadDir(bucket)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if strings.HasSuffix(f.Name(), closedExt) {
			names = append(names, f.Name())
		}
	}
	return names
}

// An object that may not be deleted is an error, and what is in it is there: nobody is
// told that it is erased.
func TestEraseWhatIsLocked(t *testing.T) {
	dir, bucket := newDir(t), t.TempDir()
	l := openLog(t, dir)
	r := open(t, dir, l, Options{Strict: true})
	one, _ := recordOne(t, r, dir, full)
	r.Close()
	stored(t, dir, l, "file://"+bucket)
	name := objects(t, bucket)[0]
	locked := filepath.Join(bucket, name)
	raw, err := os.ReadFile(locked)
	if err != nil {
		t.Fatal(err)
	}
	w := eraser{t: t, dir: dir, store: "file://" + bucket}
	packs, err := OpenReader(t.Context(), dir, testKey, w.store)
	if err != nil {
		t.Fatal(err)
	}
	defer packs.Close()
	left, err := packs.Erase(t.Context(), []Erasure{{one, ends(t, dir)[one].Recording}}, func(a record.Act) error {
		return unremovable(locked)
	})
	if err == nil || !left[one] || !strings.Contains(err.Error(), name) {
		t.Errorf("got %v", err)
	}
	if err := errors.Join(os.RemoveAll(locked), os.WriteFile(locked, raw, 0o600)); err != nil {
		t.Fatal(err)
	}
	if err := w.erase(one); err != nil || len(objects(t, bucket)) != 1 {
		t.Errorf("once it may be: %v, %q", err, objects(t, bucket))
	}
}

// unremovable puts a folder with something in it in the place of a file: not even
// root removes that as a file.
func unremovable(path string) error {
	return errors.Join(os.Remove(path), os.MkdirAll(filepath.Join(path, "kept"), 0o700))
}

// While something is erased no pack is closed or recovered, nor is anything erased by
// another; exchanges go on. That pack is not taken elsewhere.
func TestEraseAlone(t *testing.T) {
	dir, bucket := newDir(t), t.TempDir()
	l := openLog(t, dir)
	r := open(t, dir, l, Options{Strict: true, Store: "file://" + bucket, PackBytes: 1})
	packs, err := lock(t.Context(), r.dir)
	if err != nil {
		t.Fatal(err)
	}
	one, e := recordOne(t, r, dir, full)
	two, f := recordOne(t, r, dir, full) // for which the first one's pack would be closed
	paths, err := local(r.dir)
	if err != nil {
		t.Fatal(err)
	}
	path := paths[e.Recording[0].Pack]
	taken, err := lock(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	brief, stop := context.WithTimeout(t.Context(), time.Millisecond)
	defer stop()
	_, erases := r.Erase(brief, []Erasure{{two, f.Recording}}, nil)
	for what, err := range map[string]error{
		"closing":    r.finish(&pack{count: 1, path: "a pack"}),
		"taking":     r.ship(brief, path),
		"recovering": r.recoverAlone(brief),
		"erasing":    erases,
	} {
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if n := len(closed(t, dir)) + len(objects(t, bucket)); n != 0 {
		t.Errorf("%d packs were closed or stored", n)
	}
	packs.Close()
	taken.Close()
	eventually(t, "storing", func() bool { return len(objects(t, bucket)) > 0 })
	wantWhole(t, r, e, one)
	wantWhole(t, r, f, two)
}

// An outside store that takes its time keeps no pack from being closed while one is
// taken there, or erased in there.
func TestASlowStoreHoldsNothingUp(t *testing.T) {
	for _, what := range []string{"taking", "erasing"} {
		t.Run(what, func(t *testing.T) {
			dir, bucket := newDir(t), t.TempDir()
			l := openLog(t, dir)
			r := open(t, dir, l, Options{Strict: true})
			id, e := recordOne(t, r, dir, full)
			r.Close()
			path := closed(t, dir)[0]
			sum, err := hashFile(path)
			if err != nil {
				t.Fatal(err)
			}
			object := filepath.Join(bucket, objectKey(path, sum))
			if err := unix.Mkfifo(object, 0o600); err != nil { // who reads it waits
				t.Fatal(err)
			}
			o := Options{Strict: true, PackBytes: 1}
			if what == "taking" {
				o.Store = "file://" + bucket
			}
			r = open(t, dir, l, o)
			var erasing sync.WaitGroup
			if what == "erasing" {
				packs, err := OpenReader(t.Context(), dir, testKey, "file://"+bucket)
				if err != nil {
					t.Fatal(err)
				}
				erasing.Go(func() {
					packs.Erase(context.Background(), []Erasure{{id, e.Recording}}, func(record.Act) error { return nil })
				})
			}
			t.Cleanup(func() {
				if f, err := os.OpenFile(object, os.O_WRONLY, 0); err == nil {
					f.Close()
				}
				erasing.Wait()
			})
			eventually(t, what, func() bool { return isLocked(t, path) })
			before := len(acts(t, dir, "pack"))
			recordOne(t, r, dir, full)
			recordOne(t, r, dir, full)
			eventually(t, "closing the next", func() bool { return len(acts(t, dir, "pack")) > before })
		})
	}
}

// isLocked tells whether somebody has the lock at path.
func isLocked(t *testing.T, path string) bool {
	brief, stop := context.WithCancel(t.Context())
	stop()
	l, err := lock(brief, path)
	if err == nil {
		l.Close()
	}
	return err != nil
}
