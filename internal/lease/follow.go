package lease

import (
	"context"
	"fmt"
	"maps"
	"time"
)

// followMost is how many changes are taken over at a time. Who was cut off from
// the store for long catches up step by step, however little time each try has.
const followMost = 5000

// Follow takes over what other processes changed, and takes note that the store
// was heard of.
func (k *Keeper) Follow(ctx context.Context, now time.Time) error {
	k.following.Lock()
	defer k.following.Unlock()
	at := k.clock.see(now)
	for more := true; more; {
		var err error
		if more, err = k.step(ctx, at); err != nil {
			return fmt.Errorf("following leases: %w", unavailable(err))
		}
	}
	k.confirmed.Store(max(int64(at), k.confirmed.Load()))
	return nil
}

// step takes over the next changes; more tells that there may be others.
func (k *Keeper) step(ctx context.Context, at instant) (more bool, err error) {
	rows, change, err := k.store.Changes(ctx, k.change, followMost)
	if err == nil && change != k.change {
		err = k.loadBars(ctx)
	}
	if err != nil {
		return false, err
	}
	for _, r := range rows {
		if k.wroteIt(r.Change) {
			continue
		}
		if l, ok := k.unseal(r); ok {
			k.learn(l, at, false)
		}
	}
	if change != k.change { // after the rows, which say who ended a lease
		k.enforce(k.Bars(), at)
	}
	k.followed(change)
	k.change = change
	return len(rows) >= followMost, nil
}

// wrote takes note that this process made a change: Follow has nothing to learn
// from it.
func (k *Keeper) wrote(change int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.own[change] = true
}

func (k *Keeper) wroteIt(change int64) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.own[change]
}

// followed forgets of this process's changes those that were followed.
func (k *Keeper) followed(change int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	maps.DeleteFunc(k.own, func(n int64, _ bool) bool { return n <= change })
}

// confirm asks the store anew if it was not heard of for too long: the process
// may have slept. One asks for all.
func (k *Keeper) confirm(ctx context.Context, now time.Time) error {
	if !k.stale(k.clock.see(now)) {
		return nil
	}
	select {
	case <-k.askStore(now):
	case <-ctx.Done():
	}
	if k.stale(k.clock.see(now)) {
		return fmt.Errorf("confirming leases: %w", ErrUnavailable)
	}
	return nil
}

// askStore begins to follow the store, unless that goes on; the channel is closed
// when it is done.
func (k *Keeper) askStore(now time.Time) <-chan struct{} {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.asking != nil {
		return k.asking
	}
	done := make(chan struct{})
	k.asking = done
	go func() {
		defer close(done)
		ctx, cancel := context.WithTimeout(context.Background(), checkTimeout)
		defer cancel()
		_ = k.Follow(ctx, now) // what then is not confirmed is refused
		k.mu.Lock()
		defer k.mu.Unlock()
		k.asking = nil
	}()
	return done
}

// stale tells whether the store was not heard of for too long.
func (k *Keeper) stale(at instant) bool {
	return k.o.Confirm > 0 && at-instant(k.confirmed.Load()) > instant(k.o.Confirm)
}
