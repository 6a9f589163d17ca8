package lease_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cloakroom/internal/lease"
	"cloakroom/internal/lease/leasetest"
)

func TestOnRevoke(t *testing.T) {
	end := map[string]func(*testing.T, *lease.Keeper, *lease.Keeper, lease.Lease){
		"here": func(t *testing.T, k, _ *lease.Keeper, l lease.Lease) {
			if _, err := k.Revoke(context.Background(), l.ID, "sre", at(1)); err != nil {
				t.Error(err)
			}
		},
		"by another": func(t *testing.T, k, other *lease.Keeper, l lease.Lease) {
			if _, err := other.Revoke(context.Background(), l.ID, "sre", at(1)); err != nil {
				t.Error(err)
			}
			sweep(t, k, at(1))
		},
		"by a bar here": func(t *testing.T, k, _ *lease.Keeper, l lease.Lease) { bar(t, k, lease.Bar{}, at(1)) },
		"by a bar of another": func(t *testing.T, k, other *lease.Keeper, l lease.Lease) {
			bar(t, other, lease.Bar{}, at(1))
			sweep(t, k, at(1))
		},
	}
	for name, revoke := range end {
		t.Run(name, func(t *testing.T) {
			m := new(leasetest.Memory)
			k, other := keeper(t, m, lease.Options{}, at(0)), keeper(t, m, lease.Options{}, at(0))
			l := use(t, k, alice, "c", time.Minute, at(0))
			cuts, late, stopped := 0, 0, 0
			k.OnRevoke(l.ID, func() { cuts++ })
			stop := k.OnRevoke(l.ID, func() { stopped++ })
			stop()
			done := k.Done(l.ID)
			revoke(t, k, other, l)
			sweep(t, k, at(2))
			sweep(t, k, at(59))
			k.OnRevoke(l.ID, func() { late++ })()
			if cuts != 1 || late != 1 || stopped != 0 || !closed(done) {
				t.Errorf("cut %d times, %d after it, %d after its stop, done %v", cuts, late, stopped, closed(done))
			}
		})
	}
}

func TestNothingIsCutAtTheEnd(t *testing.T) {
	k := keeper(t, new(leasetest.Memory), lease.Options{}, at(0))
	l := use(t, k, alice, "c", time.Minute, at(0))
	cuts := 0
	k.OnRevoke(l.ID, func() { cuts++ })
	sweep(t, k, at(60))
	k.OnRevoke(l.ID, func() { cuts++ })
	k.OnRevoke("nobody", func() { cuts++ })
	if cuts != 0 {
		t.Errorf("cut %d times", cuts)
	}
}

// The row was read before the lease was revoked, and comes when that is known.
func TestARowReadBeforeTheRevoke(t *testing.T) {
	m := new(leasetest.Memory)
	other := keeper(t, m, lease.Options{}, at(0))
	s := &slow{Store: m}
	k := keeper(t, s, lease.Options{}, at(0))
	for i, find := range map[byte]func(lease.Lease) error{
		1: func(l lease.Lease) error { return k.Check(l.ID, at(1)) },
		2: func(l lease.Lease) error {
			_, err := k.ByTicket(context.Background(), l.Ticket, at(1))
			return err
		},
		3: func(l lease.Lease) error { return k.Spend(context.Background(), l.ID, at(1)) },
	} {
		l := request(t, other, i, time.Hour, at(0))
		s.meanwhile = func() {
			if _, err := other.Revoke(context.Background(), l.ID, "sre", at(1)); err != nil {
				t.Error(err)
			}
			if err := k.Follow(context.Background(), at(1)); err != nil {
				t.Error(err)
			}
		}
		wantErr(t, find(l), lease.ErrEnded)
		if k.Live(l.ID, at(2)) || k.Active() != 0 {
			t.Errorf("way %d: it lives", i)
		}
	}
}

// slow is a store in which something happens once between the reading of a row
// and its arrival.
type slow struct {
	lease.Store
	meanwhile func()
}

func (s *slow) ByID(ctx context.Context, id string) (lease.Row, error) {
	r, err := s.Store.ByID(ctx, id)
	s.pass()
	return r, err
}

func (s *slow) ByTicket(ctx context.Context, ticket lease.Digest) (lease.Row, error) {
	r, err := s.Store.ByTicket(ctx, ticket)
	s.pass()
	return r, err
}

func (s *slow) pass() {
	if do := s.meanwhile; do != nil {
		s.meanwhile = nil
		do()
	}
}

// An end that the store took without saying so is told once.
func TestAnEndIsToldOnce(t *testing.T) {
	s := &lossy{Store: new(leasetest.Memory)}
	told := map[bool]int{}
	k := keeper(t, s, lease.Options{Changed: func(l lease.Lease, here bool) {
		if l.State == lease.Ended {
			told[here]++
		}
	}}, at(0))
	l := use(t, k, alice, "c", time.Hour, at(0))
	s.lose = true
	_, err := k.Revoke(context.Background(), l.ID, "sre", at(1))
	wantErr(t, err, lease.ErrUnavailable)
	s.lose = false
	sweep(t, k, at(2))
	sweep(t, k, at(3))
	if told[true] != 1 {
		t.Errorf("told %v", told)
	}
}

// Changed hears of what a replica does as its own, and of others' as not.
func TestChanged(t *testing.T) {
	m := new(leasetest.Memory)
	var mine, theirs []string
	k := keeper(t, m, lease.Options{Changed: func(l lease.Lease, here bool) {
		if here {
			mine = append(mine, l.State.String())
		} else {
			theirs = append(theirs, l.State.String())
		}
	}}, at(0))
	other := keeper(t, m, lease.Options{}, at(0))
	l := pose(t, k, question(alice, "c"), at(0))
	sweep(t, k, at(1))
	approve(t, k, l.ID, lease.ScopeCredential, at(1))
	sweep(t, k, at(2))
	if _, err := other.Revoke(context.Background(), l.ID, "sre", at(3)); err != nil {
		t.Fatal(err)
	}
	sweep(t, k, at(3))
	deny(t, other, pose(t, other, question(bob, "c"), at(3)).ID, at(3))
	sweep(t, k, at(4))
	if got := len(mine); got != 2 || mine[0] != "pending" || mine[1] != "active" {
		t.Errorf("its own: %q", mine)
	}
	if got := len(theirs); got != 2 || theirs[0] != "ended" || theirs[1] != "ended" {
		t.Errorf("others': %q", theirs)
	}
}

// Everything at once, for the race detector: what is revoked is never live again.
func TestStorm(t *testing.T) {
	m := new(leasetest.Memory)
	now := time.Now()
	ks := []*lease.Keeper{keeper(t, m, lease.Options{}, now), keeper(t, m, lease.Options{}, now)}
	ctx, cancel := context.WithCancel(context.Background())
	var background, storm sync.WaitGroup
	for _, k := range ks {
		background.Go(func() { k.Run(ctx) })
		background.Go(func() {
			for ctx.Err() == nil {
				if err := errors.Join(k.Follow(ctx, time.Now()), k.Sweep(ctx, time.Now())); err != nil && ctx.Err() == nil {
					t.Error(err)
				}
			}
		})
	}
	var cuts, revoked atomic.Int32
	for w := range 8 {
		storm.Go(func() {
			for i := range 30 {
				k, other := ks[(w+i)%2], ks[(w+i+1)%2]
				a := question(alice, "c")
				a.Ticket = lease.Digest{byte(w + 1), byte(i)}
				a.Operation.Path = "/" + string(rune('a'+w))
				l := pose(t, k, a, time.Now())
				approve(t, other, l.ID, lease.ScopeCredential, time.Now())
				if err := k.Check(l.ID, time.Now()); err != nil {
					t.Errorf("approved: %v", err)
				}
				k.OnRevoke(l.ID, func() { cuts.Add(1) })
				if _, err := other.Revoke(ctx, l.ID, "sre", time.Now()); err != nil {
					t.Errorf("revoking: %v", err)
				}
				revoked.Add(1)
				if err := k.Follow(ctx, time.Now()); err != nil || k.Live(l.ID, time.Now()) || other.Live(l.ID, time.Now()) {
					t.Errorf("it lives, %v", err)
				}
			}
		})
	}
	storm.Wait()
	cancel()
	background.Wait()
	for i, k := range ks {
		sweep(t, k, time.Now().Add(time.Hour))
		if n := k.Kept(); n != 0 {
			t.Errorf("keeper %d remembers %d things", i, n)
		}
	}
	if cuts.Load() != revoked.Load() || ks[0].Active()+ks[1].Active() != 0 {
		t.Errorf("%d were revoked, %d cut; %d and %d are active", revoked.Load(), cuts.Load(), ks[0].Active(), ks[1].Active())
	}
}
