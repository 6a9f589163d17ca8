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
	l, at, err := k.begin(a, now)
	if err != nil {
		return Lease{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	if l, err := k.cooling(ctx, a, at); err != nil {
		return l, err
	}
	if a.Ticket == (Digest{}) {
		e, err := k.elsewhere(ctx, a, at)
		switch {
		case err != nil:
			return Lease{}, err
		case e != nil:
			return standing(e.now(at))
		}
	}
	was, ok, err := k.asked(ctx, l, at)
	if err == nil && !ok {
		was, ok, err = k.put(ctx, l, a.AtOnce, at)
	}
	switch {
	case err != nil:
		return Lease{}, err
	case ok && a.Ticket != Digest{}:
		return k.again(ctx, was, a, at)
	}
	return was, ErrPending
}

// cooling finds the denial after which it is too soon to ask again.
func (k *Keeper) cooling(ctx context.Context, a Ask, at instant) (Lease, error) {
	rows, err := k.store.List(ctx, Filter{Question: denials(a.Principal.ID(), a.Credential)})
	if err != nil {
		return Lease{}, fmt.Errorf("looking for a denial over %q: %w", a.Credential, unavailable(err))
	}
	for _, r := range rows {
		if l, ok := k.unseal(r); ok && l.Ending == Denied && l.useKey() == a.useKey() && at.time().Before(l.Ended.Add(a.Cooldown)) {
			return l, &CoolingDown{l, l.Ended.Add(a.Cooldown)}
		}
	}
	return Lease{}, nil
}

// put writes a new question down, if there is room for one more; true: it was
// asked just now, and this is the lease that waits.
func (k *Keeper) put(ctx context.Context, l Lease, atOnce int, at instant) (Lease, bool, error) {
	done, err := k.questions.take(ctx, l.Principal)
	if err != nil {
		return Lease{}, false, fmt.Errorf("asking for a lease over %q: %w", l.Credential, unavailable(err))
	}
	defer done()
	if was, ok, err := k.asked(ctx, l, at); ok || err != nil {
		return was, ok, err
	}
	if err := k.roomToAsk(ctx, l, at); err != nil {
		return Lease{}, false, err
	}
	change, err := k.store.Insert(ctx, Seal(k.key, l, 0), atOnce)
	if errors.Is(err, ErrExists) { // another process was quicker
		if was, ok, err := k.asked(ctx, l, at); ok || err != nil {
			return was, ok, err
		}
	}
	if err != nil {
		return Lease{}, false, fmt.Errorf("asking for a lease over %q: %w", l.Credential, unavailable(err))
	}
	k.wrote(change)
	k.o.Changed(l, true)
	k.tell(l.ID)
	return l, false, nil
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
func (k *Keeper) again(ctx context.Context, was Lease, a Ask, at instant) (Lease, error) {
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

// roomToAsk bounds how much one principal may ask of people at a time. A question
// that it takes back counts until it would have lapsed: people were told of it.
func (k *Keeper) roomToAsk(ctx context.Context, l Lease, at instant) error {
	n := 0
	for _, f := range []Filter{{Principal: l.Principal, State: Pending, Open: true}, {Question: takenBack(l.Principal)}} {
		f.Limit = 4 * k.o.Questions
		rows, err := k.store.List(ctx, f)
		if err != nil {
			return fmt.Errorf("looking for questions of %q: %w", l.Principal, unavailable(err))
		}
		for _, r := range rows {
			if r.Ends.After(at.time()) {
				n++
			}
		}
	}
	if n >= k.o.Questions {
		return fmt.Errorf("asking for a lease over %q: %w (%d questions wait for an answer, or were taken back)", l.Credential, ErrTooMany, n)
	}
	return nil
}

// Answer gives a person's answer to a pending lease. It counts once the store
// has it.
func (k *Keeper) Answer(ctx context.Context, id string, a Answer, now time.Time) (Lease, error) {
	at := k.clock.see(now)
	if err := k.confirm(ctx, now); err != nil {
		return Lease{}, err
	}
	return k.mutate(ctx, id, at, func(l Lease) (Lease, error) {
		if b, stopped := k.stopping(l.Principal, l.Credential, at); stopped && a.Approve {
			return l, &Barred{b}
		}
		return l.Answer(a, at.time())
	})
}

// Extend makes an active lease end later, as far as its terms let it.
func (k *Keeper) Extend(ctx context.Context, id string, by time.Duration, now time.Time) (Lease, error) {
	at := k.clock.see(now)
	l, err := k.mutate(ctx, id, at, func(l Lease) (Lease, error) { return l.Extend(by, at.time()) })
	if err == nil && l.State == Ended {
		return l, l.refuse("extending")
	}
	return l, err
}

// tries is how often a change is begun anew that another process's is in the way
// of. In this process they take turns.
const tries = 16

// mutate applies f to the lease that the store has, writes what comes of it, and
// returns that, ended if this process has heard so meanwhile.
func (k *Keeper) mutate(ctx context.Context, id string, at instant, f func(Lease) (Lease, error)) (Lease, error) {
	done, err := k.changes.take(ctx, id)
	if err != nil {
		return Lease{}, fmt.Errorf("changing lease %q: %w", id, unavailable(err))
	}
	defer done()
	for range tries {
		r, err := k.store.ByID(ctx, id)
		if err != nil {
			return Lease{}, fmt.Errorf("changing lease %q: %w", id, unavailable(err))
		}
		was, ok := k.unseal(r)
		if !ok || k.older(was) {
			return Lease{}, fmt.Errorf("changing lease %q: %w", id, ErrUnknown)
		}
		if gone := k.gone(was, at); was.State != Ended && gone.State == Ended {
			return gone, gone.refuse("changing")
		}
		l, err := f(was)
		if err != nil {
			return l, err
		}
		change, err := k.store.Update(ctx, Seal(k.key, l, r.Change))
		if errors.Is(err, ErrConflict) {
			continue
		}
		if err != nil {
			return l, fmt.Errorf("changing lease %q: %w", id, unavailable(err))
		}
		k.wrote(change)
		k.learn(l, at, true)
		return k.gone(l, at), nil
	}
	return Lease{}, fmt.Errorf("changing lease %q: %w: others change it all the time", id, ErrUnavailable)
}

// learn takes over what became of a lease.
func (k *Keeper) learn(l Lease, at instant, here bool) {
	if l.State == Ended {
		k.bury(l, l.Ending) // first: who is about to adopt it looks there afterwards
	}
	switch e := k.lookup(l.ID); {
	case l.State == Ended && e != nil:
		k.finish(e, l, false)
	case l.State == Active && e != nil:
		e.update(l)
	case l.State == Active && k.known(l, at).State == Active:
		k.adopt(l, at)
	}
	k.o.Changed(l, here)
	k.tell(l.ID)
}
