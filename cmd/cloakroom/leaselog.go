package main

import (
	"context"
	"maps"
	"sync"
	"time"

	"cloakroom/internal/lease"
	"cloakroom/internal/record"
)

// leaseLog is the log for decisions. Ahead of the first one under a lease it writes
// how that stands: another replica may have opened it, and died before it wrote so. It
// costs no time of its own, since both go to the disk together.
type leaseLog struct {
	*record.Log
	leases *lease.Keeper

	mu   sync.Mutex
	told map[string]time.Time // when each lease ends, by its id, as the log tells
	most int                  // of them, before those that are over are forgotten
}

func newLeaseLog(log *record.Log, leases *lease.Keeper) *leaseLog {
	return &leaseLog{Log: log, leases: leases, told: map[string]time.Time{}, most: toldLeast}
}

// Append is record.Log's.
func (g *leaseLog) Append(ctx context.Context, e record.Entry) error {
	if e.Decision != nil {
		for _, u := range e.Decision.Uses {
			if g.news(u) && g.tell(ctx, u.Lease, e.Time) {
				g.keep(u, e.Time)
			}
		}
	}
	return g.Log.Append(ctx, e)
}

const toldLeast = 1000

// news tells whether the log does not tell of a lease, or of another end.
func (g *leaseLog) news(u record.Use) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return !g.told[u.Lease].Equal(u.LeaseEnds)
}

// keep notes that the log tells of it. Not before: of decisions that begin at once
// each must stand behind an entry, be it one more.
func (g *leaseLog) keep(u record.Use, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.told) >= g.most {
		maps.DeleteFunc(g.told, func(_ string, ends time.Time) bool { return ends.Before(now) })
		g.most = max(toldLeast, 2*len(g.told))
	}
	g.told[u.Lease] = u.LeaseEnds
}

// tell writes down how a lease stood when a decision began; false: that is not known.
func (g *leaseLog) tell(ctx context.Context, id string, at time.Time) bool {
	l, err := g.leases.ByID(ctx, id, at)
	if err != nil {
		return false // a verifier will ask what became of it
	}
	if l.State == lease.Ended && !l.Starts.IsZero() && l.Ended.After(at) {
		l.State, l.Ending = lease.Active, 0
	}
	g.Note(record.Entry{Time: at, Lease: record.OfLease(l, "")})
	return true
}
