package lease

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Live tells whether the lease is active at now, from memory alone.
func (k *Keeper) Live(id string, now time.Time) bool {
	at := k.clock.see(now)
	e := k.lookup(id)
	return e != nil && e.live(at)
}

// Done returns a channel that is closed when the lease is no longer active: at
// once when it is revoked, at the next Sweep when it expires. For a lease that
// is not active it is closed already.
func (k *Keeper) Done(id string) <-chan struct{} {
	if e := k.lookup(id); e != nil {
		return e.done
	}
	return over
}

// ByTicket finds the active lease of a ticket by its hash. Others are
// ErrUnknown, ErrPending or ErrEnded (with the lease as it ended).
func (k *Keeper) ByTicket(ctx context.Context, ticket [32]byte, now time.Time) (Lease, error) {
	at := k.clock.see(now)
	if v, ok := k.byTicket.Load(ticket); ok {
		return standing(v.(*entry).now(at))
	}
	if ticket == [32]byte{} {
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
	l = l.At(at.time())
	if l.State != Active {
		return standing(l)
	}
	if k.wasCut(l.ID) {
		return standing(l.end(Revoked, at.time()))
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

// Revoke ends a lease. It is not live from the call on, even if the store
// fails, which is then an error and is tried again by Sweep.
func (k *Keeper) Revoke(ctx context.Context, id string, now time.Time) (Lease, error) {
	at := k.clock.see(now)
	e := k.lookup(id)
	if e == nil {
		return k.revokeStored(ctx, id, at)
	}
	if l := e.now(at); l.State != Active {
		return l, l.refuse("revoking")
	}
	l := e.lease.end(Revoked, at.time())
	if !k.finish(e, l, true) {
		l = e.now(at)
		return l, l.refuse("revoking")
	}
	if err := k.save(ctx, e); err != nil {
		return l, fmt.Errorf("revoking lease %q: %w", id, err)
	}
	return l, nil
}

// revokeStored ends a lease that is not in memory.
func (k *Keeper) revokeStored(ctx context.Context, id string, at instant) (Lease, error) {
	r, err := k.store.ByID(ctx, id)
	if err != nil {
		return Lease{}, fmt.Errorf("revoking lease %q: %w", id, unavailable(err))
	}
	was, ok := k.unseal(r)
	if !ok || was.ID != id {
		return Lease{}, fmt.Errorf("revoking lease %q: %w", id, ErrUnknown)
	}
	l, err := was.Revoke(at.time())
	if err != nil {
		return l, err
	}
	k.mu.Lock()
	k.cut[id] = was.Ends.UnixNano()
	k.mu.Unlock()
	if err := k.store.Update(ctx, Seal(k.key, l), was.State); err != nil {
		return l, fmt.Errorf("revoking lease %q: %w", id, unavailable(err))
	}
	k.o.Changed(l)
	return l, nil
}

// save writes a lease's end. A store that knows of one already is right too.
func (k *Keeper) save(ctx context.Context, e *entry) error {
	err := k.store.Update(ctx, Seal(k.key, *e.final.Load()), Active)
	if err == nil || errors.Is(err, ErrConflict) || errors.Is(err, ErrUnknown) {
		k.drop(e)
		return nil
	}
	return unavailable(err)
}

// List lists leases as they stand at now.
func (k *Keeper) List(ctx context.Context, f Filter, now time.Time) ([]Lease, error) {
	at := k.clock.see(now)
	ls, err := List(ctx, k.store, k.key, f, at.time())
	for i, l := range ls {
		if e := k.lookup(l.ID); e != nil {
			ls[i] = e.now(at)
		}
	}
	return ls, err
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
