package lease

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Sweep ends what has expired, saves endings that are not saved, takes over
// what other processes changed, forgets what ended long ago.
func (k *Keeper) Sweep(ctx context.Context, now time.Time) error {
	k.sweeping.Lock()
	defer k.sweeping.Unlock()
	at := k.clock.see(now)
	k.expire(at)
	err := errors.Join(k.follow(ctx, at), k.saveAll(ctx), k.mark(ctx, at), k.forget(ctx, at))
	if err != nil {
		return fmt.Errorf("sweeping leases: %w", unavailable(err))
	}
	return nil
}

// follow takes over what the store has seen since the last time.
func (k *Keeper) follow(ctx context.Context, at instant) error {
	rows, change, err := k.store.Changes(ctx, k.change)
	if err != nil {
		return err
	}
	k.change = change
	for _, r := range rows {
		l, ok := k.unseal(r)
		if !ok {
			continue
		}
		switch e := k.lookup(l.ID); {
		case e != nil && l.State == Ended:
			k.finish(e, l, false)
		case e == nil && l.Live(at.time()) && !k.wasCut(l.ID):
			k.adopt(l, at)
		}
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

// Run sweeps every second until ctx ends.
func (k *Keeper) Run(ctx context.Context) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		within, cancel := context.WithTimeout(ctx, sweepTimeout)
		err := k.Sweep(within, time.Now())
		cancel()
		if ctx.Err() == nil {
			k.report(err)
		}
	}
}

// report logs an outcome when it changes.
func (k *Keeper) report(err error) {
	if err == nil {
		k.failure.Store(nil)
		return
	}
	if k.failure.Swap(&err) == nil {
		k.o.Logger.Error("lease: the store does not follow; endings are kept in memory", "error", err)
	}
}
