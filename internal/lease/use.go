package lease

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// flight is the opening of a lease that several callers wait for.
type flight struct {
	done  chan struct{}
	lease Lease
	err   error
}

// flightKey is what callers have in common who wait for one opening. The
// session is empty where it does not matter.
type flightKey struct {
	useKey
	session string
}

// Use returns the principal's active lease without a ticket that is good for
// what a asks, and opens one if there is none; where people must approve it,
// the lease that waits for them comes with ErrPending. A lease counts once the
// store has it. Other errors: *Barred, *CoolingDown, ErrSpent (with the lease, which
// counts until its end), ErrTooMany, ErrUnavailable.
func (k *Keeper) Use(ctx context.Context, a Ask, now time.Time) (Lease, error) {
	if err := k.confirm(ctx, now); err != nil {
		return Lease{}, err
	}
	l, err := k.current(a, now)
	if err != nil || l.State == Active {
		return l, err
	}
	if a.Terms.Needs > 0 {
		return k.ask(ctx, a, now)
	}
	f := k.join(ctx, a, now)
	select {
	case <-f.done:
		return f.lease, f.err
	case <-ctx.Done():
		return Lease{}, fmt.Errorf("opening a lease over %q: %w: %w", a.Credential, ctx.Err(), ErrUnavailable)
	}
}

// current is the live lease that is good for a. One that has no use left counts
// until its end where nobody is asked for the next.
func (k *Keeper) current(a Ask, now time.Time) (Lease, error) {
	at := k.clock.see(now)
	var spent Lease
	var err error
	for _, e := range k.uses(a.useKey()) {
		l := e.lease()
		switch {
		case !e.live(at) || !a.fits(l):
		case !l.Spent():
			return l, nil
		case a.Terms.Needs == 0:
			spent, err = l, fmt.Errorf("using lease %q: %w (%d)", l.ID, ErrSpent, l.Terms.Uses)
		}
	}
	return spent, err
}

func (a Ask) useKey() useKey { return useKey{a.Principal.ID(), a.Credential} }

// fits tells whether the lease without a ticket is good for what is asked. One
// that fewer people approved than must now is not.
func (a Ask) fits(l Lease) bool {
	return l.Ticketless() && l.Terms.Needs >= a.Terms.Needs && l.Covers(a.Operation) && (l.Terms.Reuse || l.Session == a.Session)
}

// join takes part in the opening of a lease, or begins it. Who begins it may
// give up without harm to the others.
func (k *Keeper) join(ctx context.Context, a Ask, now time.Time) *flight {
	key := flightKey{useKey: a.useKey()}
	if !a.Terms.Reuse {
		key.session = a.Session
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if f := k.flights[key]; f != nil {
		return f
	}
	f := &flight{done: make(chan struct{})}
	k.flights[key] = f
	go func() {
		defer close(f.done)
		// An opening that ended just before this one began may have made it.
		if l, err := k.current(a, now); err != nil || l.State == Active {
			f.lease, f.err = l, err
		} else {
			f.lease, f.err = k.open(context.WithoutCancel(ctx), a, now)
		}
		k.mu.Lock()
		delete(k.flights, key)
		k.mu.Unlock()
	}()
	return f
}

// Request opens a lease that belongs to the ticket with this hash; where people
// must approve it, it comes with ErrPending. Asked for once more while it
// waits, the lease is the same, and its ticket the new one.
func (k *Keeper) Request(ctx context.Context, a Ask, now time.Time) (Lease, error) {
	if a.Ticket == (Digest{}) {
		return Lease{}, fmt.Errorf("opening a lease over %q: the ticket's hash is zero", a.Credential)
	}
	if err := k.confirm(ctx, now); err != nil {
		return Lease{}, err
	}
	if a.Terms.Needs > 0 {
		return k.ask(ctx, a, now)
	}
	return k.open(ctx, a, now)
}

// begin makes the lease that a asks for, unless a bar stands in the way. Nobody
// has it yet.
func (k *Keeper) begin(a Ask, now time.Time) (Lease, instant, error) {
	at := k.clock.see(now)
	l, err := Open(a, at.time())
	if err != nil {
		return Lease{}, at, err
	}
	if b, stopped := k.stopping(l.Principal, l.Credential, at); stopped {
		return Lease{}, at, &Barred{b}
	}
	return l, at, nil
}

// open opens a lease: first in the store, then in memory.
func (k *Keeper) open(ctx context.Context, a Ask, now time.Time) (Lease, error) {
	l, at, err := k.begin(a, now)
	if err != nil {
		return Lease{}, err
	}
	if err := k.reserve(l.Principal, at); err != nil {
		return Lease{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	change, err := k.store.Insert(ctx, Seal(k.key, l, 0), a.AtOnce)
	if err != nil {
		k.release(l.Principal)
		return k.instead(ctx, a, at, fmt.Errorf("opening a lease over %q: %w", l.Credential, unavailable(err)))
	}
	k.wrote(change)
	e := k.add(l, at, at.add(l.Terms.Length))
	k.o.Changed(l, true)
	k.tell(l.ID)
	return standing(e.now(at))
}

// instead looks, when one more lease would be too many, for one that another
// process has opened and that will do; err is what to say if there is none.
func (k *Keeper) instead(ctx context.Context, a Ask, at instant, err error) (Lease, error) {
	if !errors.Is(err, ErrTooMany) || a.Ticket != (Digest{}) {
		return Lease{}, err
	}
	e, failed := k.elsewhere(ctx, a, at)
	switch {
	case failed != nil:
		return Lease{}, failed
	case e != nil:
		return standing(e.now(at))
	}
	return Lease{}, err
}

// elsewhere finds the latest active lease without a ticket that is good for a,
// among those that the store has as open: another process has opened it, or
// people have just approved it; nil: there is none.
func (k *Keeper) elsewhere(ctx context.Context, a Ask, at instant) (*entry, error) {
	rows, err := k.store.List(ctx, Filter{Principal: a.Principal.ID(), Credential: a.Credential, Open: true})
	if err != nil {
		return nil, fmt.Errorf("looking for a lease over %q: %w", a.Credential, unavailable(err))
	}
	for _, r := range rows {
		l, ok := k.unseal(r)
		if !ok || l.useKey() != a.useKey() {
			continue
		}
		if l = k.known(l, at); l.State == Active && a.fits(l) && !l.Spent() {
			return k.adopt(l, at), nil
		}
	}
	return nil, nil
}

// unavailable marks an error of the store that is none of its contract.
func unavailable(err error) error {
	for _, known := range []error{nil, ErrExists, ErrUnknown, ErrConflict, ErrTooMany} {
		if errors.Is(err, known) {
			return err
		}
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}
