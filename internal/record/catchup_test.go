package record

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestCatchUp brings an index behind a log that nobody writes any more, a torn
// last line and all, and leaves a log that is being written alone.
func TestCatchUp(t *testing.T) {
	dir := newDir(t)
	l := openLog(t, dir, Options{SegmentBytes: 1000})
	for range 20 {
		mustAppend(t, l, "an exchange")
	}
	ix := &slate{}
	if err := CatchUp(context.Background(), dir, ix); err != nil || ix.pos.Seq != 0 {
		t.Errorf("while it is written: %v, entry %d", err, ix.pos.Seq)
	}
	last := l.Durable()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(segmentPath(dir, lastSegment(t, dir)), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(`{"v":1,"seq":2`); err != nil {
		t.Fatal(err)
	}
	f.Close()
	for range 2 {
		if err := CatchUp(context.Background(), dir, ix); err != nil || ix.pos != last || len(ix.seqs) != 20 {
			t.Errorf("behind a crash: %v, entry %d of %d", err, ix.pos.Seq, last.Seq)
		}
	}
	ix.pos.Hash[0]++
	if err := CatchUp(context.Background(), dir, ix); !errors.Is(err, ErrBroken) || len(ix.seqs) != 20 || ix.resets != 0 {
		t.Errorf("of another log: %v, %d entries, %d resets", err, len(ix.seqs), ix.resets)
	}
}

// An index has of a broken log all that stands before what is wrong with it.
func TestCatchUpWithABrokenLog(t *testing.T) {
	dir := newDir(t)
	l := openLog(t, dir, Options{})
	for range 20 {
		mustAppend(t, l, "an exchange")
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(segmentPath(dir, 1))
	if err != nil {
		t.Fatal(err)
	}
	broken := bytes.Replace(text, []byte(`"seq":12`), []byte(`"seq":13`), 1)
	if err := os.WriteFile(segmentPath(dir, 1), broken, 0o600); err != nil {
		t.Fatal(err)
	}
	ix := &slate{}
	for range 2 {
		if err := CatchUp(context.Background(), dir, ix); !errors.Is(err, ErrBroken) || ix.pos.Seq != 11 || ix.resets != 0 {
			t.Errorf("%v, entry %d, %d resets", err, ix.pos.Seq, ix.resets)
		}
	}
}

func TestCatchUpMakesNoLog(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	if err := CatchUp(context.Background(), dir, &slate{}); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("a folder is there: %v", err)
	}
}

func lastSegment(t *testing.T, dir string) uint64 {
	t.Helper()
	firsts, err := segments(dir)
	if err != nil || len(firsts) < 2 {
		t.Fatalf("segments %v: %v", firsts, err)
	}
	return firsts[len(firsts)-1]
}
