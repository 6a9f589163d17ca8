package record

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// FuzzReader reads hostile segments: every line that is read follows the one
// before, and what is wrong is an error.
func FuzzReader(f *testing.F) {
	dir := newDir(f)
	l := openLog(f, dir, Options{})
	for _, text := range []string{"a", "b", "c"} {
		mustAppend(f, l, text)
	}
	l.Close()
	whole, err := os.ReadFile(segmentPath(dir, 1))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole[:len(whole)/2], whole[len(whole)/2:], uint64(2))
	f.Add(whole, []byte{}, uint64(4))
	f.Add(append(make([]byte, 300), whole...), whole, uint64(1))
	f.Fuzz(func(t *testing.T, first, second []byte, from uint64) {
		dir := t.TempDir()
		for name, b := range map[string][]byte{segmentPath(dir, 1): first, segmentPath(dir, max(from, 2)): second} {
			if err := os.WriteFile(filepath.Join(dir, filepath.Base(name)), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		r, err := ReadAfter(dir, Position{})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		for pos := (Position{}); ; {
			l, err := r.Next()
			if err == io.EOF || errors.Is(err, ErrBroken) {
				return
			}
			if err != nil || l.Seq != pos.Seq+1 || l.Prev != pos.Hash {
				t.Fatalf("entry %d behind %d: %v", l.Seq, pos.Seq, err)
			}
			pos = l.Position()
		}
	})
}
