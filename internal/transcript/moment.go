package transcript

import (
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"cloakroom/internal/recording"
)

// Moment is one thing that happened in an exchange.
type Moment struct {
	At       time.Time
	Exchange *Exchange
	// Event is what the agent sent or got; nil: the decision was made, or with
	// Last the exchange ended.
	Event *recording.Event
	Last  bool
}

// Moments are what happened in the exchanges, in the order of their times. Of one
// exchange the order is as recorded, the decision comes first and the end last. The
// exchanges come in the order of their decisions: only those that overlapped are in
// memory at once. An error of xs comes behind what was read before it.
func Moments(xs iter.Seq2[*Exchange, error]) iter.Seq2[Moment, error] {
	return func(yield func(Moment, error) bool) {
		var waiting []Moment
		// let gives those that come before t, and tells whether more are wanted.
		let := func(all bool, t time.Time) bool {
			for len(waiting) > 0 && (all || waiting[0].At.Before(t)) {
				m := waiting[0]
				waiting = waiting[1:]
				if !yield(m, nil) {
					return false
				}
			}
			return true
		}
		for x, err := range xs {
			if err != nil {
				if !let(true, time.Time{}) || !yield(Moment{}, err) {
					return
				}
				continue
			}
			if !let(false, x.Decision.Time) {
				return
			}
			waiting = append(slices.Clone(waiting), x.moments()...)
			slices.SortStableFunc(waiting, func(a, b Moment) int { return a.At.Compare(b.At) })
		}
		let(true, time.Time{})
	}
}

// moments never go back in time: a clock may, between a decision and its
// exchange, which may be two machines' too.
func (x *Exchange) moments() []Moment {
	all := []Moment{{At: x.Decision.Time, Exchange: x}}
	add := func(m Moment) {
		if last := all[len(all)-1].At; m.At.Before(last) {
			m.At = last
		}
		all = append(all, m)
	}
	if x.Recording != nil {
		for i := range x.Recording.Events {
			e := &x.Recording.Events[i]
			add(Moment{At: x.Recording.Began.Add(e.At), Exchange: x, Event: e})
		}
	}
	if x.End != nil {
		add(Moment{At: x.End.Time, Exchange: x, Last: true})
	}
	return all
}

// joined are an exchange's moments with the pieces of a body in one, for a reader
// who cares for no times. Events of an event stream and messages stay as they came.
func (x *Exchange) joined() []Moment {
	var all []Moment
	var whole *recording.Event // the last of all, where it is made of several
	for _, m := range x.moments() {
		n := len(all)
		switch {
		case n == 0 || !x.joins(all[n-1].Event, m.Event):
			all, whole = append(all, m), nil
			continue
		case whole == nil:
			first := *all[n-1].Event
			first.Data, first.Masked = slices.Clone(first.Data), maps.Clone(first.Masked)
			whole, all[n-1].Event = &first, &first
		}
		join(whole, m.Event)
	}
	return all
}

func (x *Exchange) joins(a, b *recording.Event) bool {
	if a == nil || b == nil || a.Kind != b.Kind {
		return false
	}
	return b.Kind == recording.Sent || b.Kind == recording.Got && !x.streamed()
}

// streamed tells whether the response's body is a stream of events.
func (x *Exchange) streamed() bool {
	kind, _, _ := strings.Cut(header(x.head(recording.Response), "content-type"), ";")
	return strings.TrimSpace(kind) == "text/event-stream"
}

// join adds b to a, which is nobody else's.
func join(a, b *recording.Event) {
	a.Data = append(a.Data, b.Data...)
	for name, n := range b.Masked {
		if a.Masked == nil {
			a.Masked = map[string]int{}
		}
		a.Masked[name] += n
	}
}
