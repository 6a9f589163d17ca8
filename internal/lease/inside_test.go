package lease

import (
	"context"
	"testing"
	"time"
)

// An old row changes nothing of what is known.
func TestUpdateTakesNoOldRow(t *testing.T) {
	l, err := Open(ask, at(0))
	now := must(t, l, err)
	now.Used, now.Extended, now.Ends = 2, time.Minute, now.Ends.Add(time.Minute)
	e := &entry{}
	e.held.Store(&held{now, 1000})
	for _, change := range []func(*Lease){func(l *Lease) { l.Used-- }, func(l *Lease) { l.Extended -= time.Second; l.Used++ }} {
		old := now
		change(&old)
		e.update(old)
		if is := e.held.Load(); is.lease.Used != 2 || is.lease.Extended != time.Minute || is.ends != 1000 {
			t.Errorf("became %+v", is)
		}
	}
	more := now
	more.Extended += time.Second
	e.update(more)
	if is := e.held.Load(); is.ends != instant(1000).add(time.Second) {
		t.Errorf("ends at %d", is.ends)
	}
}

func TestTurns(t *testing.T) {
	var all turns
	done, err := all.take(context.Background(), "a")
	if err != nil {
		t.Fatal(err)
	}
	other, err := all.take(context.Background(), "b")
	if err != nil {
		t.Fatal(err)
	}
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := all.take(gone, "a"); err == nil {
		t.Error("two have the turn")
	}
	next := make(chan struct{})
	go func() {
		defer close(next)
		done, err := all.take(context.Background(), "a")
		if err != nil {
			t.Error(err)
			return
		}
		done()
	}()
	select {
	case <-next:
		t.Error("two had the turn")
	case <-time.After(10 * time.Millisecond):
	}
	done()
	<-next
	other()
	if len(all.of) != 0 {
		t.Errorf("%d names are kept", len(all.of))
	}
}

func TestClock(t *testing.T) {
	var c clock
	c.start(at(0), at(10))
	for i, step := range []struct{ now, want int }{{0, 10}, {5, 15}, {3, 15}, {-100, 15}, {6, 16}, {60, 70}} {
		if got := c.see(at(step.now)).time(); !got.Equal(at(step.want)) {
			t.Errorf("step %d: %s, want %s", i, got, at(step.want))
		}
	}
	c.start(at(20), at(10))
	if got := c.see(at(20)).time(); !got.Equal(at(20)) {
		t.Errorf("started at %s", got)
	}
}
