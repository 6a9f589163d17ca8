package recording

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"cloakroom/internal/record"
)

// clock is one that tests set.
type clock struct{ at atomic.Pointer[time.Time] }

func newClock() *clock {
	c := &clock{}
	c.set(began)
	return c
}

func (c *clock) set(t time.Time) { c.at.Store(&t) }
func (c *clock) now() time.Time  { return *c.at.Load() }

// recordOne records an exchange to its end, and returns that.
func recordOne(t *testing.T, r *Recorder, dir string, rule Rule) (string, record.End) {
	t.Helper()
	return recordOf(t, r, dir, "agent", rule)
}

func recordOf(t *testing.T, r *Recorder, dir, principal string, rule Rule) (string, record.End) {
	t.Helper()
	id := record.NewID(began)
	tape := r.Begin(id, principal, began, rule)
	if err := ordinary(tape, jsonBody(1)); err != nil {
		t.Fatal(err)
	}
	tape.End(began.Add(time.Second), record.End{Status: 200})
	eventually(t, "the end", func() bool { return ends(t, dir)[id].Exchange != "" })
	return id, ends(t, dir)[id]
}

func closed(t *testing.T, dir string) []string {
	t.Helper()
	paths, err := listed(filepath.Join(dir, packsFolder), closedExt)
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

// acts are the log's acts of a name.
func acts(t *testing.T, dir, name string) (all []record.Act) {
	t.Helper()
	for _, e := range entries(t, dir) {
		if e.Act != nil && e.Act.Name == name {
			all = append(all, *e.Act)
		}
	}
	return all
}

// A pack is deleted when the time of all that it holds is over, not before, and the
// log says so first.
func TestRetention(t *testing.T) {
	dir, now := newDir(t), newClock()
	l := openLog(t, dir)
	options := Options{Strict: true, Now: now.now}
	r := open(t, dir, l, options)
	day := Rule{Bodies: Full, Limit: 1 << 10, Retention: 24 * time.Hour}
	short, e := recordOne(t, r, dir, day)
	long, f := recordOne(t, r, dir, Rule{Bodies: Full, Limit: 1 << 10})
	if !f.Until.IsZero() || e.Until.Before(began.Add(24*time.Hour)) {
		t.Errorf("until %v, %v", e.Until, f.Until)
	}
	r.Close()
	if n := len(closed(t, dir)); n != 2 {
		t.Fatalf("%d packs are closed", n)
	}
	now.set(e.Until.Add(-time.Second))
	r = open(t, dir, l, options)
	if _, err := r.Read(context.Background(), short, e.Recording); err != nil {
		t.Errorf("before its time is over: %v", err)
	}
	now.set(e.Until.Add(pruneEvery))
	eventually(t, "deleting", func() bool { return len(closed(t, dir)) == 1 })
	if got := acts(t, dir, "prune"); len(got) != 1 || got[0].Target != e.Recording[0].Pack || got[0].N != 1 {
		t.Errorf("got %+v", got)
	}
	if _, err := r.Read(context.Background(), short, e.Recording); !errors.Is(err, ErrGone) {
		t.Errorf("got %v", err)
	}
	wantWhole(t, r, f, long)
	eventually(t, "counting it", func() bool { return r.Stats().Pruned == 1 })
}

// A pack goes to the outside store, is read from there, and is deleted there.
func TestOutsideStore(t *testing.T) {
	dir, bucket, now := newDir(t), t.TempDir(), newClock()
	l := openLog(t, dir)
	r := open(t, dir, l, Options{Strict: true, Store: "file://" + bucket, PackAge: time.Minute, Now: now.now})
	id, e := recordOne(t, r, dir, full)
	now.set(began.Add(time.Hour))
	eventually(t, "storing", func() bool { return r.Stats().Shipped == 1 })
	if n := len(closed(t, dir)); n != 0 {
		t.Errorf("%d packs are here still", n)
	}
	wantWhole(t, r, e, id)
	reader, err := OpenReader(context.Background(), dir, testKey, "file://"+bucket)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	wantWhole(t, reader, e, id)
	now.set(e.Until.Add(2 * pruneEvery))
	eventually(t, "deleting", func() bool { return r.Stats().Pruned == 1 })
	if _, err := reader.Read(context.Background(), id, e.Recording); !errors.Is(err, ErrGone) {
		t.Errorf("got %v", err)
	}
}

// While the outside store is away packs wait here, and when too much waits no
// exchange begins. None is lost.
func TestOutage(t *testing.T) {
	dir, bucket := newDir(t), t.TempDir()
	l := openLog(t, dir)
	r := open(t, dir, l, Options{Strict: true, Store: "file://" + bucket, PackBytes: 1, Waiting: 64 << 10})
	away := bucket + ".away"
	if err := os.Rename(bucket, away); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(bucket, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var ids []string
	for r.Ready("") == nil && len(ids) < 1000 {
		id, _ := recordOf(t, r, dir, fmt.Sprint("agent", len(ids)), full) // no share stands in the way
		ids = append(ids, id)
		time.Sleep(20 * time.Millisecond)
	}
	if err := r.Ready(""); !errors.Is(err, ErrUnavailable) {
		t.Fatalf("after %d: %v", len(ids), err)
	}
	if err := errors.Join(os.Remove(bucket), os.Rename(away, bucket)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "storing", func() bool { return r.Ready("") == nil && len(closed(t, dir)) == 0 })
	for _, id := range ids {
		wantWhole(t, r, ends(t, dir)[id], id)
	}
}

// Replicas share an outside store, and what one has deleted is no error of another.
func TestDeletedByAnother(t *testing.T) {
	dir := newDir(t)
	r := open(t, dir, openLog(t, dir), Options{Store: "mem://"})
	if err := r.deleteOutside(context.Background(), "gone"); err != nil {
		t.Errorf("got %v", err)
	}
}
