package lease

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

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
	err := errors.Join(k.saveAll(ctx), k.lapse(ctx, at), k.clear(ctx, at), k.dropBars(ctx, at), k.mark(ctx, at), k.forget(ctx, at))
	if err != nil {
		return fmt.Errorf("sweeping leases: %w", unavailable(err))
	}
	return nil
}

// lookFor is how many rows one look at the store finds.
const lookFor = 1000

// saveAll writes the endings that the store does not have.
func (k *Keeper) saveAll(ctx context.Context) error {
	k.mu.Lock()
	es := slices.Collect(maps.Values(k.unsaved))
	k.mu.Unlock()
	for _, e := range es {
		if err := k.save(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

// lapse ends questions that nobody answered in time, and leases whose process is
// gone.
func (k *Keeper) lapse(ctx context.Context, at instant) error {
	rows, err := k.store.List(ctx, Filter{Over: at.time(), Limit: lookFor})
	if err != nil {
		return err
	}
	for _, r := range rows {
		_, err := k.mutate(ctx, r.ID, at, func(l Lease) (Lease, error) {
			if now := l.At(at.time()); l.State != Ended && now.State == Ended {
				return now, nil
			}
			return l, ErrConflict
		})
		if err != nil && !settled(err) {
			return err
		}
	}
	return nil
}

// clear ends questions that were asked beside a bar.
func (k *Keeper) clear(ctx context.Context, at instant) error {
	for _, b := range k.Bars() {
		if err := k.revokePending(ctx, b, at); err != nil {
			return err
		}
	}
	return nil
}

// mark writes down how late it is, for a restart under a clock set back.
func (k *Keeper) mark(ctx context.Context, at instant) error {
	if k.marked != 0 && at < k.marked.add(markEvery) {
		return nil
	}
	if err := k.store.Mark(ctx, at.time()); err != nil {
		return err
	}
	k.marked = at
	return nil
}

// forget drops what ended long ago, here and in the store.
func (k *Keeper) forget(ctx context.Context, at instant) error {
	k.mu.Lock()
	maps.DeleteFunc(k.graves, func(_ string, g grave) bool { return at >= g.until })
	k.mu.Unlock()
	if k.forgot != 0 && at < k.forgot.add(forgetEvery) {
		return nil
	}
	if err := k.store.Forget(ctx, at.time().Add(-k.o.Keep)); err != nil {
		return err
	}
	k.forgot = at
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
	for failed := false; ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		within, cancel := context.WithTimeout(ctx, sweepTimeout)
		err := k.tidy(within, time.Now())
		cancel()
		if err != nil && !failed && ctx.Err() == nil { // told once of an outage
			k.o.Logger.Error("lease: endings are kept in memory", "error", err)
		}
		failed = err != nil
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
