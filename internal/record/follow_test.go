package record

import (
	"context"
	"errors"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"
)

// slate is an Index that only notes what was applied.
type slate struct {
	mu     sync.Mutex
	pos    Position
	seqs   []uint64
	resets int
	err    error
}

func (x *slate) set(err error) { x.mu.Lock(); x.err = err; x.mu.Unlock() }

func (x *slate) Applied(context.Context) (Position, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.pos, x.err
}

func (x *slate) Apply(_ context.Context, lines []Line) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.err != nil {
		return x.err
	}
	for _, l := range lines {
		if l.Prev != x.pos.Hash {
			return errors.New("a line that does not follow")
		}
		x.pos, x.seqs = l.Position(), append(x.seqs, l.Seq)
	}
	return nil
}

func (x *slate) Reset(context.Context) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.pos, x.seqs = Position{}, nil
	x.resets++
	return nil
}

func (x *slate) Sessions(context.Context, SessionFilter) ([]Session, error) { return nil, nil }

func (x *slate) Exchanges(context.Context, string, string, int) ([]Exchange, error) { return nil, nil }

func (x *slate) Exchange(context.Context, string) (Exchange, error) { return Exchange{}, nil }

func (x *slate) Refusals(context.Context, time.Time, int) ([]Exchange, error) { return nil, nil }

// follow runs a follower, and returns what waits for its end.
func follow(t *testing.T, l *Log, ix Index) (f *Follower, wait func() error) {
	t.Helper()
	f, err := NewFollower(l, ix, quiet())
	if err != nil {
		t.Fatal(err)
	}
	f.pause, f.retry = time.Millisecond, time.Millisecond
	done := make(chan error, 1)
	go func() { done <- f.Run(context.Background()) }()
	return f, func() error { return <-done }
}

func await(t *testing.T, cond func() bool) {
	t.Helper()
	for !cond() {
		time.Sleep(time.Millisecond)
	}
}

func TestFollower(t *testing.T) {
	l := openLog(t, newDir(t), Options{SegmentBytes: 5000})
	for range 10 {
		mustAppend(t, l, "before")
	}
	x := &slate{}
	f, wait := follow(t, l, x)
	for range 50 {
		mustAppend(t, l, "while")
	}
	await(t, func() bool { return f.Lag() == 0 })
	l.Note(reload("last"))
	l.Close()
	if err := wait(); err != nil {
		t.Fatal(err)
	}
	if x.pos != l.Durable() || len(x.seqs) != 61 {
		t.Errorf("applied %d up to %d of %d", len(x.seqs), x.pos.Seq, l.Durable().Seq)
	}
}

func TestFollowerOutlivesTheIndex(t *testing.T) {
	l := openLog(t, newDir(t), Options{})
	x := &slate{err: errors.New("locked")}
	f, wait := follow(t, l, x)
	mustAppend(t, l, "a")
	await(t, func() bool { return f.Err() != nil })
	if f.Lag() != 1 {
		t.Errorf("lag %d", f.Lag())
	}
	x.set(nil)
	await(t, func() bool { return f.Lag() == 0 && f.Err() == nil })
	l.Close()
	if err := wait(); err != nil || x.resets != 0 {
		t.Errorf("%v, %d resets", err, x.resets)
	}
}

func TestFollowerMakesAForeignIndexAnew(t *testing.T) {
	for _, c := range []struct {
		name string
		pos  Position
	}{
		{"ahead of the log", Position{Seq: 100}},
		{"of another log", Position{Seq: 1, Hash: Hash{1}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := openLog(t, newDir(t), Options{})
			mustAppend(t, l, "a")
			mustAppend(t, l, "b")
			x := &slate{pos: c.pos}
			_, wait := follow(t, l, x)
			l.Close()
			if err := wait(); err != nil || x.pos != l.Durable() || x.resets != 1 {
				t.Errorf("%v, at %d, %d resets", err, x.pos.Seq, x.resets)
			}
		})
	}
}

// A failing disk takes back what the follower may have read ahead.
func TestFollowerOverAFailingDisk(t *testing.T) {
	d := &faulty{}
	l := openLog(t, newDir(t), Options{disk: d})
	x := &slate{}
	f, wait := follow(t, l, x)
	for i := range 20 {
		mustAppend(t, l, "a")
		await(t, func() bool { return i%2 == 0 || f.Lag() == 0 })
		d.fail(map[string]error{"sync": errDisk}, 0)
		if err := l.Append(context.Background(), reload("refused")); err == nil {
			t.Fatal("appended")
		}
		d.fail(nil, 0)
	}
	l.Close()
	if err := wait(); err != nil || x.pos != l.Durable() || x.resets != 0 {
		t.Errorf("%v, at %d of %d, %d resets", err, x.pos.Seq, l.Durable().Seq, x.resets)
	}
}

// BenchmarkAppend has 32 writers, as 32 connections have; ns/op is per entry.
func BenchmarkAppend(b *testing.B) {
	l := openLog(b, b.TempDir()+"/log", Options{})
	e := full()[0]
	b.SetParallelism(max(1, 32/runtime.GOMAXPROCS(0)))
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := l.Append(context.Background(), e); err != nil {
				b.Error(err)
			}
		}
	})
	s := l.Stats()
	b.ReportMetric(float64(s.SyncTime.Microseconds())/float64(s.Commits), "µs/fsync")
	b.ReportMetric(float64(s.Entries)/float64(s.Commits), "entries/commit")
}

// BenchmarkFsync is what the disk takes for 4 KiB more and an fsync.
func BenchmarkFsync(b *testing.B) {
	f, err := os.Create(b.TempDir() + "/f")
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	block := make([]byte, 4096)
	for b.Loop() {
		if _, err := f.Write(block); err != nil {
			b.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			b.Fatal(err)
		}
	}
}
