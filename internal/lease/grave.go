package lease

// grave is a lease that this process knows to have ended before its time.
type grave struct {
	until  instant // then its time would be over
	ending Ending
}

// bury takes note that a lease has ended: a row that says otherwise, read before
// or put back by a hand, is not believed.
func (k *Keeper) bury(l Lease, why Ending) {
	k.mu.Lock()
	defer k.mu.Unlock()
	g, there := k.graves[l.ID]
	if !there {
		g.ending = why
	}
	g.until = max(g.until, instant(l.Ends.UnixNano()))
	k.graves[l.ID] = g
}

// buried tells whether this process knows that the lease has ended, and how.
func (k *Keeper) buried(id string) (Ending, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	g, gone := k.graves[id]
	return g.ending, gone
}

// known is what the store says of a lease, as it stands at the instant and
// corrected by what this process knows.
func (k *Keeper) known(l Lease, at instant) Lease {
	if l = l.At(at.time()); l.State != Ended {
		return k.gone(l, at)
	}
	return l
}

// gone is the lease, ended if this process knows that it has.
func (k *Keeper) gone(l Lease, at instant) Lease {
	if e := k.lookup(l.ID); e != nil && !e.live(at) {
		return e.now(at)
	}
	if why, gone := k.buried(l.ID); gone {
		return l.end(why, at.time())
	}
	return l
}
