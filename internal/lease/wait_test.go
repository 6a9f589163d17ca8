package lease_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"cloakroom/internal/lease"
	"cloakroom/internal/lease/leasetest"
)

// patience only tells something from never.
const patience = 30 * time.Second

func TestWait(t *testing.T) {
	for name, end := range map[string]struct {
		do   func(t *testing.T, k *lease.Keeper, id string)
		want lease.State
	}{
		"approved": {func(t *testing.T, k *lease.Keeper, id string) { approve(t, k, id, lease.ScopeCredential, time.Now()) }, lease.Active},
		"denied":   {func(t *testing.T, k *lease.Keeper, id string) { deny(t, k, id, time.Now()) }, lease.Ended},
		"revoked": {func(t *testing.T, k *lease.Keeper, id string) {
			if _, err := k.Revoke(context.Background(), id, "sre", time.Now()); err != nil {
				t.Error(err)
			}
		}, lease.Ended},
		"barred": {func(t *testing.T, k *lease.Keeper, id string) { bar(t, k, lease.Bar{}, time.Now()) }, lease.Ended},
	} {
		for _, by := range []string{"here", "by another"} {
			t.Run(name+" "+by, func(t *testing.T) {
				m := new(leasetest.Memory)
				k := keeper(t, m, lease.Options{}, time.Now())
				actor := k
				if by != "here" {
					actor = keeper(t, m, lease.Options{}, time.Now())
				}
				l := pose(t, k, question(alice, "c"), time.Now())
				var wg sync.WaitGroup
				for range 5 {
					wg.Go(func() {
						within, cancel := context.WithTimeout(context.Background(), patience)
						defer cancel()
						if got, err := k.Wait(within, l.ID); err != nil || got.State != end.want || got.ID != l.ID {
							t.Errorf("got %s, %v", got.State, err)
						}
					})
				}
				end.do(t, actor, l.ID)
				if err := k.Follow(context.Background(), time.Now()); err != nil {
					t.Error(err)
				}
				wg.Wait()
				for i := range 2 { // the first ends what the second forgets
					sweep(t, k, time.Now().Add(time.Duration(1+i)*time.Hour))
				}
				if n := k.Kept(); n != 0 {
					t.Errorf("it remembers %d things", n)
				}
			})
		}
	}
}

func TestWaitEnds(t *testing.T) {
	m := new(leasetest.Memory)
	k := keeper(t, m, lease.Options{}, time.Now())
	l := pose(t, k, question(alice, "c"), time.Now())
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	if got, err := k.Wait(gone, l.ID); !errors.Is(err, lease.ErrPending) || got.ID != l.ID {
		t.Errorf("who has gone: %+v, %v", got, err)
	}
	short := question(alice, "d")
	short.Stands = 50 * time.Millisecond
	l = pose(t, k, short, time.Now())
	if got, err := k.Wait(context.Background(), l.ID); err != nil || got.Ending != lease.Expired {
		t.Errorf("a question that lapses: %+v, %v", got, err)
	}
	_, err := k.Wait(context.Background(), "nobody")
	wantErr(t, err, lease.ErrUnknown)
	m.Fail = func() error { return errors.New("gone") }
	soon, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	_, err = k.Wait(soon, l.ID)
	wantErr(t, err, lease.ErrUnavailable)
}

func TestSubscribe(t *testing.T) {
	m := new(leasetest.Memory)
	k, other := keeper(t, m, lease.Options{}, at(0)), keeper(t, m, lease.Options{}, at(0))
	changes, stop := k.Subscribe()
	silent, ended := k.Subscribe()
	ended()
	var l lease.Lease
	var b lease.Bar
	follow := func() { sweep(t, k, at(2)) }
	for i, step := range []func(){
		func() { l = pose(t, k, question(alice, "c"), at(0)) },
		func() { approve(t, k, l.ID, lease.ScopeCredential, at(1)) },
		func() { use(t, k, bob, "d", time.Hour, at(1)) },
		func() { pose(t, other, question(bob, "c"), at(1)); follow() },
		func() { use(t, other, alice, "e", time.Hour, at(1)); follow() },
		func() { b, _ = bar(t, other, lease.Bar{Credential: "x"}, at(1)); follow() },
		func() {
			if err := other.Lift(context.Background(), b.ID, at(1)); err != nil {
				t.Error(err)
			}
			follow()
		},
		func() {
			if _, err := other.Revoke(context.Background(), l.ID, "sre", at(2)); err != nil {
				t.Error(err)
			}
			follow()
		},
		func() { sweep(t, k, at(7200)) }, // the rest is over
	} {
		for len(changes) > 0 {
			<-changes
		}
		step()
		if len(changes) != 1 {
			t.Errorf("step %d: %d come", i, len(changes))
		}
	}
	stop()
	if len(silent) != 0 {
		t.Error("something came after the end")
	}
}
