package lease

import (
	"context"
	"fmt"
	"time"
)

// Check says whether an exchange may go on under the lease: nil, if it is
// active and the store was heard of lately; else ErrEnded, ErrUnknown or
// ErrUnavailable. It answers from memory, but for a lease that another process
// has opened just now.
func (k *Keeper) Check(id string, now time.Time) error {
	at := k.clock.see(now)
	e := k.lookup(id)
	if e == nil {
		var err error
		if e, err = k.fetch(id, at); err != nil {
			return err
		}
	}
	switch {
	case !e.live(at):
		return ErrEnded
	case k.stale(at):
		return ErrUnavailable
	}
	return nil
}

// Live tells whether Check finds nothing wrong.
func (k *Keeper) Live(id string, now time.Time) bool { return k.Check(id, now) == nil }

// fetch asks the store for a lease that is not in memory.
func (k *Keeper) fetch(id string, at instant) (*entry, error) {
	ctx, cancel := context.WithTimeout(context.Background(), checkTimeout)
	defer cancel()
	r, err := k.store.ByID(ctx, id)
	if err != nil {
		return nil, unavailable(err)
	}
	l, ok := k.unseal(r)
	switch {
	case !ok:
		return nil, ErrUnknown
	case k.known(l, at).State != Active:
		return nil, ErrEnded
	}
	return k.adopt(l, at), nil
}

// Spend counts a use of the lease, where it has a limit: then it is in the store
// when Spend returns. Errors are Check's, and ErrSpent.
func (k *Keeper) Spend(ctx context.Context, id string, now time.Time) error {
	if err := k.Check(id, now); err != nil {
		return err
	}
	e := k.lookup(id)
	if e == nil {
		return ErrEnded
	}
	if l := e.lease(); l.Terms.Uses == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	at := k.clock.see(now)
	l, err := k.mutate(ctx, id, at, func(l Lease) (Lease, error) { return l.Spend(at.time()) })
	if err == nil && l.State == Ended {
		return l.refuse("using")
	}
	return err
}

// Admit counts a request under the lease; ok tells that there were not too many
// in this minute.
func (k *Keeper) Admit(ctx context.Context, l Lease, now time.Time) (ok bool, err error) {
	if l.Terms.Requests == 0 {
		return true, nil
	}
	n, err := k.store.Tally(ctx, l.ID, k.clock.see(now).time().Unix()/60)
	return n <= l.Terms.Requests, unavailable(err)
}

// Done returns a channel that is closed when the lease is no longer active: at
// once when it is revoked, at the next Sweep when it expires. For a lease that
// is not active it is closed already.
func (k *Keeper) Done(id string) <-chan struct{} {
	if e := k.lookup(id); e != nil {
		return e.done
	}
	return closed
}

// OnRevoke has cut called once when the lease is revoked, here or by another
// process; at once, if that has happened. It is not called when the lease
// expires, nor after stop, but for a call that was under way. It must not block.
func (k *Keeper) OnRevoke(id string, cut func()) (stop func()) {
	if e := k.lookup(id); e != nil {
		return e.onRevoke(cut)
	}
	if why, _ := k.buried(id); why == Revoked {
		cut()
	}
	return func() {}
}

// ByID finds one lease as it stands; ErrUnknown, if there is none.
func (k *Keeper) ByID(ctx context.Context, id string, now time.Time) (Lease, error) {
	at := k.clock.see(now)
	if e := k.lookup(id); e != nil {
		return e.now(at), nil
	}
	r, err := k.store.ByID(ctx, id)
	if err != nil {
		return Lease{}, fmt.Errorf("finding lease %q: %w", id, unavailable(err))
	}
	l, ok := k.unseal(r)
	if !ok {
		return Lease{}, fmt.Errorf("finding lease %q: %w", id, ErrUnknown)
	}
	return k.known(l, at), nil
}

// ByTicket finds the active lease of a ticket by its hash. Others are
// ErrUnknown, ErrPending or ErrEnded (with the lease as it ended).
func (k *Keeper) ByTicket(ctx context.Context, ticket Digest, now time.Time) (Lease, error) {
	if err := k.confirm(ctx, now); err != nil {
		return Lease{}, err
	}
	at := k.clock.see(now)
	if v, ok := k.byTicket.Load(ticket); ok {
		return standing(v.(*entry).now(at))
	}
	if ticket == (Digest{}) {
		return Lease{}, ErrUnknown
	}
	r, err := k.store.ByTicket(ctx, ticket)
	if err != nil {
		return Lease{}, fmt.Errorf("finding a ticket's lease: %w", unavailable(err))
	}
	l, ok := k.unseal(r)
	// A row found by a hash that it does not hold was tampered with as well.
	if !ok || l.Ticket != ticket {
		return Lease{}, ErrUnknown
	}
	if l = k.known(l, at); l.State != Active {
		return standing(l)
	}
	return standing(k.adopt(l, at).now(at))
}

// standing is the lease if it is active, else the error that says what it is.
func standing(l Lease) (Lease, error) {
	switch l.State {
	case Active:
		return l, nil
	case Pending:
		return l, ErrPending
	case Ended:
		return l, ErrEnded
	}
	return Lease{}, ErrUnknown
}

// List lists leases as they stand at now.
func (k *Keeper) List(ctx context.Context, f Filter, now time.Time) ([]Lease, error) {
	at := k.clock.see(now)
	ls, err := List(ctx, k.store, k.key, f, at.time())
	out := ls[:0]
	for _, l := range ls {
		if l = k.known(l, at); f.State == 0 || f.State == l.State {
			out = append(out, l)
		}
	}
	return out, err
}

// List lists a store's leases as they stand at now, for who has no Keeper.
// Rows without a valid MAC are left out.
func List(ctx context.Context, s Store, key [32]byte, f Filter, now time.Time) ([]Lease, error) {
	rows, err := s.List(ctx, f)
	if err != nil {
		return nil, fmt.Errorf("listing leases: %w", unavailable(err))
	}
	var ls []Lease
	for _, r := range rows {
		l, ok := Unseal(key, r)
		if l = l.At(now); ok && (f.State == 0 || f.State == l.State) {
			ls = append(ls, l)
		}
	}
	return ls, nil
}
