package lease

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cloakroom/internal/access"
)

// flight is the opening of a lease that several callers wait for.
type flight struct {
	done  chan struct{}
	lease Lease
	err   error
}

// Use returns p's active lease without a ticket over the credential, and opens
// one of this length if there is none. It counts once the store has it.
func (k *Keeper) Use(ctx context.Context, p access.Principal, credential, session string,
	length time.Duration, now time.Time) (Lease, error) {
	key := useKey{p.ID(), credential}
	if l, ok := k.current(key, now); ok {
		return l, nil
	}
	ask := Ask{Principal: p, Credential: credential, Session: session, Length: length}
	f := k.join(ctx, key, ask, now)
	select {
	case <-f.done:
		return f.lease, f.err
	case <-ctx.Done():
		return Lease{}, fmt.Errorf("opening a lease over %q: %w: %w", credential, ctx.Err(), ErrUnavailable)
	}
}

// current is the live lease of the key.
func (k *Keeper) current(key useKey, now time.Time) (Lease, bool) {
	if v, ok := k.byUse.Load(key); ok {
		if e := v.(*entry); e.live(k.clock.see(now)) {
			return e.lease, true
		}
	}
	return Lease{}, false
}

// join takes part in the opening of the key's lease, or begins it. Who begins
// it may give up without harm to the others.
func (k *Keeper) join(ctx context.Context, key useKey, ask Ask, now time.Time) *flight {
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
		if l, ok := k.current(key, now); ok {
			f.lease = l
		} else {
			f.lease, f.err = k.open(context.WithoutCancel(ctx), ask, now)
		}
		k.mu.Lock()
		delete(k.flights, key)
		k.mu.Unlock()
	}()
	return f
}

// Request opens a lease that belongs to the ticket with this hash.
func (k *Keeper) Request(ctx context.Context, p access.Principal, credential, session, reason string,
	ticket [32]byte, length time.Duration, now time.Time) (Lease, error) {
	if ticket == [32]byte{} {
		return Lease{}, fmt.Errorf("opening a lease over %q: the ticket's hash is zero", credential)
	}
	return k.open(ctx, Ask{Principal: p, Credential: credential, Session: session,
		Reason: reason, Ticket: ticket, Length: length}, now)
}

// open opens a lease: first in the store, then in memory.
func (k *Keeper) open(ctx context.Context, ask Ask, now time.Time) (Lease, error) {
	l, err := Open(ask, now)
	if err != nil {
		return Lease{}, err
	}
	at := k.clock.see(now)
	if err := k.reserve(l.Principal, at); err != nil {
		return Lease{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	if err := k.store.Insert(ctx, Seal(k.key, l)); err != nil {
		k.release(l.Principal)
		return Lease{}, fmt.Errorf("opening a lease over %q: %w", l.Credential, unavailable(err))
	}
	if k.wasCut(l.ID) { // another process revoked it at once
		k.release(l.Principal)
		return Lease{}, fmt.Errorf("opening a lease over %q: %w", l.Credential, ErrEnded)
	}
	e := k.add(l, at, at.add(l.Length))
	k.o.Changed(e.lease)
	return e.lease, nil
}

// unavailable marks an error of the store that is none of its contract.
func unavailable(err error) error {
	if err == nil || errors.Is(err, ErrExists) || errors.Is(err, ErrUnknown) || errors.Is(err, ErrConflict) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}
