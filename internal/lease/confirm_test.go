package lease_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cloakroom/internal/lease"
	"cloakroom/internal/lease/leasetest"
)

// While the store is not heard of, nothing is confirmed, and all is well as soon
// as it answers.
func TestConfirm(t *testing.T) {
	m := new(leasetest.Memory)
	k := keeper(t, m, lease.Options{Confirm: time.Second}, at(0))
	l := use(t, k, alice, "c", time.Hour, at(0))
	ticket := request(t, k, 1, time.Hour, at(0))
	later := func(ms int) time.Time { return at(0).Add(time.Duration(ms) * time.Millisecond) }
	if err := k.Check(l.ID, later(1000)); err != nil {
		t.Error(err)
	}
	m.Fail = func() error { return errors.New("gone") }
	wantErr(t, k.Check(l.ID, later(1001)), lease.ErrUnavailable)
	wantErr(t, k.Spend(context.Background(), l.ID, later(1001)), lease.ErrUnavailable)
	_, err := k.Use(context.Background(), asked(alice, "c", time.Hour), later(1001))
	wantErr(t, err, lease.ErrUnavailable)
	_, err = k.ByTicket(context.Background(), ticket.Ticket, later(1001))
	wantErr(t, err, lease.ErrUnavailable)
	_, err = k.Use(context.Background(), question(alice, "c"), later(1001))
	wantErr(t, err, lease.ErrUnavailable)
	_, err = k.Answer(context.Background(), l.ID, yes("carol", lease.ScopeCredential), later(1001))
	wantErr(t, err, lease.ErrUnavailable)
	select {
	case <-k.Done(l.ID):
		t.Error("doubt ended it")
	default:
	}
	m.Fail = nil
	if got := use(t, k, alice, "c", time.Hour, later(2000)); got.ID != l.ID { // asks the store by itself
		t.Error("another lease after the store came back")
	}
	if err := k.Check(l.ID, later(2000)); err != nil {
		t.Error(err)
	}
	wantErr(t, k.Check(l.ID, later(3001)), lease.ErrUnavailable)
	if err := k.Follow(context.Background(), later(3001)); err != nil || !k.Live(l.ID, later(3001)) {
		t.Errorf("after following: %v", err)
	}
}

// What was revoked while a process slept is not live when it wakes, whichever
// clock slept too.
func TestSleep(t *testing.T) {
	base := time.Now()
	for name, later := range map[string]time.Time{
		"the process":       base.Add(time.Minute),
		"the machine":       leasetest.Skew(base, time.Minute),
		"both, set back":    leasetest.Skew(base.Add(time.Minute), -10*time.Minute),
		"set forth, mostly": leasetest.Skew(base.Add(time.Second/2), 2*time.Second),
	} {
		m := new(leasetest.Memory)
		k, other := keeper(t, m, lease.Options{Confirm: time.Second}, base), keeper(t, m, lease.Options{}, base)
		l := use(t, k, alice, "c", time.Hour, base)
		if _, err := other.Revoke(context.Background(), l.ID, "sre", base); err != nil {
			t.Fatal(err)
		}
		if k.Check(l.ID, later) == nil {
			t.Errorf("%s: it lives after the sleep", name)
		}
		if got := use(t, k, alice, "c", time.Hour, later); got.ID == l.ID || k.Check(l.ID, later) == nil {
			t.Errorf("%s: it is used after the sleep", name)
		}
	}
}

// However the wall clock is set, a lease lives as long as it is long.
func TestASetClock(t *testing.T) {
	base := time.Now()
	const length = 10 * time.Minute
	for name, by := range map[string]time.Duration{"right": 0, "back": -time.Hour, "back by a little": -2 * time.Second} {
		k := keeper(t, new(leasetest.Memory), lease.Options{}, base)
		l := use(t, k, alice, "c", length, base)
		if !k.Live(l.ID, leasetest.Skew(base.Add(length-time.Second), by)) || k.Live(l.ID, leasetest.Skew(base.Add(length), by)) {
			t.Errorf("%s: it does not end when it should", name)
		}
		now := leasetest.Skew(base.Add(length), by)
		next := use(t, k, alice, "c", length, now)
		if !k.Live(next.ID, now.Add(length-time.Second)) || k.Live(next.ID, now.Add(length)) {
			t.Errorf("%s: the next does not end when it should", name)
		}
		k = keeper(t, new(leasetest.Memory), lease.Options{}, base)
		k.Live("", now)
		q := question(alice, "d")
		asked := pose(t, k, q, now)
		if _, err := k.Answer(context.Background(), asked.ID, yes("carol", lease.ScopeCredential), now.Add(q.Stands)); !errors.Is(err, lease.ErrEnded) {
			t.Errorf("%s: a question does not lapse: %v", name, err)
		}
		asked = pose(t, k, q, now.Add(q.Stands))
		approve(t, k, asked.ID, lease.ScopeOperation, now.Add(2*q.Stands-time.Second))
	}
}

// A store that hangs is asked once for all who wait.
func TestOneAsksForAll(t *testing.T) {
	s := &hanging{Memory: new(leasetest.Memory)}
	k := keeper(t, s, lease.Options{Confirm: time.Second}, at(0))
	l := use(t, k, alice, "c", time.Hour, at(0))
	s.hang.Store(true)
	var wg sync.WaitGroup
	for range 30 {
		wg.Go(func() {
			_, err := k.Use(context.Background(), asked(alice, "c", time.Hour), at(10))
			wantErr(t, err, lease.ErrUnavailable)
		})
	}
	wg.Wait()
	if n := s.asked.Load(); n > 5 {
		t.Errorf("asked %d times", n)
	}
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := k.Use(gone, asked(alice, "c", time.Hour), at(20))
	wantErr(t, err, lease.ErrUnavailable)
	s.hang.Store(false)
	if got := use(t, k, alice, "c", time.Hour, at(30)); got.ID != l.ID {
		t.Error("another lease")
	}
}

// hanging is a store that may not say what has changed.
type hanging struct {
	*leasetest.Memory
	hang  atomic.Bool
	asked atomic.Int32
}

func (s *hanging) Changes(ctx context.Context, after int64, most int) ([]lease.Row, int64, error) {
	s.asked.Add(1)
	if s.hang.Load() {
		<-ctx.Done()
		return nil, 0, ctx.Err()
	}
	return s.Memory.Changes(ctx, after, most)
}

// tired is a store that gives nothing more once it has given so many rows, until
// it has rested.
type tired struct {
	*leasetest.Memory
	left int
}

func (s *tired) Changes(ctx context.Context, after int64, most int) ([]lease.Row, int64, error) {
	rows, change, err := s.Memory.Changes(ctx, after, most)
	if s.left -= len(rows); s.left < 0 {
		return nil, 0, context.DeadlineExceeded
	}
	return rows, change, err
}

// Who was cut off for long catches up, though no single try has the time for all.
func TestCatchingUp(t *testing.T) {
	m := new(leasetest.Memory)
	s := &tired{Memory: m}
	k := keeper(t, s, lease.Options{Confirm: time.Second}, at(0))
	l := use(t, k, alice, "c", time.Hour, at(0))
	other := keeper(t, m, lease.Options{}, at(0))
	if _, err := other.Revoke(context.Background(), l.ID, "sre", at(1)); err != nil {
		t.Fatal(err)
	}
	row, err := m.ByID(t.Context(), l.ID)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 6000 {
		row.ID, row.Ticket = fmt.Sprint("x", i), lease.Digest{}
		if _, err := m.Insert(t.Context(), row, 0); err != nil {
			t.Fatal(err)
		}
	}
	tries := 0
	for now := 2; tries < 5; tries++ {
		s.left = 5500
		if now++; k.Follow(context.Background(), at(now)) == nil {
			break
		}
		if k.Check(l.ID, at(now)) == nil {
			t.Error("it is confirmed before all is known")
		}
	}
	if tries != 1 {
		t.Errorf("caught up after %d tries", tries)
	}
	wantErr(t, k.Check(l.ID, at(5)), lease.ErrEnded)
}
