package record

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"cloakroom/internal/access"
)

// sourcesMax is how many pairs of code and source one entry counts apart.
const sourcesMax = 64

// refusals counts refusals until they are written.
type refusals struct {
	mu     sync.Mutex
	since  time.Time
	counts map[refusal]int
}

type refusal struct {
	code   access.Code
	source string
}

// CountRefusal counts a refusal of a caller without an identity. Counts are
// written together, at most one entry a second. source is the caller's address
// without its port.
func (l *Log) CountRefusal(code access.Code, source string) {
	now := l.now()
	l.refusals.mu.Lock()
	defer l.refusals.mu.Unlock()
	l.refusals.add(refusal{code, source}, now)
}

// add wants the lock.
func (r *refusals) add(x refusal, now time.Time) {
	if r.counts == nil {
		r.counts, r.since = make(map[refusal]int), now
	}
	if _, known := r.counts[x]; !known && len(r.counts) >= sourcesMax {
		x.source = ""
	}
	r.counts[x]++
}

// take makes an entry of the counts and begins anew; false: there are none.
func (r *refusals) take(now time.Time) (Entry, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.counts) == 0 {
		return Entry{}, false
	}
	e := &Refusals{Since: r.since}
	for x, n := range r.counts {
		e.Counts = append(e.Counts, RefusalCount{x.code, x.source, n})
	}
	slices.SortFunc(e.Counts, func(a, b RefusalCount) int {
		return cmp.Or(cmp.Compare(a.Code, b.Code), cmp.Compare(a.Source, b.Source))
	})
	r.counts = nil
	return Entry{Time: now, Refusals: e}, true
}
