package verify

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"cloakroom/internal/inventory"
)

// history is what the logs tell of leases and rules, and how far they were read.
type history struct {
	until   map[string]uint64 // the entry of each log up to which is judged, by its id
	last    map[string]uint64 // and up to which was read
	leases  map[string]*authority
	inForce map[string][]inForce // the rules by log, in order
}

func newHistory() *history {
	return &history{until: map[string]uint64{}, last: map[string]uint64{}, leases: map[string]*authority{}, inForce: map[string][]inForce{}}
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

// authority is what happened to one lease.
type authority struct {
	states  []place
	answers []place
}

// inForce are the rules from one reload on.
type inForce struct {
	place
	set *inventory.Set // nil: they are not kept
}

func (h *history) lease(id string) *authority {
	if h.leases[id] == nil {
		h.leases[id] = &authority{}
	}
	return h.leases[id]
}

// rulesAt returns the rules that may have been in force in a log at a time: those
// that were, and what came just before or behind. known tells that all of them
// are there.
func (j *judgement) rulesAt(log string, at time.Time) (sets []inForce, known bool) {
	all := j.inForce[log]
	known = true
	for i, r := range all {
		ended := i+1 < len(all) && all[i+1].entry.Time.Add(inForceAfter).Before(at)
		if ended || r.entry.Time.Add(-inForceAfter).After(at) {
			continue
		}
		j.uses(&all[i].place)
		known = known && r.set != nil
		sets = append(sets, r)
	}
	return sets, known && len(sets) > 0
}
