package decide

import (
	"context"
	"errors"
	"sync"
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/lease"
)

// Holds bounds how many requests are held for an answer: of one principal, and
// in all. One more is told to come again. It is shared by all Deciders of a
// process, and safe for concurrent use.
type Holds struct {
	perPrincipal, inAll int

	mu  sync.Mutex
	all int
	of  map[string]int
}

// NewHolds makes Holds. Where a bound is zero, nothing is held.
func NewHolds(perPrincipal, inAll int) *Holds {
	return &Holds{perPrincipal: perPrincipal, inAll: inAll, of: make(map[string]int)}
}

// enter takes a place; false: there is none.
func (h *Holds) enter(principal string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.all >= h.inAll || h.of[principal] >= h.perPrincipal {
		return false
	}
	h.all++
	h.of[principal]++
	return true
}

func (h *Holds) leave(principal string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all--
	if h.of[principal]--; h.of[principal] == 0 {
		delete(h.of, principal)
	}
}

// Held is how many requests are held now.
func (h *Holds) Held() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.all
}

// hold waits for the answer to a pending lease, for wait at the longest, if
// there is a place to wait in. It returns the lease as it stands then.
func (d *Decider) hold(ctx context.Context, l lease.Lease, principal string, wait time.Duration) (lease.Lease, error) {
	if wait <= 0 || !d.Holds.enter(principal) {
		return l, lease.ErrPending
	}
	defer d.Holds.leave(principal)
	within, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	return d.Leases.Wait(within, l.ID)
}

// longestWait is how long the request may be held in all, for however many
// leases: Envoy waits no longer for the decision.
func (a *attempt) longestWait() (most time.Duration) {
	for _, p := range a.input.Placeholders {
		if p.Counts && p.Credential != nil {
			if rule := a.set.Credential(p.Name).Tier.Approval; rule != nil {
				most = max(most, rule.Wait)
			}
		}
	}
	return most
}

// await is hold for who asks for a lease in so many words: without news it is
// what it was.
func (d *Decider) await(ctx context.Context, was lease.Lease, wait time.Duration) lease.Lease {
	l, err := d.hold(ctx, was, was.Principal, wait)
	if err != nil && !errors.Is(err, lease.ErrPending) {
		d.Logger.Error("a lease could not be waited for", "lease", was.ID, "error", err)
		return was
	}
	return l
}

// held waits for people, where the tier lets a request wait, and then looks for
// the lease anew. What was found out before the wait may be true no more.
func (d *Decider) held(ctx context.Context, a *attempt, q lease.Ask, l lease.Lease) (lease.Lease, *refusal, error) {
	if a.holdUntil.IsZero() {
		a.holdUntil = d.Now().Add(a.longestWait())
	}
	var wait time.Duration
	if rule := a.set.Credential(q.Credential).Tier.Approval; rule != nil {
		wait = min(rule.Wait, a.holdUntil.Sub(d.Now()))
	}
	l, err := d.hold(ctx, l, a.who.ID(), wait)
	if errors.Is(err, lease.ErrPending) || err != nil || l.State != lease.Active {
		return l, nil, err
	}
	a.now = d.Now()
	switch {
	case ctx.Err() != nil:
		return l, refused(access.CauseGivenUp, "the request was given up while people were asked; send it again"), nil
	case !a.who.Ends.IsZero() && !a.now.Before(a.who.Ends):
		return l, refused(access.CauseTokenExpired, "the identity token expired while people were asked; send the request again with a new one"), nil
	case !d.InForce():
		return l, refused(access.CauseRulesChanged, "the rules changed while people were asked; send the request again"), nil
	}
	l, err = d.Leases.Use(ctx, q, a.now)
	return l, nil, err
}
