package recording

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"cloakroom/internal/record"

	"golang.org/x/sys/unix"
)

// eraser erases what the log says of exchanges, and keeps what it tells.
type eraser struct {
	t     *testing.T
	dir   string
	store string
	told  []record.Act
}

func (e *eraser) erase(ids ...string) error {
	e.t.Helper()
	packs, err := OpenReader(context.Background(), e.dir, testKey, e.store)
	if err != nil {
		e.t.Fatal(err)
	}
	defer packs.Close()
	var what []Erasure
	for _, id := range ids {
		what = append(what, Erasure{id, ends(e.t, e.dir)[id].Recording})
	}
	left, err := packs.Erase(context.Background(), what, func(a record.Act) error {
		e.told = append(e.told, a)
		return nil
	})
	if (len(left) > 0) != (err != nil) {
		e.t.Errorf("left is %v, and the error %v", left, err)
	}
	return err
}

func wantErased(t *testing.T, r Reader, id string, e record.End) {
	t.Helper()
	if _, err := r.Read(context.Background(), id, e.Recording); !errors.Is(err, ErrErased) {
		t.Errorf("exchange %s: got %v", id, err)
	}
}

// What is erased of an open pack is gone, all else in it is there, and the service goes
// on with it: what closes it notes what it is.
func TestEraseInAnOpenPack(t *testing.T) {
	dir := newDir(t)
	l := openLog(t, dir)
	r := open(t, dir, l, Options{Strict: true})
	one, e := recordOne(t, r, dir, full)
	two, f := recordOne(t, r, dir, full)
	rules, err := r.Keep(t.Context(), []byte("the rules in force"))
	if err != nil {
		t.Fatal(err)
	}
	w := eraser{t: t, dir: dir}
	for range 2 { // the second time there is nothing to do
		if err := w.erase(one); err != nil {
			t.Fatal(err)
		}
	}
	if len(w.told) != 1 || w.told[0].Name != "erase" || w.told[0].Target != e.Recording[0].Pack || w.told[0].N != len(e.Recording) {
		t.Errorf("told %+v", w.told)
	}
	three, g := recordOne(t, r, dir, full)
	r.Close()
	r = open(t, dir, l, Options{Strict: true})
	wantErased(t, r, one, e)
	wantWhole(t, r, f, two)
	wantWhole(t, r, g, three)
	if text, err := r.Blob(t.Context(), rules); err != nil || string(text) != "the rules in force" {
		t.Errorf("rules: %q, %v", text, err)
	}
	for _, a := range acts(t, dir, "pack") {
		if err := r.CheckPack(t.Context(), a.Target, []string{a.Detail}, func(string) bool { return false }); err != nil {
			t.Errorf("what it was closed as: %v", err)
		}
	}
}

// A service that ends without a word leaves an open pack in which something was
// erased: what stands behind is no torn end.
func TestEraseBeforeACrash(t *testing.T) {
	dir := newDir(t)
	l := openLog(t, dir)
	r := open(t, dir, l, Options{Strict: true})
	one, e := recordOne(t, r, dir, full)
	two, f := recordOne(t, r, dir, full)
	w := eraser{t: t, dir: dir}
	if err := w.erase(one); err != nil {
		t.Fatal(err)
	}
	three := record.NewID(began) // never ends
	if err := ordinary(r.Begin(three, "agent", began, full), jsonBody(1)); err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(dir, packsFolder)
	opened, err := listed(folder, openExt)
	if err != nil || len(opened) != 1 {
		t.Fatalf("%v, %v", opened, err)
	}
	left, err := os.ReadFile(opened[0])
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	if err := errors.Join(os.Remove(closed(t, dir)[0]), os.Remove(filepath.Join(folder, carriedFile)), os.WriteFile(opened[0], left, 0o600)); err != nil {
		t.Fatal(err)
	}
	r = open(t, dir, l, Options{Strict: true})
	wantErased(t, r, one, e)
	wantWhole(t, r, f, two)
	eventually(t, "its end", func() bool { return ends(t, dir)[three].Error == Unended })
	if is, err := os.ReadFile(closed(t, dir)[0]); err != nil || !bytes.Equal(is, left) {
		t.Errorf("the pack is another: %d bytes of %d, %v", len(is), len(left), err)
	}
}

// Only what is a part of the exchange is erased, whatever an index says.
func TestEraseNothingElse(t *testing.T) {
	dir := newDir(t)
	r := open(t, dir, openLog(t, dir), Options{Strict: true})
	one, e := recordOne(t, r, dir, full)
	_, f := recordOne(t, r, dir, full)
	rules, err := r.Keep(t.Context(), []byte("the rules in force"))
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	whole, err := os.ReadFile(closed(t, dir)[0])
	if err != nil {
		t.Fatal(err)
	}
	p := f.Recording[0]
	for name, parts := range map[string][]record.Part{
		"of another exchange": {p},
		"rules":               rules,
		"the first line":      {{Pack: p.Pack, At: 0, Size: p.Size}},
		"no part":             {{Pack: p.Pack, At: p.At + 1, Size: p.Size}},
		"two parts":           {{Pack: p.Pack, At: p.At, Size: 2 * p.Size}},
		"far away":            {{Pack: p.Pack, At: 1 << 62, Size: 1 << 62}},
		"behind":              {{Pack: p.Pack, At: int64(len(whole)) - 10, Size: 100}},
	} {
		packs, err := OpenReader(t.Context(), dir, testKey, "")
		if err != nil {
			t.Fatal(err)
		}
		_, err = packs.Erase(t.Context(), []Erasure{{one, parts}}, func(record.Act) error { return nil })
		if is, failed := os.ReadFile(closed(t, dir)[0]); !errors.Is(err, ErrBroken) || failed != nil || !bytes.Equal(is, whole) {
			t.Errorf("%s: %v, and the pack is the same: %v", name, err, bytes.Equal(is, whole))
		}
		packs.Close()
	}
	packs, err := OpenReader(t.Context(), dir, testKey, "")
	if err != nil {
		t.Fatal(err)
	}
	defer packs.Close()
	both := append(rules, e.Recording...)
	if left, err := packs.Erase(t.Context(), []Erasure{{one, both}}, func(record.Act) error { return nil }); !errors.Is(err, ErrBroken) || !left[one] {
		t.Errorf("rules, and what is the exchange's: got %v, %v", left, err)
	}
	wantErased(t, packs, one, e)
}

// Where the log does not hear of it nothing is erased.
func TestEraseNeedsTheLog(t *testing.T) {
	dir, bucket := newDir(t), t.TempDir()
	l := openLog(t, dir)
	r := open(t, dir, l, Options{Strict: true})
	one, e := recordOne(t, r, dir, full)
	r.Close()
	away := errors.New("the log is away")
	for _, store := range []string{"", "file://" + bucket} {
		if store != "" {
			stored(t, dir, l, store)
		}
		packs, err := OpenReader(t.Context(), dir, testKey, store)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := packs.Erase(t.Context(), []Erasure{{one, e.Recording}}, func(record.Act) error { return away }); !errors.Is(err, away) {
			t.Errorf("store %q: got %v", store, err)
		}
		wantWhole(t, packs, e, one)
		packs.Close()
	}
}

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
// taken there.
func TestASlowStoreHoldsNothingUp(t *testing.T) {
	dir, bucket := newDir(t), t.TempDir()
	l := openLog(t, dir)
	r := open(t, dir, l, Options{Strict: true})
	recordOne(t, r, dir, full)
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
	r = open(t, dir, l, Options{Strict: true, PackBytes: 1, Store: "file://" + bucket})
	t.Cleanup(func() {
		if f, err := os.OpenFile(object, os.O_WRONLY, 0); err == nil {
			f.Close()
		}
	})
	brief, stop := context.WithCancel(t.Context())
	stop()
	eventually(t, "taking the pack", func() bool {
		pack, err := lock(brief, path)
		if err == nil {
			pack.Close()
		}
		return err != nil
	})
	before := len(acts(t, dir, "pack"))
	recordOne(t, r, dir, full)
	recordOne(t, r, dir, full)
	eventually(t, "closing the next", func() bool { return len(acts(t, dir, "pack")) > before })
}
