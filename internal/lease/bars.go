package lease

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Bars are the bars that stand.
func (k *Keeper) Bars() []Bar { return *k.bars.Load() }

// barring finds a bar that stands in the way.
func (k *Keeper) barring(principal, credential string, at instant) (Bar, bool) {
	for _, b := range *k.bars.Load() {
		if b.Stops(principal, credential, at.time()) {
			return b, true
		}
	}
	return Bar{}, false
}

// Bar puts up a bar, and revokes what it stands in the way of: what is in
// memory from the call on, even if the store fails, which is then an error. It
// returns the bar as it stands, and the leases that this process ended.
func (k *Keeper) Bar(ctx context.Context, b Bar, now time.Time) (Bar, []Lease, error) {
	at := k.clock.see(now)
	b = NewBar(b, at.time())
	if err := k.store.PutBar(ctx, SealBar(k.key, b)); err != nil {
		return b, k.enforce([]Bar{b}, at), fmt.Errorf("barring leases: %w", unavailable(err))
	}
	k.mu.Lock()
	bars := append(append([]Bar{}, *k.bars.Load()...), b)
	k.bars.Store(&bars)
	k.mu.Unlock()
	ended := k.enforce([]Bar{b}, at)
	err := errors.Join(k.saveEvery(ctx), k.revokePending(ctx, b, at))
	k.tell("")
	if err != nil {
		return b, ended, fmt.Errorf("revoking leases: %w", unavailable(err))
	}
	return b, ended, nil
}

// enforce ends what the bars stand in the way of.
func (k *Keeper) enforce(bars []Bar, at instant) (ended []Lease) {
	k.byID.Range(func(_, v any) bool {
		e := v.(*entry)
		l := e.lease()
		for _, b := range bars {
			if e.final.Load() == nil && b.Stops(l.Principal, l.Credential, at.time()) {
				if l, ok := k.revoke(e, b.By, at); ok {
					ended = append(ended, l)
				}
			}
		}
		return true
	})
	return ended
}

// revokePending ends the questions that the bar stands in the way of.
func (k *Keeper) revokePending(ctx context.Context, b Bar, at instant) error {
	rows, err := k.store.List(ctx, Filter{Principal: b.Principal, Credential: b.Credential, State: Pending, Limit: 10_000})
	if err != nil {
		return err
	}
	for _, r := range rows {
		_, err := k.mutate(ctx, r.ID, at, func(l Lease) (Lease, error) { return l.Revoke(b.By, at.time()) })
		if err != nil && !errors.Is(err, ErrEnded) && !errors.Is(err, ErrUnknown) {
			return err
		}
	}
	return nil
}

// Lift takes a bar away.
func (k *Keeper) Lift(ctx context.Context, id string, now time.Time) error {
	if err := k.store.DropBar(ctx, id); err != nil {
		return fmt.Errorf("lifting bar %q: %w", id, unavailable(err))
	}
	return k.loadBars(ctx, k.clock.see(now))
}

// loadBars reads the bars anew, and ends what they stand in the way of.
func (k *Keeper) loadBars(ctx context.Context, at instant) error {
	rows, err := k.store.Bars(ctx)
	if err != nil {
		return err
	}
	bars := make([]Bar, 0, len(rows))
	for _, r := range rows {
		b, ok := UnsealBar(k.key, r)
		if !ok {
			k.o.Logger.Error("lease: a bar without a valid MAC counts for nothing", "bar", r.ID)
			continue
		}
		bars = append(bars, b)
	}
	k.mu.Lock()
	k.bars.Store(&bars)
	k.mu.Unlock()
	k.enforce(bars, at)
	k.tell("")
	return nil
}

// dropBars takes away bars whose time is over.
func (k *Keeper) dropBars(ctx context.Context, at instant) error {
	for _, b := range k.Bars() {
		if b.Until.IsZero() || at.time().Before(b.Until) {
			continue
		}
		if err := k.store.DropBar(ctx, b.ID); err != nil && !errors.Is(err, ErrUnknown) {
			return err
		}
	}
	return nil
}
