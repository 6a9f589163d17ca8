package lease

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Bars are the bars that stand.
func (k *Keeper) Bars() []Bar { return *k.bars.Load() }

// stopping finds a bar that stands in the way.
func (k *Keeper) stopping(principal, credential string, at instant) (Bar, bool) {
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
	if !b.Until.IsZero() { // by our clock, which may be ahead of who says it
		b.Until = at.time().Add(b.Until.Sub(now))
	}
	b = NewBar(b, at.time())
	ended := k.enforce([]Bar{b}, at)
	if err := k.putBar(ctx, b); err != nil {
		return b, ended, fmt.Errorf("barring leases: %w", unavailable(err))
	}
	ended = append(ended, k.enforce([]Bar{b}, at)...) // what was opened meanwhile
	err := errors.Join(k.saveAll(ctx), k.revokePending(ctx, b, at))
	k.tell("")
	if err != nil {
		return b, ended, fmt.Errorf("revoking leases: %w", unavailable(err))
	}
	return b, ended, nil
}

func (k *Keeper) putBar(ctx context.Context, b Bar) error {
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	k.barring.Lock()
	defer k.barring.Unlock()
	if err := k.store.PutBar(ctx, SealBar(k.key, b)); err != nil {
		return err
	}
	bars := append(slices.Clone(k.Bars()), b)
	k.bars.Store(&bars)
	return nil
}

// enforce ends what the bars stand in the way of.
func (k *Keeper) enforce(bars []Bar, at instant) (ended []Lease) {
	if len(bars) == 0 {
		return nil
	}
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

// revokePending ends the questions that the bar stands in the way of, as many as
// a look finds.
func (k *Keeper) revokePending(ctx context.Context, b Bar, at instant) error {
	rows, err := k.store.List(ctx, Filter{Principal: b.Principal, Credential: b.Credential, State: Pending, Limit: lookFor})
	if err != nil {
		return err
	}
	for _, r := range rows {
		_, err := k.mutate(ctx, r.ID, at, func(l Lease) (Lease, error) {
			if l.State != Pending || !b.Stops(l.Principal, l.Credential, at.time()) {
				return l, ErrConflict
			}
			return l.Revoke(b.By, at.time())
		})
		if err != nil && !settled(err) {
			return err
		}
	}
	return nil
}

// settled tells whether a change was not made because the lease is not what it
// was taken for any more.
func settled(err error) bool {
	return errors.Is(err, ErrConflict) || errors.Is(err, ErrUnknown) || errors.Is(err, ErrEnded)
}

// Lift takes a bar away.
func (k *Keeper) Lift(ctx context.Context, id string, now time.Time) error {
	if err := k.store.DropBar(ctx, id); err != nil {
		return fmt.Errorf("lifting bar %q: %w", id, unavailable(err))
	}
	if err := k.loadBars(ctx); err != nil {
		return err
	}
	k.enforce(k.Bars(), k.clock.see(now))
	return nil
}

// loadBars reads the bars anew. What they stand in the way of is enforce's.
func (k *Keeper) loadBars(ctx context.Context) error {
	k.barring.Lock()
	defer k.barring.Unlock()
	rows, err := k.store.Bars(ctx)
	if err != nil {
		return err
	}
	bars := make([]Bar, 0, len(rows))
	for _, r := range rows {
		b, ok := UnsealBar(k.key, r)
		if !ok {
			k.suspect("lease: a bar without a valid MAC counts for nothing", "bar", r.ID)
			continue
		}
		bars = append(bars, b)
	}
	k.bars.Store(&bars)
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
