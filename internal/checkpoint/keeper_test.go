package checkpoint

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"cloakroom/internal/record"
	"cloakroom/internal/record/recordtest"
)

func TestSignsAtTheEndAndOnATimer(t *testing.T) {
	dir := newDir(t)
	keep(t, dir, Options{}, func(l *record.Log, k *Keeper) { grow(t, l, 5) })
	wantLatest(t, dir, 5)
	keep(t, dir, Options{Every: 10 * time.Millisecond}, func(l *record.Log, k *Keeper) {
		grow(t, l, 30)
		eventually(t, "a checkpoint on the timer", func() bool { return k.Latest().Size == 35 })
		if k.Unwitnessed() != 0 || k.Err() != nil {
			t.Errorf("unwitnessed %d, error %v", k.Unwitnessed(), k.Err())
		}
	})
	wantLatest(t, dir, 35)
}

func TestTreeIsMadeAnew(t *testing.T) {
	tests := []struct {
		name string
		do   func(b []byte) []byte
	}{
		{"whole", func(b []byte) []byte { return b }},
		{"gone", func([]byte) []byte { return nil }},
		{"short", func(b []byte) []byte { return b[:len(b)/2+7] }},
		{"zeros", func(b []byte) []byte { return make([]byte, len(b)) }},
		{"changed", func(b []byte) []byte { b[len(b)-1] ^= 1; return b }},
		{"longer", func(b []byte) []byte { return append(b, make([]byte, 100)...) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := newDir(t)
			keep(t, dir, Options{}, func(l *record.Log, k *Keeper) { grow(t, l, 16) })
			path := filepath.Join(dir, treeFile)
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, tt.do(b), 0o600); err != nil {
				t.Fatal(err)
			}
			keep(t, dir, Options{}, func(l *record.Log, k *Keeper) { grow(t, l, 3) })
			wantLatest(t, dir, 19)
		})
	}
}

// TestARewrittenLogIsNotSigned lets a service go on with a log that was changed
// while it was stopped.
func TestARewrittenLogIsNotSigned(t *testing.T) {
	// other is a log of the same id, as if it had been rewritten with its chain.
	other := func(t *testing.T, dir string, n int) {
		id, err := os.ReadFile(filepath.Join(dir, "id"))
		if err != nil {
			t.Fatal(err)
		}
		segments, _ := filepath.Glob(filepath.Join(dir, "*.log"))
		for _, s := range segments {
			os.Remove(s)
		}
		if err := os.WriteFile(filepath.Join(dir, "id"), id, 0o600); err != nil {
			t.Fatal(err)
		}
		l := openLog(t, dir)
		grow(t, l, n)
		l.Close()
	}
	for _, tt := range []struct {
		name string
		n    int
	}{{"shorter", 3}, {"as long", 8}, {"longer", 20}} {
		t.Run(tt.name, func(t *testing.T) {
			dir := newDir(t)
			keep(t, dir, Options{}, func(l *record.Log, k *Keeper) { grow(t, l, 8) })
			before, _ := Latest(dir)
			other(t, dir, tt.n)
			k := keep(t, dir, Options{}, func(l *record.Log, k *Keeper) { grow(t, l, 1) })
			if !errors.Is(k.Err(), ErrRewritten) || k.Failures() == 0 {
				t.Errorf("error %v, %d failures", k.Err(), k.Failures())
			}
			if after, _ := Latest(dir); !bytes.Equal(before, after) {
				t.Error("it was signed")
			}
		})
	}
}

func TestAForeignCheckpointIsRefused(t *testing.T) {
	dir := newDir(t)
	keep(t, dir, Options{}, func(l *record.Log, k *Keeper) { grow(t, l, 8) })
	l := openLog(t, dir)
	defer l.Close()
	other, err := NewKey([32]byte{9})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewKeeper(l, dir, other, Options{}); err == nil || !strings.Contains(err.Error(), "expected key") {
		t.Errorf("with another key: %v", err)
	}
	if _, err := NewKeeper(nil, dir, other, Options{}); err == nil {
		t.Error("without a log")
	}
	if _, err := NewKeeper(l, dir, Key{}, Options{}); err == nil {
		t.Error("without a key")
	}
}

// board is where the replicas of a test meet.
type board struct {
	mu    sync.Mutex
	notes map[string][]byte
}

func (b *board) PutHead(_ context.Context, log string, _ int64, note []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.notes[log] = note
	return nil
}

func (b *board) Heads(context.Context) (map[string][]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return maps.Clone(b.notes), nil
}

// TestReplicasNameEachOther runs two keepers, which must come to rest.
func TestReplicasNameEachOther(t *testing.T) {
	b := &board{notes: map[string][]byte{"forged": []byte("cloakroom.log/forged\n1\n\n")}}
	o := Options{Every: 10 * time.Millisecond, Heads: b}
	one, two := newDir(t), newDir(t)
	keep(t, one, o, func(l1 *record.Log, k1 *Keeper) {
		keep(t, two, o, func(l2 *record.Log, k2 *Keeper) {
			grow(t, l1, 5)
			grow(t, l2, 7)
			eventually(t, "each has named the other", func() bool { return l1.Durable().Seq > 5 && l2.Durable().Seq > 7 })
			time.Sleep(time.Second) // long enough for a hundred more, if they did not rest
			if l1.Durable().Seq > 9 || l2.Durable().Seq > 11 {
				t.Errorf("they do not rest: %d and %d entries", l1.Durable().Seq, l2.Durable().Seq)
			}
		})
	})
	id, _ := record.ID(two)
	for _, l := range recordtest.ReadAll(t, one) {
		e, err := l.Entry()
		if err != nil {
			t.Fatal(err)
		}
		if e.Heads == nil {
			continue
		}
		for _, h := range e.Heads.Heads {
			if h.Log != id || h.Root != record.Hash(rootOf(t, two, h.Size)) {
				t.Errorf("entry %d names %+v", l.Seq, h)
			}
		}
	}
}
