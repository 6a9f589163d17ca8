package leasetest

import (
	"context"
	"errors"

	"cloakroom/internal/lease"
)

// claims holds what a replica says of every lease against the truth.
func (r *replica) claims() {
	r.troubled, r.met = false, false
	if got := r.k.Bars(); len(got) != len(r.bars) {
		r.w.fatalf("replica %d knows %d bars, and was told of %d", r.n, len(got), len(r.bars))
	}
	r.strike()
	for _, id := range r.w.ids {
		f := r.w.facts[id]
		if at := r.reading(); !at.Before(f.lease.Ends) && f.lease.State == lease.Active || at.Before(f.lease.Starts) {
			r.maybe[id] = true
		}
		// What is not in memory is asked about now and then: it is then, if it lives.
		if r.holds(f) || r.w.rand.IntN(20) == 0 {
			r.claim(f)
		}
	}
}

func (r *replica) claim(f *fact) {
	id := f.lease.ID
	err := r.k.Check(id, r.now())
	switch {
	case err == nil:
		r.lives(f, "checking")
		if age := r.reading().Sub(r.contact); age > confirmedWithin {
			r.w.fatalf("replica %d: lease %q is live, and the store was heard of %s ago", r.n, id, age)
		}
		if _, watched := r.cuts[id]; !watched {
			r.cuts[id] = 0
			r.k.OnRevoke(id, func() { r.cuts[id]++ })
		}
	case !errors.Is(err, lease.ErrEnded) && !errors.Is(err, lease.ErrUnknown) && !errors.Is(err, lease.ErrUnavailable):
		r.w.fatalf("replica %d: checking lease %q: %v", r.n, id, err)
	case r.must(f):
		r.w.fatalf("replica %d: lease %q should be live at %s, until %s: %v", r.n, id, r.reading().Format("15:04:05.000"), f.lease.Ends.Format("15:04:05.000"), err)
	}
	r.claimCut(f)
	if !f.lease.Ticketless() && r.w.rand.IntN(4) == 0 {
		r.claimTicket(f)
	}
}

// lives fails if the lease that the replica takes for live is not.
func (r *replica) lives(f *fact, doing string) {
	l, at := f.lease, r.reading()
	why := ""
	switch {
	case l.Starts.IsZero():
		why = "nobody approved it"
	case l.State == lease.Ended && f.change <= r.heard:
		why = "the replica has heard that it ended"
	case r.dead[l.ID] && !r.met:
		why = "the replica ended it"
	case !at.Before(l.Ends):
		why = "its time is over"
	case barred(r.bars, l.Principal, l.Credential, at) && !r.met:
		why = "it is barred"
	}
	if first, ok := r.allowed[l.ID]; !ok {
		r.allowed[l.ID] = at
	} else if at.Sub(first) > l.Terms.Length+l.Terms.Extend {
		why = "it has lived for too long"
	}
	if why != "" {
		r.w.fatalf("replica %d: %s lease %q, which is live at %s: %s: %+v", r.n, doing, l.ID, at.Format("15:04:05.000"), why, l)
	}
}

// must tells whether the lease has to be live for the replica.
func (r *replica) must(f *fact) bool {
	l, at := f.lease, r.reading()
	return l.State == lease.Active && f.change <= r.heard && !r.dead[l.ID] && !r.maybe[l.ID] && at.Before(l.Ends) &&
		at.Sub(r.followed) <= confirmedWithin && !barred(r.bars, l.Principal, l.Credential, at)
}

// claimCut judges whether those who live under the lease were cut.
func (r *replica) claimCut(f *fact) {
	n, watched := r.cuts[f.lease.ID]
	if !watched {
		return
	}
	l := f.lease
	revoked := l.State == lease.Ended && l.Ending == lease.Revoked
	switch {
	case n > 1,
		n == 1 && !r.dead[l.ID] && !revoked && !r.barredOnce(f),
		n == 0 && revoked && f.change <= r.heard && !r.maybe[l.ID]:
		r.w.fatalf("replica %d: what lives under lease %q was cut %d times: %+v", r.n, l.ID, n, l)
	}
}

// barredOnce tells whether a bar of which the replica was told stands, or may
// have stood, in the lease's way and the store has not heard of its end.
func (r *replica) barredOnce(f *fact) bool { return !r.holds(f) && f.lease.State != lease.Ended }

func (r *replica) claimTicket(f *fact) {
	ctx := context.Background()
	l, err := r.k.ByTicket(ctx, f.lease.Ticket, r.now())
	switch {
	case err == nil && l.ID == f.lease.ID:
		r.lives(f, "using the ticket of")
	case err == nil:
		r.w.fatalf("the ticket of lease %q is %q's", f.lease.ID, l.ID)
	case errors.Is(err, lease.ErrUnavailable):
		r.calm("finding a ticket", err)
	}
	for old := range f.old {
		if _, err := r.k.ByTicket(ctx, old, r.now()); !errors.Is(err, lease.ErrUnknown) {
			r.w.fatalf("an old ticket of lease %q: %v", f.lease.ID, err)
		}
	}
}

// rest judges a replica once it has heard of everything.
func (r *replica) rest() {
	n := 0
	for _, id := range r.w.ids {
		if f := r.w.facts[id]; f.lease.State == lease.Active {
			n++
		}
	}
	if got := r.k.Active(); got != n {
		r.w.fatalf("replica %d: %d leases are active, and in the store %d", r.n, got, n)
	}
	ls, err := r.k.List(context.Background(), lease.Filter{State: lease.Active, Limit: 1000}, r.now())
	if err != nil || len(ls) != n {
		r.w.fatalf("replica %d lists %d active leases, and in the store are %d, %v", r.n, len(ls), n, err)
	}
}
