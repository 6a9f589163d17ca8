package record

import (
	"context"
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
	if err := CatchUp(context.Background(), dir, ix); err != nil || ix.pos != last || ix.resets != 1 {
		t.Errorf("of another log: %v, entry %d, %d resets", err, ix.pos.Seq, ix.resets)
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
