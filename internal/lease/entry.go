package lease

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
)

// entry is an active lease in memory, or one that has ended and is not saved.
type entry struct {
	id   string
	held atomic.Pointer[held]
	done chan struct{} // closed when final is set

	final atomic.Pointer[Lease]
	mu    sync.Mutex // guards what follows, and the changes of the two above
	cuts  map[*func()]bool
}

// held is a lease that is active, and its end.
type held struct {
	lease Lease
	ends  instant
}

func (e *entry) lease() Lease { return e.held.Load().lease }

func (e *entry) live(at instant) bool { return e.final.Load() == nil && at < e.held.Load().ends }

// now is the lease as it stands at the instant.
func (e *entry) now(at instant) Lease {
	if l := e.final.Load(); l != nil {
		return *l
	}
	h := e.held.Load()
	if at >= h.ends {
		return h.lease.end(Expired, h.lease.Ends)
	}
	return h.lease
}

// update takes over what became of an active lease. A row that says less than
// is known is an old one.
func (e *entry) update(l Lease) {
	e.mu.Lock()
	defer e.mu.Unlock()
	was := e.held.Load()
	if l.Used < was.lease.Used || l.Extended < was.lease.Extended {
		return
	}
	e.held.Store(&held{l, was.ends.add(l.Extended - was.lease.Extended)})
}

// finish ends the lease; false: it had ended. A revoke cuts what lives under it.
func (e *entry) finish(l Lease) bool {
	e.mu.Lock()
	ok := e.final.CompareAndSwap(nil, &l)
	cuts := e.cuts
	if ok {
		e.cuts = nil
	}
	e.mu.Unlock()
	if !ok {
		return false
	}
	if l.Ending == Revoked { // before done: what is cut should say why
		for cut := range cuts {
			(*cut)()
		}
	}
	close(e.done)
	return true
}

// onRevoke has cut called when the lease is revoked.
func (e *entry) onRevoke(cut func()) (stop func()) {
	key := &cut
	e.mu.Lock()
	final := e.final.Load()
	if final == nil {
		if e.cuts == nil {
			e.cuts = make(map[*func()]bool)
		}
		e.cuts[key] = true
	}
	e.mu.Unlock()
	if final != nil {
		if final.Ending == Revoked {
			cut()
		}
		return func() {}
	}
	return func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		delete(e.cuts, key)
	}
}

// older tells whether the store says less of an active lease than was read or
// written before: its row is one of before, put back by a hand.
func (k *Keeper) older(l Lease) bool {
	e := k.lookup(l.ID)
	if e == nil {
		return false
	}
	known := e.lease()
	if l.Used >= known.Used && l.Extended >= known.Extended && l.State != Pending {
		return false
	}
	k.suspect("lease: a row that was there before counts for nothing", "lease", l.ID)
	return true
}

// useKey names the leases of one principal over one credential.
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
// there already the room is given back. What has ended, or a bar stops, ends at
// once: who ends leases looks into memory after having said so.
func (k *Keeper) add(l Lease, at, ends instant) *entry {
	e := &entry{id: l.ID, done: make(chan struct{})}
	e.held.Store(&held{l, ends})
	if was, there := k.byID.LoadOrStore(l.ID, e); there {
		k.release(l.Principal)
		return was.(*entry)
	}
	k.list(e, l)
	if why, gone := k.buried(l.ID); gone {
		k.finish(e, l.end(why, at.time()), false)
	} else if b, stopped := k.stopping(l.Principal, l.Credential, at); stopped {
		k.revoke(e, b.By, at)
	}
	if e.final.Load() != nil { // perhaps before it was listed
		k.unlist(e, l)
		if k.lookup(l.ID) != e {
			k.byTicket.CompareAndDelete(l.Ticket, e)
		}
	}
	return e
}

// list lets a lease be found by what it is for.
func (k *Keeper) list(e *entry, l Lease) {
	if l.Ticketless() {
		k.index(l.useKey(), func(es []*entry) []*entry { return append(es, e) })
		return
	}
	k.byTicket.Store(l.Ticket, e)
}

// unlist undoes that; a ticket's lease is found as long as it is in memory.
func (k *Keeper) unlist(e *entry, l Lease) {
	if l.Ticketless() {
		k.index(l.useKey(), func(es []*entry) []*entry {
			return slices.DeleteFunc(es, func(o *entry) bool { return o == e })
		})
	}
}

// index changes the list of a principal's leases without a ticket.
func (k *Keeper) index(key useKey, change func([]*entry) []*entry) {
	k.mu.Lock()
	defer k.mu.Unlock()
	es := change(slices.Clone(k.uses(key)))
	if len(es) == 0 {
		k.byUse.Delete(key)
		return
	}
	k.byUse.Store(key, es)
}

func (k *Keeper) uses(key useKey) []*entry {
	if v, ok := k.byUse.Load(key); ok {
		return v.([]*entry)
	}
	return nil
}

// adopt adds a lease that another process, or an earlier one, opened. However
// the clocks differ, it is not live for longer from now than it is long.
func (k *Keeper) adopt(l Lease, at instant) *entry {
	left := min(l.Ends.Sub(at.time()), l.Terms.Length+l.Extended)
	k.mu.Lock()
	k.take(l.Principal, 1)
	k.mu.Unlock()
	return k.add(l, at, at.add(left))
}

// finish ends an active lease in memory; false: it had ended already. With
// save the ending is yet to be written.
func (k *Keeper) finish(e *entry, l Lease, save bool) bool {
	was := e.lease()
	k.bury(was, l.Ending)
	if !e.finish(l) {
		return false
	}
	k.unlist(e, was)
	k.mu.Lock()
	k.take(l.Principal, -1)
	if save {
		k.unsaved[l.ID] = e
	}
	k.mu.Unlock()
	if !save {
		k.drop(e)
	}
	k.tell(l.ID)
	return true
}

// drop takes an ended lease out of memory: the store knows of its end.
func (k *Keeper) drop(e *entry) {
	k.mu.Lock()
	delete(k.unsaved, e.id)
	k.mu.Unlock()
	if l := e.lease(); !l.Ticketless() {
		k.byTicket.CompareAndDelete(l.Ticket, e)
	}
	k.byID.CompareAndDelete(e.id, e)
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
		if e := v.(*entry); e.final.Load() == nil && at >= e.held.Load().ends {
			l := e.lease()
			k.finish(e, l.end(Expired, l.Ends), true)
		}
		return true
	})
}

// closed is a channel that is closed.
var closed = func() <-chan struct{} { c := make(chan struct{}); close(c); return c }()
