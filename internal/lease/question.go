package lease

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ask finds the lease that waits for people, or one that they have approved
// meanwhile, and opens a pending one if there is neither.
func (k *Keeper) ask(ctx context.Context, a Ask, now time.Time) (Lease, error) {
	l, err := Open(a, now)
	if err != nil {
		return Lease{}, err
	}
	at := k.clock.see(now)
	if b, stopped := k.barring(l.Principal, l.Credential, at); stopped {
		return Lease{}, &Barred{b}
	}
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	past, err := k.past(ctx, a, at)
	if err != nil {
		return Lease{}, err
	}
	for _, was := range past {
		if done, err := k.settled(a, was, at); err != nil || done {
			return k.settle(was, at, err)
		}
	}
	if was, ok, err := k.asked(ctx, l, at); err != nil || ok {
		return k.again(ctx, was, a, at, err)
	}
	if err := k.roomToAsk(ctx, l, at); err != nil {
		return Lease{}, err
	}
	_, err = k.store.Insert(ctx, Seal(k.key, l, 0), a.AtOnce)
	if errors.Is(err, ErrExists) { // another process asked it just now
		was, ok, failed := k.asked(ctx, l, at)
		if failed != nil || ok {
			return k.again(ctx, was, a, at, failed)
		}
	}
	if err != nil {
		return Lease{}, fmt.Errorf("asking for a lease over %q: %w", l.Credential, unavailable(err))
	}
	k.o.Changed(l, true)
	k.tell(l.ID)
	return l, ErrPending
}

// settled tells whether a lease of before answers a: it is good for it, or was
// denied a short while ago.
func (k *Keeper) settled(a Ask, was Lease, at instant) (bool, error) {
	switch {
	case was.Ending == Denied && at.time().Before(was.Ended.Add(a.Cooldown)):
		return true, &CoolingDown{was, was.Ended.Add(a.Cooldown)}
	case was.State == Active && a.Ticket == Digest{} && a.fits(was) && !was.Spent():
		return !k.wasCut(was.ID), nil
	}
	return false, nil
}

func (k *Keeper) settle(l Lease, at instant, err error) (Lease, error) {
	if err != nil {
		return l, err
	}
	return standing(k.adopt(l, at).now(at))
}

// asked finds the pending lease that asks the same as l.
func (k *Keeper) asked(ctx context.Context, l Lease, at instant) (Lease, bool, error) {
	r, err := k.store.ByQuestion(ctx, l.question())
	if errors.Is(err, ErrUnknown) {
		return Lease{}, false, nil
	}
	if err != nil {
		return Lease{}, false, fmt.Errorf("looking for a question about %q: %w", l.Credential, unavailable(err))
	}
	was, ok := k.unseal(r)
	was = was.At(at.time())
	return was, ok && was.State == Pending && was.question() == l.question(), nil
}

// again is what asking once more gives: the same lease, under the new ticket.
func (k *Keeper) again(ctx context.Context, was Lease, a Ask, at instant, err error) (Lease, error) {
	if err != nil {
		return Lease{}, err
	}
	if a.Ticket == (Digest{}) {
		return was, ErrPending
	}
	l, err := k.mutate(ctx, was.ID, at, func(l Lease) (Lease, error) {
		if l = l.At(at.time()); l.State != Pending {
			return l, l.refuse("asking for")
		}
		l.Ticket = a.Ticket
		return l, nil
	})
	if err != nil {
		return Lease{}, err
	}
	return l, ErrPending
}

// roomToAsk bounds how much one principal may ask of people at a time.
func (k *Keeper) roomToAsk(ctx context.Context, l Lease, at instant) error {
	rows, err := k.store.List(ctx, Filter{Principal: l.Principal, State: Pending, Limit: 4 * k.o.Questions})
	if err != nil {
		return fmt.Errorf("looking for questions of %q: %w", l.Principal, unavailable(err))
	}
	n := 0
	for _, r := range rows {
		if r.Ends.After(at.time()) {
			n++
		}
	}
	if n >= k.o.Questions {
		return fmt.Errorf("asking for a lease over %q: %w (%d questions wait for an answer)", l.Credential, ErrTooMany, n)
	}
	return nil
}

// Answer gives a person's answer to a pending lease. It counts once the store
// has it.
func (k *Keeper) Answer(ctx context.Context, id string, a Answer, now time.Time) (Lease, error) {
	at := k.clock.see(now)
	return k.mutate(ctx, id, at, func(l Lease) (Lease, error) {
		if b, stopped := k.barring(l.Principal, l.Credential, at); stopped && a.Approve {
			return l, &Barred{b}
		}
		return l.Answer(a, at.time())
	})
}

// Extend makes an active lease end later, as far as its terms let it.
func (k *Keeper) Extend(ctx context.Context, id string, by time.Duration, now time.Time) (Lease, error) {
	at := k.clock.see(now)
	return k.mutate(ctx, id, at, func(l Lease) (Lease, error) { return l.Extend(by, at.time()) })
}

// mutate applies f to the lease that the store has, and writes what comes of
// it. Another process's write in between makes it begin again.
func (k *Keeper) mutate(ctx context.Context, id string, at instant, f func(Lease) (Lease, error)) (Lease, error) {
	for range 16 {
		r, err := k.store.ByID(ctx, id)
		if err != nil {
			return Lease{}, fmt.Errorf("changing lease %q: %w", id, unavailable(err))
		}
		was, ok := k.unseal(r)
		if !ok || was.ID != id {
			return Lease{}, fmt.Errorf("changing lease %q: %w", id, ErrUnknown)
		}
		if e := k.lookup(id); was.State != Ended && (k.wasCut(id) || e != nil && e.final.Load() != nil) {
			return was, fmt.Errorf("changing lease %q: %w", id, ErrEnded)
		}
		l, err := f(was)
		if err != nil {
			return l, err
		}
		_, err = k.store.Update(ctx, Seal(k.key, l, r.Change))
		if errors.Is(err, ErrConflict) {
			continue
		}
		if err != nil {
			return l, fmt.Errorf("changing lease %q: %w", id, unavailable(err))
		}
		k.learn(l, at, true)
		return l, nil
	}
	return Lease{}, fmt.Errorf("changing lease %q: %w", id, ErrConflict)
}

// learn takes over what became of a lease.
func (k *Keeper) learn(l Lease, at instant, here bool) {
	switch e := k.lookup(l.ID); {
	case l.State == Ended:
		if e != nil {
			k.finish(e, l, false)
		}
	case l.State != Active || k.wasCut(l.ID):
	case e != nil:
		e.update(l)
	case l.Live(at.time()):
		k.adopt(l, at)
	}
	if here || l.State != Ended {
		k.o.Changed(l, here)
	}
	k.tell(l.ID)
}
