package verify

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"cloakroom/internal/record"
)

// State is what the store has of leases and bars, read before the logs are.
type State struct {
	Unsealed []string        // rows that this instance did not seal, for people
	Leases   map[string]bool // ids of the leases that are live or pending
	Bars     map[string]bool // ids of the bars
}

// stateLag is by how much the store may be behind the log, or the log behind the
// store, while a service runs.
const stateLag = 10 * time.Second

// latest is what the logs say last of a lease or a bar.
type latest struct {
	at    time.Time
	over  bool      // it ended, or was lifted
	until time.Time // zero: for ever
	where Finding
}

// told takes what an entry says of a lease or a bar.
func (a *logAudit) told(e record.Entry, where Finding) {
	now, of, id := latest{at: e.Time, where: where}, a.leases, ""
	switch {
	case e.Lease != nil && a.State.Leases[e.Lease.ID]:
		id, now.over = e.Lease.ID, e.Lease.State == "ended"
	case e.Bar != nil:
		of, id, now.over, now.until = a.bars, e.Bar.ID, e.Bar.Lifted, e.Bar.Until
	}
	if id != "" && !now.at.Before(of[id].at) {
		of[id] = now
	}
}

// state compares the store's leases and bars with what the logs say of them.
func (a *logAudit) state(context.Context) error {
	if a.State == nil {
		return nil
	}
	for _, row := range a.State.Unsealed {
		a.found(Finding{File: a.Store, What: fmt.Sprintf("%s was not written by this instance", row)})
	}
	settled := a.Now.Add(-stateLag)
	for _, id := range slices.Sorted(maps.Keys(a.leases)) {
		if l := a.leases[id]; l.over && l.at.Before(settled) {
			l.where.What = fmt.Sprintf("lease %s ended here, and the store has it as one that has not", id)
			a.found(l.where)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(a.bars)) {
		if b := a.bars[id]; !b.over && b.at.Before(settled) && (b.until.IsZero() || b.until.After(a.Now)) && !a.State.Bars[id] {
			b.where.What = fmt.Sprintf("bar %s stands, and the store does not have it", id)
			a.found(b.where)
		}
	}
	return nil
}
