package postgres

import (
	"context"
	"sync/atomic"
	"testing"

	"cloakroom/internal/lease"
)

// Each kind of write is told to the other replicas, also after an outage.
func TestWatchHearsOfOtherReplicas(t *testing.T) {
	s := openFragile(t)
	url := s.Database(t)
	here, there := openAt(t, url, "a"), openAt(t, url, "b")
	var calls atomic.Int64
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		here.Watch(ctx, func() { calls.Add(1) })
	}()
	eventually(t, "it is called when it begins to listen", func() bool { return calls.Load() == 1 })
	r := row(t)
	bar := lease.BarRow{ID: "bar"}
	writes := []struct {
		name  string
		write func() error
	}{
		{"an insert", func() (err error) { r.Change, err = there.Insert(ctx, r, 0); return err }},
		{"an update", func() (err error) { r.Change, err = there.Update(ctx, r); return err }},
		{"a bar", func() error { return there.PutBar(ctx, bar) }},
		{"a bar dropped", func() error { return there.DropBar(ctx, bar.ID) }},
	}
	hear := func() {
		t.Helper()
		for _, w := range writes {
			before := calls.Load()
			if err := w.write(); err != nil {
				t.Fatalf("%s: %v", w.name, err)
			}
			eventually(t, w.name+" is told", func() bool { return calls.Load() > before })
		}
	}
	hear()
	before := calls.Load()
	s.Kill()
	s.Start(t)
	eventually(t, "it listens again", func() bool { return calls.Load() > before })
	eventually(t, "the store answers again", func() bool { return works(there) })
	r = row(t)
	hear()
	cancel()
	<-ended
}
