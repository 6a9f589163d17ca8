package lease

import (
	"context"
	"errors"
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
		return k.fetch(id, at)
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

// stale tells whether the store was not heard of for too long.
func (k *Keeper) stale(at instant) bool {
	return k.o.Confirm > 0 && at.mono-k.confirmed.Load() > int64(k.o.Confirm)
}

// fetch asks the store for a lease that is not in memory.
func (k *Keeper) fetch(id string, at instant) error {
	ctx, cancel := context.WithTimeout(context.Background(), checkTimeout)
	defer cancel()
	r, err := k.store.ByID(ctx, id)
	if err != nil {
		return unavailable(err)
	}
	l, ok := k.unseal(r)
	switch {
	case !ok:
		return ErrUnknown
	case !l.Live(at.time()) || k.wasCut(id):
		return ErrEnded
	}
	if !k.adopt(l, at).live(at) {
		return ErrEnded
	}
	return nil
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
	_, err := k.mutate(ctx, id, at, func(l Lease) (Lease, error) { return l.Spend(at.time()) })
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
	return over
}

// OnRevoke has cut called once when the lease is revoked, here or by another
// process; at once, if it is not active any more, and did not expire. It is not
// called when the lease expires, nor after stop. It must not block.
func (k *Keeper) OnRevoke(id string, cut func()) (stop func()) {
	if e := k.lookup(id); e != nil {
		return e.onRevoke(cut)
	}
	if k.wasCut(id) {
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
	if l = l.At(at.time()); l.State != Ended && k.wasCut(id) {
		l = l.end(Revoked, at.time())
	}
	return l, nil
}

// ByTicket finds the active lease of a ticket by its hash. Others are
// ErrUnknown, ErrPending or ErrEnded (with the lease as it ended).
func (k *Keeper) ByTicket(ctx context.Context, ticket Digest, now time.Time) (Lease, error) {
	k.confirm(ctx, now)
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

// Revoke ends a lease; by is the ID of who does it. An active one is not live
// from the call on, even if the store fails, which is then an error and is
// tried again by Sweep.
func (k *Keeper) Revoke(ctx context.Context, id, by string, now time.Time) (Lease, error) {
	at := k.clock.see(now)
	e := k.lookup(id)
	if e == nil {
		l, err := k.mutate(ctx, id, at, func(l Lease) (Lease, error) { return l.Revoke(by, at.time()) })
		if err == nil {
			k.mu.Lock()
			k.cut[id] = max(l.Ends.UnixNano(), k.cut[id])
			k.mu.Unlock()
		}
		return l, err
	}
	l, ok := k.revoke(e, by, at)
	if !ok {
		l = e.now(at)
		return l, l.refuse("revoking")
	}
	if err := k.save(ctx, e); err != nil {
		return l, fmt.Errorf("revoking lease %q: %w", id, err)
	}
	return l, nil
}

// revoke ends an active lease in memory; false: it is not active.
func (k *Keeper) revoke(e *entry, by string, at instant) (Lease, bool) {
	l := e.now(at)
	if l.State != Active {
		return l, false
	}
	l.EndedBy = by
	l = l.end(Revoked, at.time())
	return l, k.finish(e, l, true)
}

// save writes a lease's end. A store that knows of one already is right too.
func (k *Keeper) save(ctx context.Context, e *entry) error {
	final := *e.final.Load()
	for range 16 {
		r, err := k.store.ByID(ctx, e.id)
		if err == nil && r.State != Ended {
			l, ok := k.unseal(r)
			if !ok { // nothing that is believed: there is nothing to end
				break
			}
			l.EndedBy = final.EndedBy
			_, err = k.store.Update(ctx, Seal(k.key, l.end(final.Ending, final.Ended), r.Change))
			if err == nil {
				k.o.Changed(final, true)
			}
		}
		if errors.Is(err, ErrConflict) {
			continue
		}
		if err != nil && !errors.Is(err, ErrUnknown) {
			return unavailable(err)
		}
		break
	}
	k.drop(e)
	return nil
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
