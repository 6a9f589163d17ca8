package verify

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"cloakroom/internal/record"
)

// heads compares the logs with what they and the store say of each other.
func (a *logAudit) heads(context.Context) error {
	for _, id := range a.ids() {
		for _, n := range a.read[id].named {
			a.named(n)
		}
	}
	for _, log := range slices.Sorted(maps.Keys(a.Heads)) {
		where := Finding{Log: log, File: a.Store + " head"}
		s, err := a.open(a.Heads[log])
		switch r := a.read[log]; {
		case err != nil || s.Log != log:
			where.What = "what the store has as the log's head is no checkpoint of it"
			a.found(where)
		case r == nil:
			where.What = fmt.Sprintf("a checkpoint of %d entries of a log that is missing: name its folder with --log", s.Size)
			a.found(where)
		default:
			r.compare(s.Checkpoint, where.File, 0)
		}
	}
	return nil
}

// named judges a head that an entry of another log names.
func (a *logAudit) named(n naming) {
	r, where := a.read[n.head.Log], n.entry
	switch {
	case r == nil:
		where.What = fmt.Sprintf("it names log %s with %d entries, which is missing: name its folder with --log", n.head.Log, n.head.Size)
	case n.head.Size > r.size:
		where.What = fmt.Sprintf("it names log %s with %d entries, and that has %d: it was cut short or rolled back", n.head.Log, n.head.Size, r.size)
	case n.head.Size < 0 || record.Hash(r.root(n.head.Size)) != n.head.Root:
		where.What = fmt.Sprintf("it names log %s with another root of its first %d entries: that was rewritten, or continued twice", n.head.Log, n.head.Size)
	default:
		return
	}
	a.found(where)
}
