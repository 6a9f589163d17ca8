package recording

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"cloakroom/internal/record"
)

// A pack in which anything was changed: who reads it gets an error or what was
// there, and who compares it with the log finds it, without a key.
func TestTampered(t *testing.T) {
	dir := newDir(t)
	l := openLog(t, dir)
	r := open(t, dir, l, Options{Strict: true})
	named := map[record.Part]string{}
	for range 3 {
		id, e := recordOne(t, r, dir, full)
		for _, p := range e.Recording {
			named[p] = id
		}
	}
	r.Close()
	path := closed(t, dir)[0]
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	parts := scanned(t, path)
	if len(parts) < 3 || !same(parts, named) {
		t.Fatalf("scanned %+v", parts)
	}
	second := parts[1].Part
	cases := map[string][]byte{
		"a part is dropped":        splice(whole, second.At, second.Size, nil),
		"a part is put in twice":   splice(whole, second.At, 0, whole[second.At:second.At+second.Size]),
		"two parts change places":  append(splice(whole, second.At, second.Size, nil), whole[second.At:second.At+second.Size]...),
		"the last part is cut":     whole[:len(whole)-1],
		"a byte is added":          append(bytes.Clone(whole), 0),
		"the first line is longer": splice(whole, 1, 0, []byte(" ")),
	}
	for name, changed := range cases {
		t.Run(name, func(t *testing.T) { wantFound(t, path, changed, named) })
	}
	for at := 0; at < len(whole); at += 7 {
		changed := bytes.Clone(whole)
		changed[at] ^= 1
		wantFound(t, path, changed, named)
	}
}

func splice(b []byte, at, cut int64, with []byte) []byte {
	return append(append(bytes.Clone(b[:at]), with...), b[at+cut:]...)
}

// scanned are the parts of a pack; nil: it is none.
func scanned(t *testing.T, path string) (all []Found) {
	t.Helper()
	_, err := Scan(path, func(f Found) error { all = append(all, f); return nil })
	if err != nil && !errors.Is(err, ErrBroken) {
		t.Errorf("got %v", err)
	}
	if err != nil {
		return nil
	}
	return all
}

func same(found []Found, named map[record.Part]string) bool {
	for _, f := range found {
		if named[f.Part] != f.Exchange {
			return false
		}
	}
	return len(found) == len(named)
}

// wantFound wants that changed is told from what the log names.
func wantFound(t *testing.T, path string, changed []byte, named map[record.Part]string) {
	t.Helper()
	other := t.TempDir()
	if err := os.Mkdir(filepath.Join(other, packsFolder), 0o700); err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(other, packsFolder, filepath.Base(path))
	if err := os.WriteFile(to, changed, 0o600); err != nil {
		t.Fatal(err)
	}
	if found := scanned(t, to); found != nil && same(found, named) {
		t.Error("it is not told from what it was")
	}
	reader, err := OpenReader(context.Background(), other, testKey, "")
	if err != nil {
		t.Fatal(err)
	}
	for p, id := range named {
		if _, err := reader.Read(context.Background(), id, []record.Part{p}); err != nil && !errors.Is(err, ErrBroken) {
			t.Errorf("got %v", err)
		}
	}
}

func TestOtherKey(t *testing.T) {
	dir := newDir(t)
	l := openLog(t, dir)
	r := open(t, dir, l, Options{Strict: true})
	id, e := recordOne(t, r, dir, full)
	reader, err := OpenReader(context.Background(), dir, [32]byte{7}, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := reader.Read(context.Background(), id, e.Recording); !errors.Is(err, ErrKey) || errors.Is(err, ErrBroken) {
		t.Errorf("got %v", err)
	}
	if _, err := r.Read(context.Background(), record.NewID(began), e.Recording); !errors.Is(err, ErrBroken) {
		t.Errorf("as another's: %v", err)
	}
	if _, err := r.Read(context.Background(), id, nil); !errors.Is(err, ErrNotRecorded) {
		t.Errorf("nothing: %v", err)
	}
}

func TestKeep(t *testing.T) {
	dir := newDir(t)
	r := open(t, dir, openLog(t, dir), Options{Strict: true})
	data := bytes.Repeat([]byte("the rules in force; "), 200_000)
	parts, err := r.Keep(context.Background(), data)
	if err != nil || len(parts) < 2 {
		t.Fatalf("got %v, %v", parts, err)
	}
	got, err := r.Blob(context.Background(), parts)
	if err != nil || !bytes.Equal(got, data) {
		t.Errorf("got %d bytes, %v", len(got), err)
	}
	if _, err := r.Blob(context.Background(), parts[1:]); !errors.Is(err, ErrBroken) {
		t.Errorf("without the first: %v", err)
	}
}

// TestKeptForNothing ends a process between the keeping of a text and the entry that
// would have named it: what the next one says of it is not of an exchange.
func TestKeptForNothing(t *testing.T) {
	dir := newDir(t)
	r := open(t, dir, openLog(t, dir), Options{Strict: true})
	if _, err := r.Keep(context.Background(), []byte(`{"rules":"in force"}`)); err != nil {
		t.Fatal(err)
	}
	id := record.NewID(began)
	if err := ordinary(r.Begin(id, "agent", began, full), jsonBody(1)); err != nil {
		t.Fatal(err)
	}
	ended := newDir(t)
	if err := errors.Join(os.CopyFS(ended, os.DirFS(dir)), os.Chmod(ended, 0o700)); err != nil {
		t.Fatal(err)
	}
	l := openLog(t, ended)
	open(t, ended, l, Options{Strict: true})
	l.Close()
	all := ends(t, ended)
	for exchange, e := range all {
		if want := map[bool]string{true: Unended, false: Unwanted}[exchange == id]; e.Error != want || len(e.Recording) == 0 {
			t.Errorf("%s: got %+v, want %q", exchange, e, want)
		}
	}
	if len(all) != 2 {
		t.Errorf("%d ends", len(all))
	}
}

// Hostile files give errors, and take no memory that they do not fill.
func FuzzScan(f *testing.F) {
	dir := f.TempDir() + "/log"
	l := openLog(f, dir)
	r := open(f, dir, l, Options{Strict: true})
	tape := r.Begin(record.NewID(began), "agent", began, full)
	if err := ordinary(tape, jsonBody(1)); err != nil {
		f.Fatal(err)
	}
	tape.End(began.Add(time.Second), record.End{})
	r.Close()
	paths, err := listed(filepath.Join(dir, packsFolder), closedExt)
	if err != nil || len(paths) != 1 {
		f.Fatal(paths, err)
	}
	whole, err := os.ReadFile(paths[0])
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(whole[:len(whole)/2])
	f.Add([]byte("{}\n"))
	name := filepath.Base(paths[0])
	f.Fuzz(func(t *testing.T, pack []byte) {
		other := t.TempDir()
		path := filepath.Join(other, packsFolder, name)
		if err := errors.Join(os.Mkdir(filepath.Dir(path), 0o700), os.WriteFile(path, pack, 0o600)); err != nil {
			t.Fatal(err)
		}
		for _, found := range scanned(t, path) {
			reader, err := OpenReader(context.Background(), other, testKey, "")
			if err != nil {
				t.Fatal(err)
			}
			_, _ = reader.Read(context.Background(), found.Exchange, []record.Part{found.Part})
		}
	})
}

// What is unsealed is read with care too: it is a tape, or an error.
func FuzzParse(f *testing.F) {
	id := record.NewID(began)
	f.Add([]byte(`{"v":1,"exchange":"` + id + `","part":0,"began":"2026-11-05T12:00:00Z"}` + "\n" + `{"at":1,"kind":"got","data":3}` + "\nabc\n" +
		`{"of":0,"data":1}` + "\nx\n" + `{"at":9,"kind":"end","sent":{"bytes":0,"kept":0},"got":{"bytes":3,"kept":3}}` + "\n"))
	f.Fuzz(func(t *testing.T, plain []byte) {
		p := &parser{}
		_ = p.part(id, plain)
	})
}

// Bytes that stand where nobody would look for them are no recording.
func TestParseHidesNothing(t *testing.T) {
	id := record.NewID(began)
	begin, head := `{"v":1,"exchange":"`+id+`","part":0`, `{"at":1,"kind":"response","status":200`
	for name, text := range map[string]string{
		"behind the first line": begin + `,"data":3}` + "\nabc\n",
		"behind a head":         begin + "}\n" + head + `,"data":3}` + "\nabc\n",
		"behind a head, later":  begin + "}\n" + head + "}\n" + `{"of":0,"data":3}` + "\nabc\n",
		"behind the end":        begin + "}\n" + `{"kind":"end","data":3}` + "\nabc\n",
	} {
		if _, err := Parse(id, [][]byte{[]byte(text)}); err == nil {
			t.Errorf("%s: read", name)
		}
	}
	if _, err := Parse(id, [][]byte{[]byte(begin + "}\n" + head + "}\n" + `{"kind":"end"}` + "\n")}); err != nil {
		t.Error(err)
	}
}

// left makes a directory as a process leaves it that is killed: a pack is open, and the
// log names what stands in it.
func left(t *testing.T) (dir, pack string, named []string) {
	t.Helper()
	from, dir := newDir(t), newDir(t)
	l := openLog(t, from)
	r := open(t, from, l, Options{Strict: true})
	for range 3 {
		id, _ := recordOne(t, r, from, full)
		named = append(named, id)
	}
	if err := errors.Join(os.CopyFS(dir, os.DirFS(from)), os.Chmod(dir, 0o700)); err != nil {
		t.Fatal(err)
	}
	packs, err := listed(filepath.Join(dir, packsFolder), openExt)
	if err != nil || len(packs) != 1 {
		t.Fatalf("got %q, %v", packs, err)
	}
	return dir, packs[0], named
}

// A pack that was left open is not taken for torn because the key is another.
func TestOpensNothingWithAnotherKey(t *testing.T) {
	dir, pack, named := left(t)
	before, err := os.ReadFile(pack)
	if err != nil {
		t.Fatal(err)
	}
	l := openLog(t, dir)
	_, err = Open(context.Background(), Options{Dir: dir, Key: [32]byte{7}, Log: l, Strict: true, Logger: quiet()})
	if err == nil {
		t.Error("it opened")
	}
	if after, err := os.ReadFile(pack); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the pack is not what it was: %v", err)
	}
	r := open(t, dir, l, Options{Strict: true})
	all := ends(t, dir)
	for _, id := range named {
		wantWhole(t, r, all[id], id)
	}
}

// What the log names is not cut off because something before it was changed.
func TestKeepsWhatStandsBehindABrokenPart(t *testing.T) {
	dir, pack, named := left(t)
	all := ends(t, dir)
	change(t, pack, all[named[0]].Recording[0].At+frameHeader)
	l := openLog(t, dir)
	r := open(t, dir, l, Options{Strict: true})
	if _, err := r.Read(context.Background(), named[0], all[named[0]].Recording); !errors.Is(err, ErrBroken) {
		t.Errorf("what was changed: %v", err)
	}
	for _, id := range named[1:] {
		wantWhole(t, r, all[id], id)
	}
	if len(closed(t, dir)) != 1 {
		t.Error("the pack is not closed")
	}
}

// What does not begin as a pack does is not deleted: it may have been one.
func TestSetsAsideWhatIsNoPack(t *testing.T) {
	dir, pack, _ := left(t)
	change(t, pack, 10)
	before, err := os.ReadFile(pack)
	if err != nil {
		t.Fatal(err)
	}
	open(t, dir, openLog(t, dir), Options{Strict: true})
	if after, err := os.ReadFile(pack + asideExt); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the pack is not what it was: %v", err)
	}
}

// change changes the byte of a file.
func change(t *testing.T, path string, at int64) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text[at] ^= 1
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}
