package verify

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"cloakroom/internal/inventory"
	"cloakroom/internal/record"
	"cloakroom/internal/recording"
)

// history is what the logs tell of leases and rules, and how far they were read.
type history struct {
	until  map[string]uint64 // the entry of each log up to which is judged, by its id
	last   map[string]uint64 // and up to which was read
	leases map[string]*authority
	rules  map[string][]inForce // by log, in order
	sets   map[record.Hash]*inventory.Set
	erased map[string]place                  // the first act that says so, by exchange
	used   map[string]map[uint64]record.Line // by log and entry
}

func newHistory() *history {
	return &history{until: map[string]uint64{}, last: map[string]uint64{}, leases: map[string]*authority{}, rules: map[string][]inForce{}, erased: map[string]place{},
		sets: map[record.Hash]*inventory.Set{}, used: map[string]map[uint64]record.Line{}}
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

// remember takes what other entries are judged by, and the ids of the exchanges
// that are wanted.
func (a *sessionAudit) remember(ctx context.Context, p place) error {
	switch e := p.entry; {
	case e.Decision != nil && a.isLater(p):
		a.later[e.Decision.Exchange] = true
	case e.Decision != nil && (a.Want == nil || a.Want(e.Decision, e.Time)):
		a.exchanges[e.Decision.Exchange] = &exchange{id: e.Decision.Exchange}
	case e.Lease != nil:
		l := a.lease(e.Lease.ID)
		l.states = append(l.states, p)
	case e.Approval != nil:
		l := a.lease(e.Approval.Lease)
		l.answers = append(l.answers, p)
	case e.Act != nil && e.Act.Name == recording.ActErase && e.Act.Exchange != "":
		if _, again := a.erased[e.Act.Exchange]; !again {
			a.erased[e.Act.Exchange] = p
		}
	case e.Reload != nil:
		a.compareBook(p)
		if e.Reload.Error == "" {
			a.rules[p.log] = append(a.rules[p.log], inForce{p, a.set(ctx, p)})
		}
	}
	if a.Want == nil && p.entry.Decision == nil && p.entry.End == nil { // these are searched with their exchange
		a.search(&p, Kept, passage{where: "log", text: p.line.Raw})
	}
	return nil
}

// compareBook tells of fingerprints that the log tells of and that are not there.
func (a *sessionAudit) compareBook(p place) {
	book, r := a.Replicas[p.replica].Book, p.entry.Reload
	if r.Prints != 0 && (r.Prints < 0 || r.Prints >= len(book) || book[r.Prints].SHA256 != r.Book) {
		a.found(p.finding(Fingerprints, "the file of fingerprints has not the lines that it had"))
	}
}

func (a *sessionAudit) lease(id string) *authority {
	if a.leases[id] == nil {
		a.leases[id] = &authority{}
	}
	return a.leases[id]
}

// set reads the rules that a reload names; nil if it names none.
func (a *sessionAudit) set(ctx context.Context, p place) *inventory.Set {
	parts := p.entry.Reload.Rules
	if len(parts) == 0 {
		return nil
	}
	if set := a.sets[parts[0].SHA256]; set != nil && len(parts) == 1 {
		return set
	}
	text, err := a.Replicas[p.replica].Packs.Blob(ctx, parts)
	if err == nil {
		var set *inventory.Set
		if set, err = inventory.Decode(text); err == nil {
			a.sets[parts[0].SHA256] = set
			return set
		}
	}
	a.found(p.finding(Changed, "the rules that were put in force cannot be read: "+err.Error()))
	return nil
}

// rulesAt returns the rules that may have been in force in a log at a time: those
// that were, and what came just before or behind. known tells that all of them
// are kept.
func (a *sessionAudit) rulesAt(log string, at time.Time) (sets []inForce, known bool) {
	all := a.rules[log]
	known = true
	for i, r := range all {
		ended := i+1 < len(all) && all[i+1].entry.Time.Add(inForceAfter).Before(at)
		if ended || r.entry.Time.Add(-inForceAfter).After(at) {
			continue
		}
		known = known && r.set != nil
		sets = append(sets, r)
	}
	return sets, known && len(sets) > 0
}
