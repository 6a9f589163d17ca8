package lease_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"cloakroom/internal/lease"
	"cloakroom/internal/lease/leasetest"
)

// TestWaitOutlastsAnOutage: whoever waits while the store is away hears of the
// answer once it is back, and of the outage if it lasts longer than they wait.
func TestWaitOutlastsAnOutage(t *testing.T) {
	var away atomic.Bool
	m := &leasetest.Memory{Fail: func() error {
		if away.Load() {
			return errors.New("away")
		}
		return nil
	}}
	now := time.Now()
	k := keeper(t, m, lease.Options{}, now)
	a := asked(alice, "c", time.Minute)
	a.Terms.Needs, a.Stands = 1, time.Minute
	l, err := k.Use(t.Context(), a, now)
	wantErr(t, err, lease.ErrPending)

	away.Store(true)
	short, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	_, err = k.Wait(short, l.ID)
	wantErr(t, err, lease.ErrUnavailable)

	heard := make(chan lease.Lease)
	go func() {
		defer close(heard)
		got, err := k.Wait(t.Context(), l.ID)
		if err != nil {
			t.Error(err)
		}
		heard <- got
	}()
	time.Sleep(20 * time.Millisecond) // it has met the outage
	away.Store(false)
	yes := lease.Answer{Person: "bob@example.com", Principal: bob.ID(), Approve: true, Scope: lease.ScopeCredential, Via: "api"}
	if _, err := k.Answer(t.Context(), l.ID, yes, time.Now()); err != nil {
		t.Fatal(err)
	}
	if got := <-heard; got.State != lease.Active {
		t.Errorf("heard of a lease that is %s", got.State)
	}
}
