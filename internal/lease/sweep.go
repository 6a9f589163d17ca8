package lease

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Follow takes over what other processes changed, and takes note that the store
// was heard of.
func (k *Keeper) Follow(ctx context.Context, now time.Time) error {
	k.following.Lock()
	defer k.following.Unlock()
	at := k.clock.see(now)
	rows, change, err := k.store.Changes(ctx, k.change)
	if err != nil {
		return fmt.Errorf("following leases: %w", unavailable(err))
	}
	// before the bars, which would end those leases too, and not say who did it
	for _, r := range rows {
		if l, ok := k.unseal(r); ok && !k.knows(l) {
			k.learn(l, at, false)
		}
	}
	if change != k.change {
		if err := k.loadBars(ctx, at); err != nil {
			return fmt.Errorf("following leases: %w", unavailable(err))
		}
	}
	k.change = change
	k.confirmed.Store(max(at.mono, k.confirmed.Load()))
	return nil
}

// knows tells whether memory says what the row says: it is this process's own.
func (k *Keeper) knows(l Lease) bool {
	e := k.lookup(l.ID)
	if e == nil {
		return false
	}
	is := e.held.Load().lease
	return l.State == Active && is.Used == l.Used && is.Extended == l.Extended && e.final.Load() == nil
}

// confirm asks the store anew if it was not heard of for too long: the process
// may have slept.
func (k *Keeper) confirm(ctx context.Context, now time.Time) {
	if !k.stale(k.clock.see(now)) {
		return
	}
	k.confirming.Lock()
	defer k.confirming.Unlock()
	if !k.stale(k.clock.see(now)) { // another caller has asked meanwhile
		return
	}
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	_ = k.Follow(ctx, now) // what then is not confirmed is refused
}

// Sweep ends what has expired, saves endings that are not saved, takes over
// what other processes changed, forgets what ended long ago.
func (k *Keeper) Sweep(ctx context.Context, now time.Time) error {
	if err := k.Follow(ctx, now); err != nil {
		k.expire(k.clock.see(now))
		return err
	}
	return k.tidy(ctx, now)
}

// tidy is the part of Sweep that writes.
func (k *Keeper) tidy(ctx context.Context, now time.Time) error {
	k.sweeping.Lock()
	defer k.sweeping.Unlock()
	at := k.clock.see(now)
	k.expire(at)
	err := errors.Join(k.saveAll(ctx), k.lapse(ctx, at), k.dropBars(ctx, at), k.mark(ctx, at), k.forget(ctx, at))
	if err != nil {
		return fmt.Errorf("sweeping leases: %w", unavailable(err))
	}
	return nil
}

// savesMax is how many endings one sweep writes.
const savesMax = 100

// saveAll writes endings that the store does not have.
func (k *Keeper) saveAll(ctx context.Context) error {
	k.mu.Lock()
	es := make([]*entry, 0, min(savesMax, len(k.unsaved)))
	for _, e := range k.unsaved {
		if es = append(es, e); len(es) == savesMax {
			break
		}
	}
	k.mu.Unlock()
	for _, e := range es {
		if err := k.save(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

// saveEvery writes all endings that the store does not have.
func (k *Keeper) saveEvery(ctx context.Context) error {
	for {
		k.mu.Lock()
		n := len(k.unsaved)
		k.mu.Unlock()
		if n == 0 {
			return nil
		}
		if err := k.saveAll(ctx); err != nil {
			return err
		}
	}
}

// lapse ends questions that nobody answered in time.
func (k *Keeper) lapse(ctx context.Context, at instant) error {
	rows, err := k.store.List(ctx, Filter{State: Pending, Limit: 1000})
	if err != nil {
		return err
	}
	for _, r := range rows {
		if r.Ends.After(at.time()) {
			continue
		}
		_, err := k.mutate(ctx, r.ID, at, func(l Lease) (Lease, error) {
			if l.State != Pending || at.time().Before(l.Ends) {
				return l, ErrConflict
			}
			return l.At(at.time()), nil
		})
		if err != nil && !errors.Is(err, ErrConflict) && !errors.Is(err, ErrUnknown) && !errors.Is(err, ErrEnded) {
			return err
		}
	}
	return nil
}

// mark writes down how late it is, for a restart under a clock set back.
func (k *Keeper) mark(ctx context.Context, at instant) error {
	if k.marked != 0 && at.mono-k.marked < int64(markEvery) {
		return nil
	}
	if err := k.store.Mark(ctx, at.time()); err != nil {
		return err
	}
	k.marked = max(at.mono, 1)
	return nil
}

// forget drops what ended long ago, here and in the store.
func (k *Keeper) forget(ctx context.Context, at instant) error {
	k.mu.Lock()
	for id, ends := range k.cut {
		if at.wall >= ends {
			delete(k.cut, id)
		}
	}
	k.mu.Unlock()
	if k.forgot != 0 && at.mono-k.forgot < int64(forgetEvery) {
		return nil
	}
	if err := k.store.Forget(ctx, at.time().Add(-k.o.Keep)); err != nil {
		return err
	}
	k.forgot = max(at.mono, 1)
	return nil
}

// Run follows the store, and sweeps every second, until ctx ends.
func (k *Keeper) Run(ctx context.Context) {
	news := make(chan struct{}, 1)
	go k.store.Watch(ctx, func() {
		select {
		case news <- struct{}{}:
		default:
		}
	})
	go k.sweepOn(ctx)
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-news:
		}
		within, cancel := context.WithTimeout(ctx, checkTimeout)
		err := k.Follow(within, time.Now())
		cancel()
		k.expire(k.clock.see(time.Now()))
		if ctx.Err() == nil {
			k.report(err)
		}
	}
}

// sweepOn tidies up every second. It has a goroutine of its own, so that a slow
// write does not keep a revoke from being heard of.
func (k *Keeper) sweepOn(ctx context.Context) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		within, cancel := context.WithTimeout(ctx, sweepTimeout)
		err := k.tidy(within, time.Now())
		cancel()
		if err != nil && ctx.Err() == nil {
			k.o.Logger.Error("lease: endings are kept in memory", "error", err)
		}
	}
}

// report logs an outcome when it changes.
func (k *Keeper) report(err error) {
	if err == nil {
		if k.failure.Swap(nil) != nil {
			k.o.Logger.Info("lease: the store answers again")
		}
		return
	}
	if k.failure.Swap(&err) == nil {
		k.o.Logger.Error("lease: the store does not answer; leases are not taken for live without it", "error", err)
	}
}
