package lease_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"cloakroom/internal/lease"
	"cloakroom/internal/lease/leasetest"
)

// TestWithdrawnQuestions takes questions back as soon as they are asked: people
// are called no more often than by questions that stand, and a denial of an old
// one is not lost among them.
func TestWithdrawnQuestions(t *testing.T) {
	k := keeper(t, &leasetest.Memory{}, lease.Options{Questions: 5}, at(0))
	ask := func(path string, now time.Time) (lease.Lease, error) {
		a := asked(alice, "c", time.Minute)
		a.Terms.Needs, a.Stands, a.Cooldown = 1, 15*time.Minute, 5*time.Minute
		a.Operation = lease.Operation{Method: "GET", Host: "h", Path: path}
		return k.Use(t.Context(), a, now)
	}
	called := 0
	for n := range 50 {
		l, err := ask(fmt.Sprint("/", n), at(n))
		if errors.Is(err, lease.ErrTooMany) {
			continue
		}
		if !errors.Is(err, lease.ErrPending) {
			t.Fatal(err)
		}
		called++
		if _, err := k.Revoke(t.Context(), l.ID, alice.ID(), at(n)); err != nil {
			t.Fatal(err)
		}
	}
	if called != 5 {
		t.Errorf("people were called %d times", called)
	}
	if _, err := ask("/later", at(60*16)); !errors.Is(err, lease.ErrPending) {
		t.Errorf("once they would have lapsed: %v", err)
	}
	if _, err := k.Use(t.Context(), lease.Ask{Principal: bob, Credential: "c", Terms: lease.Terms{Length: time.Minute, Needs: 1}, Stands: time.Minute}, at(60)); !errors.Is(err, lease.ErrPending) {
		t.Errorf("another principal: %v", err)
	}
}
