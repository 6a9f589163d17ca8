package lease

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Revoke ends a lease; by is the ID of who does it. An active one is not live
// from the call on, even if the store fails, which is then an error and is
// tried again by Sweep.
func (k *Keeper) Revoke(ctx context.Context, id, by string, now time.Time) (Lease, error) {
	at := k.clock.see(now)
	e := k.lookup(id)
	if e == nil {
		return k.mutate(ctx, id, at, func(l Lease) (Lease, error) { return l.Revoke(by, at.time()) })
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
	done, err := k.changes.take(ctx, e.id)
	if err != nil {
		return unavailable(err)
	}
	defer done()
	if !k.isUnsaved(e) { // another was quicker
		return nil
	}
	final := *e.final.Load()
	for range tries {
		r, err := k.store.ByID(ctx, e.id)
		if err == nil {
			var l Lease
			if l, err = k.ending(r, final); err == nil {
				r.Change, err = k.store.Update(ctx, Seal(k.key, l, r.Change))
			}
		}
		switch {
		case errors.Is(err, ErrConflict):
			continue
		case errors.Is(err, ErrUnknown), errors.Is(err, ErrEnded):
		case err != nil:
			return unavailable(err)
		default:
			k.wrote(r.Change)
			k.o.Changed(final, true)
		}
		break
	}
	k.drop(e)
	return nil
}

func (k *Keeper) isUnsaved(e *entry) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.unsaved[e.id] == e
}

// ending is what is to be written over the row, so that its lease has ended as
// final has. Of a row that is not believed there is nothing to end.
func (k *Keeper) ending(r Row, final Lease) (Lease, error) {
	l, ok := k.unseal(r)
	switch {
	case !ok:
		return l, ErrUnknown
	case l.State == Ended && l.Ending == Revoked && l.EndedBy == final.EndedBy && l.Ended.Equal(micros(final.Ended)):
		k.o.Changed(final, true) // written before, and the store's answer was lost
		return l, ErrEnded
	case l.State == Ended:
		return l, ErrEnded
	}
	l.EndedBy = final.EndedBy
	return l.end(final.Ending, final.Ended), nil
}
