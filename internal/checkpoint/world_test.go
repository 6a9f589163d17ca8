package checkpoint

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"cloakroom/internal/record"
	"cloakroom/internal/record/recordtest"
)

// theKey is the key of every log of these tests.
func theKey(t testing.TB) Key {
	t.Helper()
	k, err := NewKey([32]byte{1, 2, 3})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func openLog(t testing.TB, dir string) *record.Log {
	t.Helper()
	l, err := record.Open(dir, recordtest.Masker(t), record.Options{SegmentBytes: 2000, Logger: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// grow appends n entries.
func grow(t testing.TB, l *record.Log, n int) {
	t.Helper()
	for i := range n {
		if err := l.Append(context.Background(), record.Entry{Reload: &record.Reload{Revision: fmt.Sprint(i)}}); err != nil {
			t.Fatal(err)
		}
	}
}

func newDir(t testing.TB) string { return filepath.Join(t.TempDir(), "log") }

// keep opens the log in dir, lets a keeper keep it while do runs, and closes
// both.
func keep(t testing.TB, dir string, o Options, do func(*record.Log, *Keeper)) *Keeper {
	t.Helper()
	l := openLog(t, dir)
	o.Logger = quiet()
	if o.Every == 0 {
		o.Every = time.Hour
	}
	k, err := NewKeeper(l, dir, theKey(t), o)
	if err != nil {
		l.Close()
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { defer close(ended); k.Run(context.Background()) }()
	do(l, k)
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	<-ended
	return k
}

// rootOf computes the root of a log's first n lines with nothing of ours.
func rootOf(t testing.TB, dir string, n int64) tlog.Hash {
	t.Helper()
	root, err := tlog.TreeHash(n, treeOf(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func treeOf(t testing.TB, dir string) tlog.HashReader {
	t.Helper()
	var hashes []tlog.Hash
	reader := tlog.HashReaderFunc(func(at []int64) (got []tlog.Hash, _ error) {
		for _, i := range at {
			got = append(got, hashes[i])
		}
		return got, nil
	})
	for i, l := range recordtest.ReadAll(t, dir) {
		more, err := tlog.StoredHashes(int64(i), l.Raw, reader)
		if err != nil {
			t.Fatal(err)
		}
		hashes = append(hashes, more...)
	}
	return reader
}

// wantLatest wants the file "checkpoint" to be a true one of n entries.
func wantLatest(t testing.TB, dir string, n int64) Signed {
	t.Helper()
	note, err := Latest(dir)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(note, theKey(t).Verifier())
	if err != nil {
		t.Fatal(err)
	}
	if id, _ := record.ID(dir); s.Log != id || s.Size != n || s.Root != rootOf(t, dir, n) {
		t.Errorf("the checkpoint is %+v, want a true one of %d entries", s.Checkpoint, n)
	}
	return s
}

func eventually(t testing.TB, what string, done func() bool) {
	t.Helper()
	for range 1000 {
		if done() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("never: %s", what)
}
