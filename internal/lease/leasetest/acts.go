package leasetest

import (
	"context"
	"errors"
	"time"

	"cloakroom/internal/lease"
)

// calm fails on errors that only a failing store explains.
func (r *replica) calm(doing string, err error) {
	if err != nil && !r.troubled {
		r.w.fatalf("replica %d: %s: %v, and nothing is wrong with the store", r.n, doing, err)
	}
}

// doubted tells whether err is one that trouble explains, and fails if there was
// none.
func (r *replica) doubted(doing string, err error) bool {
	if errors.Is(err, lease.ErrUnavailable) {
		r.calm(doing, err)
		return true
	}
	return false
}

func (r *replica) follow() {
	at := r.reading()
	err := r.k.Follow(context.Background(), r.now())
	r.calm("following", err)
	if err == nil {
		r.heard, r.followed = max(r.heard, r.seen), at
		r.strike()
	}
}

func (r *replica) sweep() {
	at := r.reading()
	err := r.k.Sweep(context.Background(), r.now())
	r.w.note("%d: sweeps: %v", r.n, err)
	r.calm("sweeping", err)
	if err == nil {
		r.heard, r.followed = max(r.heard, r.seen), at
		r.strike()
	}
}

// strike notes which leases the bars that the replica knows of end there.
func (r *replica) strike() {
	for _, id := range r.w.ids {
		f := r.w.facts[id]
		known := f.lease.State == lease.Active && f.change <= r.heard || r.k != nil && r.holds(f)
		switch stopped := barred(r.bars, f.lease.Principal, f.lease.Credential, r.reading()); {
		case stopped && known:
			r.dead[id] = true
		case stopped: // it ends when the replica first asks the store about it
			r.maybe[id] = true
		}
	}
}

func (r *replica) use() {
	a := r.w.asking()
	l, err := r.k.Use(context.Background(), a, r.now())
	r.w.note("%d: uses %s for %s: %s %v", r.n, a.Credential, a.Principal.Subject, l.ID, err)
	r.opened(a, l, err)
}

func (r *replica) request() {
	a := r.w.asking()
	for i := range a.Ticket {
		a.Ticket[i] = byte(r.w.rand.Uint32())
	}
	l, err := r.k.Request(context.Background(), a, r.now())
	r.w.note("%d: requests %s for %s: %s %v", r.n, a.Credential, a.Principal.Subject, l.ID, err)
	r.opened(a, l, err)
	if f := r.w.facts[l.ID]; f != nil && (err == nil || errors.Is(err, lease.ErrPending)) && f.lease.Ticket != a.Ticket && !r.met {
		r.w.fatalf("lease %q is told of under a ticket that it has not", l.ID)
	}
}

// opened judges what came of asking for a lease.
func (r *replica) opened(a lease.Ask, l lease.Lease, err error) {
	w, f := r.w, r.w.facts[l.ID]
	var cooling *lease.CoolingDown
	var stopped *lease.Barred
	switch {
	case err == nil || errors.Is(err, lease.ErrPending):
		if f == nil || f.lease.Principal != a.Principal.ID() || f.lease.Credential != a.Credential || f.lease.Ticketless() != (a.Ticket == lease.Digest{}) {
			w.fatalf("got another's lease %+v", l)
		}
		if err != nil {
			if f.lease.Operation != a.Operation || a.Terms.Needs == 0 {
				w.fatalf("lease %q asks something else: %+v", l.ID, l)
			}
			r.cool(a)
			return
		}
		if !good(f.lease, a.Operation) || f.lease.Terms.Needs < a.Terms.Needs || !l.Terms.Reuse && l.Session != a.Session {
			w.fatalf("lease %q is not good for that: %+v", l.ID, l)
		}
		r.lives(f, "opening")
	case errors.As(err, &cooling):
		f := w.facts[cooling.Denied.ID]
		if f == nil || f.lease.Ending != lease.Denied || f.lease.Principal != a.Principal.ID() || !r.reading().Before(f.lease.Ended.Add(a.Cooldown)) {
			w.fatalf("cooling down after %+v", cooling.Denied)
		}
	case errors.As(err, &stopped):
		if !barred(r.bars, a.Principal.ID(), a.Credential, r.reading()) && !r.met {
			w.fatalf("stopped by a bar that is not there: %v", err)
		}
	case errors.Is(err, lease.ErrTooMany), errors.Is(err, lease.ErrSpent):
	case r.doubted("opening a lease", err):
	case r.met && (errors.Is(err, lease.ErrEnded) || errors.Is(err, lease.ErrConflict)):
	default:
		w.fatalf("replica %d: opening a lease: %v", r.n, err)
	}
}

// cool fails if a denial is too young for what is asked to be asked again.
func (r *replica) cool(a lease.Ask) {
	for _, f := range r.w.facts {
		l := f.lease
		if l.Ending == lease.Denied && l.Principal == a.Principal.ID() && l.Credential == a.Credential && !r.met && r.reading().Before(l.Ended.Add(a.Cooldown)) {
			r.w.fatalf("replica %d: what lease %q was denied is asked again", r.n, l.ID)
		}
	}
}

func (r *replica) answer(f *fact) {
	w := r.w
	was, p := f.lease, people[w.rand.IntN(len(people))]
	if w.rand.IntN(10) == 0 {
		p = askers[w.rand.IntN(len(askers))]
	}
	a := lease.Answer{Person: p.Person, Principal: p.ID(), Approve: w.rand.IntN(5) > 0, Scope: lease.Scope(w.rand.IntN(4)), Reason: "no", Via: "page"}
	if w.rand.IntN(2) == 0 {
		a.Scope = lease.ScopeCredential
	}
	_, err := r.k.Answer(context.Background(), was.ID, a, r.now())
	w.note("%d: %s answers %s with %v: %v", r.n, p.Subject, was.ID, a.Approve, err)
	open := was.State == lease.Pending && r.reading().Before(was.Ends) && !barred(r.bars, was.Principal, was.Credential, r.reading())
	switch {
	case err == nil:
		f.said = append(f.said, a.Person)
	case r.doubted("answering", err), r.met:
	case open && may(was, a) && !r.dead[was.ID]:
		w.fatalf("replica %d: an answer that counts is refused: %v", r.n, err)
	}
}

func (r *replica) extend(f *fact) {
	by := r.w.seconds(-1, 15)
	_, err := r.k.Extend(context.Background(), f.lease.ID, by, r.now())
	r.w.note("%d: extends %s by %s: %v", r.n, f.lease.ID, by, err)
	if err == nil {
		r.lives(f, "extending")
	}
	r.doubted("extending", err)
}

func (r *replica) spend(f *fact) {
	err := r.k.Spend(context.Background(), f.lease.ID, r.now())
	r.w.note("%d: spends %s: %v", r.n, f.lease.ID, err)
	if err != nil {
		return
	}
	r.lives(f, "spending")
	if f.spent++; f.lease.Terms.Uses > 0 && f.spent > f.lease.Terms.Uses {
		r.w.fatalf("lease %q is used %d times", f.lease.ID, f.spent)
	}
}

func (r *replica) revoke(f *fact) {
	held := r.holds(f)
	_, err := r.k.Revoke(context.Background(), f.lease.ID, "sre", r.now())
	r.w.note("%d: revokes %s: %v", r.n, f.lease.ID, err)
	if held {
		r.dead[f.lease.ID] = true
	}
	if r.doubted("revoking", err) {
		return
	}
	if err == nil && f.lease.State != lease.Ended {
		r.w.fatalf("lease %q is revoked, and not in the store", f.lease.ID)
	}
	if err == nil {
		r.dead[f.lease.ID] = true
	}
}

// holds tells whether the replica has the lease in memory, and it has not ended.
func (r *replica) holds(f *fact) bool {
	select {
	case <-r.k.Done(f.lease.ID):
		return false
	default:
		return true
	}
}

func (r *replica) bar() {
	w := r.w
	if len(w.bars) > 2 || w.rand.IntN(2) == 0 {
		return
	}
	b := lease.Bar{By: "sre"}
	if n := w.rand.IntN(6); n < 5 {
		b.Credential = []string{"", "c0", "c1", "c2", "c3"}[n]
	}
	if w.rand.IntN(2) == 0 || b.Credential == "" && w.rand.IntN(4) > 0 {
		b.Principal = askers[w.rand.IntN(len(askers))].ID()
	}
	if w.rand.IntN(3) > 0 {
		b.Until = r.reading().Add(w.seconds(1, 20)).Truncate(time.Microsecond)
	}
	var held []*fact
	for _, id := range w.ids {
		if f := w.facts[id]; r.holds(f) && barred(map[string]lease.Bar{"": b}, f.lease.Principal, f.lease.Credential, r.reading()) {
			held = append(held, f)
		}
	}
	b, _, err := r.k.Bar(context.Background(), b, r.now())
	w.note("%d: bar %s %s/%s until %s: %v", r.n, b.ID, b.Principal, b.Credential, b.Until.Format("15:04:05.000"), err)
	for _, f := range held {
		r.dead[f.lease.ID] = true
	}
	r.calm("barring", err)
}

func (r *replica) lift() {
	for id := range r.w.bars { // one or two: the order does not matter
		if r.w.rand.IntN(2) == 0 {
			continue
		}
		err := r.k.Lift(context.Background(), id, r.now())
		r.w.note("%d: lifts %s: %v", r.n, id, err)
		if !errors.Is(err, lease.ErrUnknown) || !r.met {
			r.calm("lifting", err)
		}
		return
	}
}
