package main

import (
	"context"
	"errors"
	"time"

	"cloakroom/internal/exchange"
	"cloakroom/internal/lease"
)

// standing is a keeper as package exchange asks it.
type standing struct{ *lease.Keeper }

func (s standing) Check(id string, now time.Time) exchange.Standing {
	return standingOf(s.Keeper.Check(id, now))
}

func (s standing) Spend(id string, now time.Time) exchange.Standing {
	return standingOf(s.Keeper.Spend(context.Background(), id, now))
}

// standingOf takes an error that it does not know for doubt.
func standingOf(err error) exchange.Standing {
	switch {
	case err == nil:
		return exchange.Live
	case errors.Is(err, lease.ErrSpent):
		return exchange.Spent
	case errors.Is(err, lease.ErrEnded), errors.Is(err, lease.ErrUnknown):
		return exchange.Over
	}
	return exchange.Unconfirmed
}
