package main

import (
	"context"
	"fmt"
	"math"
	"time"

	"cloakroom/internal/lease"
	"cloakroom/internal/secret"
	"cloakroom/internal/verify"
)

// stateOf reads the store's leases and bars, and which rows this instance has
// not sealed.
func stateOf(ctx context.Context, db lease.Store, root secret.Root, now time.Time) (*verify.State, error) {
	key, err := root.Derive("lease")
	if err != nil {
		return nil, err
	}
	s := &verify.State{Leases: map[string]bool{}, Bars: map[string]bool{}}
	leases, err := db.List(ctx, lease.Filter{Limit: math.MaxInt32})
	if err != nil {
		return nil, err
	}
	for _, r := range leases {
		l, ok := lease.Unseal(key, r)
		if !ok {
			s.Unsealed = append(s.Unsealed, fmt.Sprintf("the row of lease %q", r.ID))
		} else if l.At(now).State != lease.Ended {
			s.Leases[l.ID] = true
		}
	}
	bars, err := db.Bars(ctx)
	if err != nil {
		return nil, err
	}
	for _, r := range bars {
		b, ok := lease.UnsealBar(key, r)
		if !ok {
			s.Unsealed = append(s.Unsealed, fmt.Sprintf("the row of bar %q", r.ID))
		}
		s.Bars[b.ID] = ok
	}
	return s, nil
}
