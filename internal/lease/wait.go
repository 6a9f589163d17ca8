package lease

import (
	"context"
	"errors"
	"time"
)

// wait is what those have in common who wait for news of one lease.
type wait struct {
	news chan struct{} // closed when there are some
	n    int           // who wait
}

// Wait waits until the lease is pending no more, and returns it as it stands
// then; when ctx ends first, as it stands, with ErrPending. While the store does
// not answer it waits too: ErrUnavailable, if it does not before ctx ends.
func (k *Keeper) Wait(ctx context.Context, id string) (Lease, error) {
	for {
		w := k.listen(id)
		l, err := k.look(ctx, id)
		lapse := time.Until(l.Ends)
		switch {
		case errors.Is(err, ErrUnavailable):
			lapse = followEvery
		case err != nil || l.State != Pending:
			k.leave(id, w)
			return l, err
		}
		again := time.NewTimer(lapse)
		select {
		case <-w.news:
		case <-again.C:
		case <-ctx.Done():
			again.Stop()
			k.leave(id, w)
			if err == nil {
				err = ErrPending
			}
			return l, err
		}
		again.Stop()
		k.leave(id, w)
	}
}

// look finds the lease even if ctx has ended, but does not wait for the store for
// ever.
func (k *Keeper) look(ctx context.Context, id string) (Lease, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), checkTimeout)
	defer cancel()
	return k.ByID(ctx, id, time.Now())
}

func (k *Keeper) listen(id string) *wait {
	k.mu.Lock()
	defer k.mu.Unlock()
	w := k.waits[id]
	if w == nil {
		w = &wait{news: make(chan struct{})}
		k.waits[id] = w
	}
	w.n++
	return w
}

func (k *Keeper) leave(id string, w *wait) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if w.n--; w.n == 0 && k.waits[id] == w {
		delete(k.waits, id)
	}
}

// tell tells those who wait for the lease, and those who wait for any.
func (k *Keeper) tell(id string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if w := k.waits[id]; w != nil {
		close(w.news)
		delete(k.waits, id)
	}
	for c := range k.subs {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// Subscribe returns a channel on which something comes after any lease or bar
// has changed; changes in quick succession may come as one. stop ends it.
func (k *Keeper) Subscribe() (changes <-chan struct{}, stop func()) {
	c := make(chan struct{}, 1)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.subs[c] = true
	return c, func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		delete(k.subs, c)
	}
}
