package record

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cloakroom/internal/access"
)

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func newDir(t testing.TB) string { return filepath.Join(t.TempDir(), "log") }

func openLog(t testing.TB, dir string, o Options) *Log {
	t.Helper()
	if o.Logger == nil {
		o.Logger = quiet()
	}
	if o.tick == 0 {
		o.tick = time.Hour // no entries of its own
	}
	l, err := Open(dir, masks(t), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func reload(text string) Entry { return Entry{Time: epoch, Reload: &Reload{Revision: text}} }

func mustAppend(t testing.TB, l *Log, text string) {
	t.Helper()
	if err := l.Append(context.Background(), reload(text)); err != nil {
		t.Fatal(err)
	}
}

// entries reads the whole log, checking its chain, and returns the revisions
// of its reloads.
func entries(t testing.TB, dir string) (revisions []string) {
	t.Helper()
	r, err := ReadAfter(dir, Position{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for {
		l, err := r.Next()
		if err == io.EOF {
			return revisions
		}
		if err != nil {
			t.Fatal(err)
		}
		e, err := l.Entry()
		if err != nil {
			t.Fatal(err)
		}
		if e.Reload != nil {
			revisions = append(revisions, e.Reload.Revision)
		}
	}
}

func wantEntries(t testing.TB, dir string, want ...string) {
	t.Helper()
	if got := entries(t, dir); !slices.Equal(got, want) {
		t.Errorf("the log has %q, want %q", got, want)
	}
}

func TestAppendIsOnDisk(t *testing.T) {
	dir := newDir(t)
	l := openLog(t, dir, Options{})
	mustAppend(t, l, "a")
	l.Note(reload("b"))
	mustAppend(t, l, "c")
	wantEntries(t, dir, "a", "b", "c")
	if s := l.Stats(); s.Entries != 3 || s.Bytes == 0 || s.Commits == 0 || s.Failures != 0 || s.NotesLost != 0 {
		t.Errorf("stats: %+v", s)
	}
	if l.Durable().Seq != 3 {
		t.Errorf("durable up to %d", l.Durable().Seq)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if err := l.Append(context.Background(), reload("d")); err != ErrClosed {
		t.Errorf("after Close: %v", err)
	}
	l.Note(reload("e"))
	if s := l.Stats(); s.NotesLost != 1 {
		t.Errorf("a note after Close: %+v", s)
	}
}

func TestConcurrentAppendsShareCommits(t *testing.T) {
	dir := newDir(t)
	d := &faulty{}
	l := openLog(t, dir, Options{disk: d, SegmentBytes: 10_000})
	release := d.hold()
	var wg sync.WaitGroup
	var want []string
	for i := range 200 {
		text := fmt.Sprintf("%03d", i)
		want = append(want, text)
		wg.Go(func() { mustAppend(t, l, text) })
	}
	for len(l.appendRoom) < 200 {
		time.Sleep(time.Millisecond)
	}
	release()
	wg.Wait()
	got := entries(t, dir)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	// All but those of the first commit waited together.
	if s := l.Stats(); s.Commits > 2+200/30 {
		t.Errorf("%d commits for %d entries", s.Commits, s.Entries)
	}
}

func TestGivingUp(t *testing.T) {
	dir := newDir(t)
	d := &faulty{}
	l := openLog(t, dir, Options{disk: d, Queue: 2})
	release := d.hold()
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for range 5 { // two find room, the others wait for it
		wg.Go(func() {
			if err := l.Append(ctx, reload("x")); !errors.Is(err, ErrUnavailable) || !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
		})
	}
	for len(l.appendRoom) < 2 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	wg.Wait()
	release()
	mustAppend(t, l, "after")
	if got := entries(t, dir); got[len(got)-1] != "after" || len(got) > 3 {
		t.Errorf("got %q", got)
	}
}

func TestNotesAreNeverLostUncounted(t *testing.T) {
	dir := newDir(t)
	d := &faulty{}
	l := openLog(t, dir, Options{disk: d, Queue: 4})
	release := d.hold()
	for range 6 {
		l.Note(reload("n"))
	}
	release()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	written, lost := len(entries(t, dir)), int(l.Stats().NotesLost)
	if lost == 0 || written+lost != 6 {
		t.Errorf("%d written, %d lost", written, lost)
	}
}

func TestSegments(t *testing.T) {
	dir := newDir(t)
	var want []string
	for round := range 3 {
		l := openLog(t, dir, Options{SegmentBytes: 600})
		for i := range 10 {
			want = append(want, fmt.Sprint(round, "-", i))
			mustAppend(t, l, want[len(want)-1])
		}
		l.Close()
	}
	wantEntries(t, dir, want...)
	firsts, err := segments(dir)
	if err != nil || len(firsts) < 5 || firsts[0] != 1 {
		t.Fatalf("segments %v, %v", firsts, err)
	}
	for _, first := range firsts {
		info, err := os.Stat(segmentPath(dir, first))
		if err != nil {
			t.Fatal(err)
		}
		if info.Size() > 600 || info.Mode().Perm() != 0o600 {
			t.Errorf("segment %d: %d bytes, mode %04o", first, info.Size(), info.Mode().Perm())
		}
	}
	testReadAfter(t, dir, uint64(len(want)))
}

// testReadAfter reads behind each of a log's n entries.
func testReadAfter(t *testing.T, dir string, n uint64) {
	t.Helper()
	for from := range n {
		p := positionAt(t, dir, from)
		r, err := ReadAfter(dir, p)
		if err != nil {
			t.Fatal(err)
		}
		if l, err := r.Next(); err != nil || l.Seq != from+1 {
			t.Errorf("after %d comes %d, %v", from, l.Seq, err)
		}
		r.Close()
		if p.Hash[0]++; from > 0 {
			if _, err := ReadAfter(dir, p); !errors.Is(err, ErrBroken) {
				t.Errorf("another hash at %d: %v", from, err)
			}
		}
	}
	if _, err := ReadAfter(dir, Position{Seq: 1000}); !errors.Is(err, ErrBroken) {
		t.Errorf("behind the end: %v", err)
	}
}

func positionAt(t *testing.T, dir string, seq uint64) Position {
	t.Helper()
	r, err := ReadAfter(dir, Position{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for r.pos.Seq < seq {
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
	}
	return r.pos
}

// TestLast asks where a log ends, over several segments, and where there is none.
func TestLast(t *testing.T) {
	dir := newDir(t)
	l := openLog(t, dir, Options{SegmentBytes: 1})
	for want := range uint64(4) {
		if got, err := Last(dir); err != nil || got != want {
			t.Fatalf("got %d, %v, want %d", got, err, want)
		}
		mustAppend(t, l, "r")
	}
}

func TestReaderFollows(t *testing.T) {
	dir := newDir(t)
	l := openLog(t, dir, Options{SegmentBytes: 500})
	r, err := ReadAfter(dir, Position{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for i := range 20 {
		if _, err := r.Next(); err != io.EOF {
			t.Fatalf("before entry %d: %v", i+1, err)
		}
		mustAppend(t, l, fmt.Sprint(i))
		if got, err := r.Next(); err != nil || got.Seq != uint64(i+1) {
			t.Fatalf("got entry %d, %v; want %d", got.Seq, err, i+1)
		}
	}
}

func TestDirectory(t *testing.T) {
	dir := newDir(t)
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, masks(t), Options{}); err == nil || !strings.Contains(err.Error(), "chmod 700") {
		t.Errorf("open to others: %v", err)
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, nil, Options{}); err == nil {
		t.Error("opened without a masker")
	}
	l := openLog(t, dir, Options{})
	if _, err := Open(dir, masks(t), Options{}); !errors.Is(err, ErrLocked) {
		t.Errorf("a second writer: %v", err)
	}
	l.Close()
	openLog(t, dir, Options{}).Close()
}

func TestRefusalsAreCountedTogether(t *testing.T) {
	dir := newDir(t)
	l := openLog(t, dir, Options{Now: func() time.Time { return epoch }})
	for i := range 1000 {
		l.CountRefusal(access.Unauthenticated, fmt.Sprint("10.0.0.", i%2))
		l.CountRefusal(access.Unauthenticated, fmt.Sprint("10.1.0.", i))
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	lines := readLines(t, dir)
	if len(lines) != 1 {
		t.Fatalf("%d entries", len(lines))
	}
	e, err := lines[0].Entry()
	if err != nil {
		t.Fatal(err)
	}
	counts, sum := map[string]int{}, 0
	for _, c := range e.Refusals.Counts {
		counts[c.Source] = c.N
		sum += c.N
	}
	if sum != 2000 || counts["10.0.0.0"] != 500 || len(counts) > sourcesMax+1 || !e.Refusals.Since.Equal(epoch.Truncate(time.Microsecond)) {
		t.Errorf("got %+v", e.Refusals)
	}
}

func TestRefusalsAreWrittenInTime(t *testing.T) {
	dir := newDir(t)
	l := openLog(t, dir, Options{tick: time.Millisecond})
	l.CountRefusal(access.Unauthenticated, "")
	for l.Durable().Seq == 0 {
		time.Sleep(time.Millisecond)
	}
}

func readLines(t *testing.T, dir string) (lines []Line) {
	t.Helper()
	r, err := ReadAfter(dir, Position{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	lines, err = r.batch(1 << 40)
	if !errors.Is(err, ErrBroken) || lines != nil {
		t.Fatalf("got %v", err)
	}
	r.Close()
	if r, err = ReadAfter(dir, Position{}); err != nil {
		t.Fatal(err)
	}
	for {
		l, err := r.Next()
		if err == io.EOF {
			return lines
		}
		if err != nil {
			t.Fatal(err)
		}
		l.Raw = bytes.Clone(l.Raw)
		lines = append(lines, l)
	}
}
