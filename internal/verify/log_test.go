package verify

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"cloakroom/internal/checkpoint"
	"cloakroom/internal/record"
)

func TestACleanInstanceIsNotAccused(t *testing.T) {
	w := newLogWorld(t)
	r := w.verify(t)
	if r.Found > 0 || len(r.Notes) > 0 {
		t.Errorf("found %s, notes %q", told(r), r.Notes)
	}
	if len(r.Logs) != 2 || r.Logs[0].Entries < 22 || r.Logs[0].Signed != r.Logs[0].Entries || r.Witnessed < 4 || r.Rows != 22 {
		t.Errorf("report %+v", r)
	}
}

// TestALogThatHasJustBegun is none to raise an alarm about: a minute later it is.
func TestALogThatHasJustBegun(t *testing.T) {
	w := newWorld(t) // its log begins at noon
	for _, tt := range []struct {
		now   time.Time
		taken bool // by the store
		found int
	}{{noon.Add(time.Second), false, 0}, {noon.Add(time.Minute), false, 1}, {noon.Add(-time.Minute), false, 1}, {noon.Add(time.Second), true, 1}} {
		if tt.taken {
			w.witness(signing(t, 1))
		}
		r, err := Logs{Dirs: []string{w.dir}, Keys: []note.Verifier{signing(t, 1).Verifier()}, Now: tt.now}.Verify(t.Context())
		if err != nil || (r.Found > 0) != (tt.found > 0) {
			t.Errorf("%+v: found %s, %v", tt, told(r), err)
		}
	}
}

// segment is one of the log's segments, and its lines.
func segment(t *testing.T, dir string, n int) (path string, lines [][]byte) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.log"))
	if err != nil || len(paths) < 4 {
		t.Fatalf("%d segments, %v", len(paths), err)
	}
	b, err := os.ReadFile(paths[n])
	if err != nil {
		t.Fatal(err)
	}
	lines = slices.Collect(bytes.Lines(b))
	if len(lines) < 2 {
		t.Fatalf("%d lines in %q", len(lines), paths[n])
	}
	return paths[n], lines
}

// TestTampering changes an instance's files one way at a time. Each is found,
// and where is told.
func TestTampering(t *testing.T) {
	w := newLogWorld(t)
	path, lines := segment(t, w.one, 1)
	last, lastLines := segment(t, w.one, len(glob(t, w.one, "*.log"))-1)
	first := record.Line{}
	first, _ = record.ParseLine(lines[0])
	write := func(path string, lines ...[]byte) func(t *testing.T) {
		return func(t *testing.T) { put(t, path, bytes.Join(lines, nil)) }
	}
	at := func(n int) string { return fmt.Sprintf("%s:%d: ", path, len(bytes.Join(lines[:n], nil))) }
	entry := func(n int) string { return fmt.Sprintf("entry %d: ", first.Seq+uint64(n)) }
	changed := bytes.Replace(lines[1], []byte(`"time":"2`), []byte(`"time":"3`), 1)
	id, _ := record.ID(w.one)
	two, _ := record.ID(w.two)
	notes := filepath.Join(w.witness, id+".checkpoints")
	kept := splitNotes(t, notes, id)
	for _, tt := range []struct {
		name string
		do   func(t *testing.T)
		want []string // each in some finding
	}{
		{"change a line", write(path, append([][]byte{lines[0], changed}, lines[2:]...)...), []string{at(1) + "log " + id + ": " + entry(1) + "not the line that was signed"}},
		{"change a line to none", write(path, append([][]byte{lines[0], []byte("{}\n")}, lines[2:]...)...), []string{at(1), entry(1) + "not a line of a log"}},
		{"drop a line", write(path, append([][]byte{lines[0]}, lines[2:]...)...), []string{at(1), entry(1) + "in its place stands"}},
		{"drop a segment's first line", write(path, lines[1:]...), []string{path + ":0: ", entry(0) + "in its place stands"}},
		{"drop a segment's last line", write(path, lines[:len(lines)-1]...), []string{entry(len(lines)-1) + "the segment begins"}},
		{"insert a line", write(path, append([][]byte{lines[0], lastLines[0]}, lines[1:]...)...), []string{at(1), entry(1) + "in its place stands"}},
		{"repeat a line", write(path, append([][]byte{lines[0], lines[0]}, lines[1:]...)...), []string{at(1), entry(1) + "in its place stands"}},
		{"swap two lines", write(path, append([][]byte{lines[1], lines[0]}, lines[2:]...)...), []string{path + ":0: ", entry(0) + "in its place stands"}},
		{"a line behind a segment's end", write(path, append(slices.Clone(lines), lines[0])...), []string{at(len(lines)), "behind the segment's last entry"}},
		{"half a line behind a segment's end", write(path, append(slices.Clone(lines), lines[0][:40])...), []string{at(len(lines)), "behind the segment's last entry"}},
		{"take a line's end", write(path, append(slices.Clone(lines[:len(lines)-1]), lines[len(lines)-1][:40])...), []string{"a line without an end"}},
		{"truncate the last line", write(last, lastLines[:len(lastLines)-1]...), []string{"cut short or rolled back", "missing"}},
		{"truncate within the last line", write(last, append(slices.Clone(lastLines[:len(lastLines)-1]), lastLines[len(lastLines)-1][:40])...), []string{"cut short or rolled back"}},
		{"remove a segment", func(t *testing.T) { remove(t, path) }, []string{entry(0) + "the segment begins"}},
		{"remove the last segment", func(t *testing.T) { remove(t, last) }, []string{"cut short or rolled back"}},
		{"rename a segment", func(t *testing.T) { rename(t, path, path+"x.log") }, []string{"not the name of a segment", entry(0) + "the segment begins"}},
		{"another id", func(t *testing.T) { put(t, filepath.Join(w.one, "id"), []byte(strings.Repeat("0", 26))) }, []string{`a checkpoint of log "` + id, "missing"}},
		{"no id", func(t *testing.T) { remove(t, filepath.Join(w.one, "id")) }, []string{w.one}},
		{"no checkpoint", func(t *testing.T) { remove(t, checkpoint.LatestPath(w.one)) }, []string{"no checkpoint: nothing"}},
		{"an earlier checkpoint", func(t *testing.T) { put(t, checkpoint.LatestPath(w.one), kept[0]) }, []string{"replaced by an earlier one"}},
		{"another log's checkpoint", func(t *testing.T) { put(t, checkpoint.LatestPath(w.one), w.pristine[checkpoint.LatestPath(w.two)]) }, []string{`a checkpoint of log "` + two}},
		{"a checkpoint with another key", func(t *testing.T) { put(t, checkpoint.LatestPath(w.one), w.forged(t, w.one)) }, []string{checkpoint.LatestPath(w.one), "not signed with the expected key"}},
		{"cut the witness", write(notes, kept[:len(kept)-1]...), []string{notes, "it was cut"}},
		{"cut within the witness's last", func(t *testing.T) { b := w.pristine[notes]; put(t, notes, b[:len(b)-9]) }, []string{"it was cut"}},
		{"drop from the witness's middle to half", func(t *testing.T) {
			b := w.pristine[notes]
			put(t, notes, append(bytes.Clone(b[:30]), b[len(kept[0]):]...))
		}, []string{notes + ":0"}},
		{"swap the witness's checkpoints", write(notes, append([][]byte{kept[1], kept[0]}, kept[2:]...)...), []string{notes, "moved or repeated"}},
		{"empty the witness", write(notes), []string{"it was cut"}},
		{"remove the witness's file", func(t *testing.T) { remove(t, notes) }, []string{"it was cut"}},
		{"the witness of another key", func(t *testing.T) { put(t, notes, w.forged(t, w.one)) }, []string{notes + ":0", "not signed with the expected key"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			defer w.restore(t)
			tt.do(t)
			got := told(w.verify(t))
			for _, want := range tt.want {
				if !strings.Contains(got, want) {
					t.Errorf("found:\n%s\nwant %q", got, want)
				}
			}
		})
	}
	if r := w.verify(t); r.Found > 0 {
		t.Fatalf("after all was restored: %s", told(r))
	}
}

func glob(t *testing.T, dir, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

func splitNotes(t *testing.T, path, log string) (notes [][]byte) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := checkpoint.ReadNotes(f, log, func(_ int64, n []byte) error {
		notes = append(notes, bytes.Clone(n))
		return nil
	}); err != nil || len(notes) < 2 {
		t.Fatalf("%d notes, %v", len(notes), err)
	}
	return notes
}

// forged is a true checkpoint of a log, by the key of somebody else.
func (w *logWorld) forged(t *testing.T, dir string) []byte {
	t.Helper()
	key, err := checkpoint.NewKey([32]byte{66})
	if err != nil {
		t.Fatal(err)
	}
	c, err := checkpoint.Open(w.pristine[checkpoint.LatestPath(dir)], w.key.Verifier())
	if err != nil {
		t.Fatal(err)
	}
	s, err := key.Sign(c.Checkpoint)
	if err != nil {
		t.Fatal(err)
	}
	return s.Note
}

// TestAnyByte changes, drops and inserts bytes anywhere in the logs, in what is
// signed of them and in what the witness keeps.
func TestAnyByte(t *testing.T) {
	w := newLogWorld(t)
	var paths []string
	for path := range w.pristine {
		if filepath.Base(path) != "tree" && !strings.HasPrefix(path, w.store) { // derived; rows are tried in package sqlite
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 0))
	for range 150 {
		path := paths[random.IntN(len(paths))]
		was := w.pristine[path]
		at := random.IntN(len(was))
		var now []byte
		how := []string{"change", "drop", "insert", "truncate", "repeat"}[random.IntN(5)]
		switch how {
		case "change":
			now = bytes.Clone(was)
			now[at] ^= byte(1 + random.IntN(255))
		case "drop":
			now = slices.Delete(bytes.Clone(was), at, min(len(was), at+1+random.IntN(40)))
		case "insert":
			now = slices.Insert(bytes.Clone(was), at, byte(random.IntN(256)))
		case "truncate":
			now = was[:at]
		case "repeat":
			now = slices.Insert(bytes.Clone(was), at, was[at:min(len(was), at+300)]...)
		}
		put(t, path, now)
		r := w.verify(t)
		dir := filepath.Dir(strings.Replace(path, "/witnessed/", "/", 1))
		if r.Found == 0 || !strings.Contains(told(r), dir) {
			t.Errorf("seed %d: %s at byte %d of %q: found %q", seed, how, at, path, told(r))
		}
		w.restore(t)
	}
}

// TestRolledBack takes the folder of a log, and all beside it, back to an
// earlier copy, and lets it go on from there.
func TestRolledBack(t *testing.T) {
	w := newLogWorld(t)
	earlier := map[string][]byte{}
	for path, b := range w.pristine {
		if strings.HasPrefix(path, w.one) || strings.HasPrefix(path, w.store) {
			earlier[path] = b
		}
	}
	w.run(t, 4)
	later := w.files(t)
	rollBack := func() {
		for path := range later {
			if strings.HasPrefix(path, w.one) || strings.HasPrefix(path, w.store) {
				remove(t, path)
			}
		}
		for path, b := range earlier {
			put(t, path, b)
		}
	}
	rollBack()
	id, _ := record.ID(w.one)
	want(t, w.verify(t), "log "+id+": entry", filepath.Join(w.witness, id+".checkpoints"), "cut short or rolled back")
	// The witness is taken back too: the other replica's log tells.
	notes := filepath.Join(w.witness, id+".checkpoints")
	put(t, notes, w.pristine[notes])
	want(t, w.verify(t), "it names log "+id, "cut short or rolled back")
	// It goes on from there: a fork.
	w.run(t, 9)
	want(t, w.verify(t), "it names log "+id, "continued twice")
	put(t, notes, later[notes])
	want(t, w.verify(t), notes, "continued twice")
	// Both continuations are shown.
	fork := filepath.Join(w.root, "fork")
	for path, b := range later {
		if rest, ok := strings.CutPrefix(path, w.one); ok {
			put(t, fork+rest, b)
		}
	}
	want(t, w.verify(t, w.one, w.two, fork), "the same log as in")
}

func want(t *testing.T, r LogReport, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(told(r), text) {
			t.Errorf("found:\n%s\nwant %q", told(r), text)
		}
	}
}

// TestADroppedLogIsMissed drops a replica's log whole.
func TestADroppedLogIsMissed(t *testing.T) {
	w := newLogWorld(t)
	id, _ := record.ID(w.two)
	want(t, w.verify(t, w.one), "it names log "+id, "log "+id+": a checkpoint of", w.store+" head")
	// The witness and the store forget it too.
	remove(t, filepath.Join(w.witness, id+".checkpoints"))
	v, done := w.logs(t, w.one)
	defer done()
	v.Heads = nil
	r, err := v.Verify(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	want(t, r, "it names log "+id)
}

func TestLogsNeedWhatTheyRestOn(t *testing.T) {
	w := newLogWorld(t)
	whole, done := w.logs(t)
	defer done()
	for name, spoil := range map[string]func(*Logs){
		"logs": func(v *Logs) { v.Dirs = nil }, "keys": func(v *Logs) { v.Keys = []note.Verifier{} }, "time": func(v *Logs) { v.Now = time.Time{} },
	} {
		v := whole
		spoil(&v)
		if _, err := v.Verify(context.Background()); err == nil {
			t.Errorf("without %s", name)
		}
	}
}
