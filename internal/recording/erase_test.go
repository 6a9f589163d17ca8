package recording

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"cloakroom/internal/record"
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
