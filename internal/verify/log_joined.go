package verify

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"cloakroom/internal/checkpoint"
	"cloakroom/internal/record"
)

// heads compares the logs with what they and the store say of each other.
func (a *logAudit) heads(ctx context.Context) error {
	for _, id := range a.ids() {
		for _, n := range a.read[id].named {
			a.named(ctx, n)
		}
	}
	if a.Heads == nil {
		return nil
	}
	notes, err := a.Heads.Heads(ctx)
	if err != nil {
		return err
	}
	for _, log := range slices.Sorted(maps.Keys(notes)) {
		where := Finding{Log: log, File: a.Store + " head"}
		s, err := a.open(notes[log])
		switch r := a.read[log]; {
		case err != nil || s.Log != log:
			where.What = "what the store has as the log's head is no checkpoint of it"
			a.found(where)
		case r == nil:
			where.What = fmt.Sprintf("a checkpoint of %d entries of a log that is missing: name its folder with --log", s.Size)
			a.found(where)
		default:
			r.compare(ctx, s.Checkpoint, where.File, 0)
		}
	}
	for _, id := range a.ids() {
		s, _ := a.open(notes[id]) // the zero one where it is none, which was told
		a.read[id].taken(checkpoint.StoreName, a.Store+" head", s.Checkpoint)
	}
	return nil
}

// named judges a head that an entry of another log names.
func (a *logAudit) named(ctx context.Context, n naming) {
	r, where := a.read[n.head.Log], n.entry
	switch {
	case r == nil:
		where.What = fmt.Sprintf("it names log %s with %d entries, which is missing: name its folder with --log", n.head.Log, n.head.Size)
	case !r.reaches(ctx, n.head.Size):
		where.What = fmt.Sprintf("it names log %s with %d entries, and that has %d: it was cut short or rolled back", n.head.Log, n.head.Size, r.size)
	case n.head.Size < 0 || record.Hash(r.root(n.head.Size)) != n.head.Root:
		where.What = fmt.Sprintf("it names log %s with another root of its first %d entries: that was rewritten, or continued twice", n.head.Log, n.head.Size)
	default:
		return
	}
	a.found(where)
}
