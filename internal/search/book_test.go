package search_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"cloakroom/internal/search"
)

var since = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

func openBook(t *testing.T, path string) *search.Book {
	t.Helper()
	b, err := search.OpenBook(path, key)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

func add(t *testing.T, b *search.Book, values ...search.Value) {
	t.Helper()
	if err := b.Add(since, values); err != nil {
		t.Fatal(err)
	}
}

var (
	first  = search.Value{Credential: "a", Bytes: []byte("the first value of all")}
	second = search.Value{Credential: "b", Bytes: []byte("another value, the second")}
	third  = search.Value{Credential: "a", Bytes: []byte("what came in its place")}
)

// TestBook keeps each value once, over a new start, and none of them is in the file.
func TestBook(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fingerprints")
	b := openBook(t, path)
	add(t, b, first, second, first)
	head := b.Head()
	b.Close()
	b = openBook(t, path)
	if b.Head() != head || head.Lines != 2 {
		t.Errorf("after a new start: %+v, was %+v", b.Head(), head)
	}
	add(t, b, second, first)
	if b.Head() != head {
		t.Error("a known value was written once more")
	}
	add(t, b, third)
	kept, heads, err := search.ReadBook(path, key)
	if err != nil || len(heads) != 4 || heads[2] != head || heads[3] != b.Head() {
		t.Fatalf("heads %v: %v", heads, err)
	}
	want := []search.Kept{}
	for _, v := range []search.Value{first, second, third} {
		want = append(want, search.Kept{Fingerprint: key.Fingerprint(v.Credential, v.Bytes), Since: since})
	}
	if !reflect.DeepEqual(kept, want) {
		t.Errorf("kept %+v, want %+v", kept, want)
	}
	text, err := os.ReadFile(path)
	if err != nil || len(compile(t, kept[0].Fingerprint, kept[1].Fingerprint).Find(text)) > 0 {
		t.Errorf("a value stands in the file: %v", err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v: %v", info.Mode(), err)
	}
}

// TestBookBehindACrash cuts the file at every place within its last line.
func TestBookBehindACrash(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fingerprints")
	b := openBook(t, path)
	add(t, b, first)
	head := b.Head()
	add(t, b, second)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	one := bytes.IndexByte(whole, '\n') + 1
	for n := one; n < len(whole); n += 97 {
		if err := os.WriteFile(path, whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		if kept, _, err := search.ReadBook(path, key); err != nil || len(kept) != 1 {
			t.Fatalf("cut at %d: %d kept: %v", n, len(kept), err)
		}
		b := openBook(t, path)
		if b.Head() != head {
			t.Fatalf("cut at %d: %+v", n, b.Head())
		}
		add(t, b, second)
		if kept, _, err := search.ReadBook(path, key); err != nil || len(kept) != 2 {
			t.Fatalf("cut at %d, after another: %d kept: %v", n, len(kept), err)
		}
		b.Close()
	}
}

// TestBookThatWasHarmed changes, drops and moves lines.
func TestBookThatWasHarmed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fingerprints")
	b := openBook(t, path)
	add(t, b, first, second)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	one := bytes.IndexByte(whole, '\n') + 1
	head := b.Head()
	for name, text := range map[string][]byte{
		"a changed byte":  append(append(append([]byte{}, whole[:one+50]...), whole[one+50]^1), whole[one+51:]...),
		"another's id":    append(append([]byte{}, whole[one:one+32]...), whole[32:]...),
		"no line":         []byte("hello\n"),
		"a dropped line":  whole[one:],
		"lines exchanged": append(append([]byte{}, whole[one:]...), whole[:one]...),
	} {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		kept, heads, err := search.ReadBook(path, key)
		if len(heads) > head.Lines && heads[head.Lines] == head {
			t.Errorf("%s: not seen", name)
		}
		if name == "a changed byte" && (len(kept) != 1 || !errors.Is(err, search.ErrChanged)) {
			t.Errorf("%s: %d others are read, %v", name, len(kept), err)
		}
	}
	if err := os.WriteFile(path, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := search.ReadBook(path, search.NewKey([32]byte{2})); err == nil {
		t.Error("read with another key")
	}
}

// TestBookWhoseDiskFails writes to a file that is closed, and later to one that
// is not.
func TestBookWhoseDiskFails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fingerprints")
	b := openBook(t, path)
	b.Close()
	if err := b.Add(since, []search.Value{first}); err == nil {
		t.Error("a value was taken that is not on disk")
	}
	if b.Head() != (search.Head{}) {
		t.Errorf("head %+v", b.Head())
	}
}

func FuzzReadBook(f *testing.F) {
	path := filepath.Join(f.TempDir(), "seed")
	b, err := search.OpenBook(path, key)
	if err != nil {
		f.Fatal(err)
	}
	if err := b.Add(since, []search.Value{first}); err != nil {
		f.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte("00000000000000000000000000000000 AAAA\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		path := filepath.Join(t.TempDir(), "fingerprints")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		kept, heads, err := search.ReadBook(path, key)
		if len(heads) != bytes.Count(text, []byte("\n"))+1 || (err == nil) != (len(kept) == len(heads)-1) {
			t.Errorf("%d fingerprints, %d heads: %v", len(kept), len(heads), err)
		}
		for _, k := range kept {
			if _, err := key.Compile([]search.Fingerprint{k.Fingerprint}); err != nil {
				t.Error(err)
			}
		}
	})
}
