package lease

import (
	"fmt"
	"sync/atomic"
	"time"
)

// entry is an active lease in memory, or one that has ended and is not saved.
type entry struct {
	lease Lease
	ends  instant
	done  chan struct{} // closed when final is set
	final atomic.Pointer[Lease]
}

func (e *entry) live(at instant) bool { return e.final.Load() == nil && at.before(e.ends) }

// now is the lease as it stands at the instant.
func (e *entry) now(at instant) Lease {
	if l := e.final.Load(); l != nil {
		return *l
	}
	if !at.before(e.ends) {
		return e.lease.end(Expired, e.lease.Ends)
	}
	return e.lease
}

// useKey names the one lease without a ticket.
type useKey struct{ principal, credential string }

func (l Lease) useKey() useKey { return useKey{l.Principal, l.Credential} }

// reserve makes room for one more lease of the principal.
func (k *Keeper) reserve(principal string, at instant) error {
	if k.room(principal) {
		return nil
	}
	k.expire(at)
	if k.room(principal) {
		return nil
	}
	return fmt.Errorf("opening a lease for %q: %w (%d of one principal, %d in all)",
		principal, ErrTooMany, k.o.PerPrincipal, k.o.InAll)
}

func (k *Keeper) room(principal string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.count >= k.o.InAll || k.of[principal] >= k.o.PerPrincipal {
		return false
	}
	k.take(principal, 1)
	return true
}

// take counts n leases more of the principal. It wants the lock.
func (k *Keeper) take(principal string, n int) {
	k.count += n
	if k.of[principal] += n; k.of[principal] == 0 {
		delete(k.of, principal)
	}
}

func (k *Keeper) release(principal string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.take(principal, -1)
}

// add puts an active lease, for which there is room, into memory. If it is
// there already the room is given back.
func (k *Keeper) add(l Lease, at, ends instant) *entry {
	e := &entry{lease: l, ends: ends, done: make(chan struct{})}
	if was, there := k.byID.LoadOrStore(l.ID, e); there {
		k.release(l.Principal)
		return was.(*entry)
	}
	if !l.ticketless() {
		k.byTicket.Store(l.Ticket, e)
		return e
	}
	if was, there := k.byUse.Load(l.useKey()); !there || !was.(*entry).live(at) {
		k.byUse.Store(l.useKey(), e)
	}
	return e
}

// adopt adds a lease that another process, or an earlier one, opened. Its
// end is counted from now by the monotonic clock too.
func (k *Keeper) adopt(l Lease, at instant) *entry {
	left := min(l.Ends.Sub(at.time()), l.Length)
	k.mu.Lock()
	k.take(l.Principal, 1)
	k.mu.Unlock()
	return k.add(l, at, instant{at.mono + int64(left), min(l.Ends.UnixNano(), at.wall+int64(left))})
}

// finish ends an active lease in memory; false: it had ended already. With
// save the ending is yet to be written.
func (k *Keeper) finish(e *entry, l Lease, save bool) bool {
	if !e.final.CompareAndSwap(nil, &l) {
		return false
	}
	close(e.done)
	k.byUse.CompareAndDelete(l.useKey(), e)
	k.mu.Lock()
	k.take(l.Principal, -1)
	k.cut[l.ID] = l.Ends.UnixNano()
	if save {
		k.unsaved[l.ID] = e
	}
	k.mu.Unlock()
	if !save {
		k.drop(e)
	}
	k.o.Changed(l)
	return true
}

// drop takes an ended lease out of memory: the store knows of its end.
func (k *Keeper) drop(e *entry) {
	k.mu.Lock()
	delete(k.unsaved, e.lease.ID)
	k.mu.Unlock()
	k.byTicket.CompareAndDelete(e.lease.Ticket, e)
	k.byID.CompareAndDelete(e.lease.ID, e)
}

// wasCut tells whether this process saw the lease end though its row's time is
// not over: a row that says otherwise is not believed.
func (k *Keeper) wasCut(id string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	_, cut := k.cut[id]
	return cut
}

// lookup finds a lease in memory.
func (k *Keeper) lookup(id string) *entry {
	if e, ok := k.byID.Load(id); ok {
		return e.(*entry)
	}
	return nil
}

// expire ends in memory what is past its end.
func (k *Keeper) expire(at instant) {
	k.byID.Range(func(_, v any) bool {
		if e := v.(*entry); e.final.Load() == nil && !at.before(e.ends) {
			k.finish(e, e.lease.end(Expired, e.lease.Ends), true)
		}
		return true
	})
}

// over is a channel that is closed.
var over = func() <-chan struct{} { c := make(chan struct{}); close(c); return c }()

const (
	keepDefault  = 30 * 24 * time.Hour
	openTimeout  = 5 * time.Second // for the store to take a new lease
	markEvery    = 10 * time.Second
	forgetEvery  = 10 * time.Minute
	sweepEvery   = time.Second
	sweepTimeout = 10 * time.Second
)
