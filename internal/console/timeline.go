package console

import (
	"fmt"
	"slices"
	"time"

	"cloakroom/internal/lease"
	"cloakroom/internal/record"
)

// timeline is a session on one axis of time: a lane for each lease and each
// exchange. It holds no contents.
type timeline struct {
	axis
	Ticks     []tick
	Leases    []leaseLane
	Exchanges []exchangeLane
}

// tick is a mark on the axis.
type tick struct {
	X    string
	Text string
}

// leaseLane is a lease's lane. Of a lease that the store has forgotten only what
// the decisions say of it is known.
type leaseLane struct {
	ID, Credential string
	Lease          *lease.Lease // nil: it was forgotten
	At             time.Duration
	Bars           []bar
	Marks          []mark
}

// exchangeLane is an exchange's lane.
type exchangeLane struct {
	record.Exchange
	At    time.Duration // since the axis began
	Bar   bar
	Marks []mark
}

// bar is a stretch of time, and mark a moment, at which something was so; Kind is
// the word by which the style knows it.
type bar struct{ Kind, X, Width, Title string }
type mark struct{ Kind, X, Y, Title string }

// axis is the time that a timeline spans.
type axis struct {
	Began  time.Time
	Length time.Duration
}

// shortest is the shortest axis, so that a moment has a place on one.
const shortest = 100 * time.Millisecond

// newTimeline puts exchanges, which are in the order of their decisions, and the
// leases of their session on an axis; now is where what goes on is cut off.
func newTimeline(xs []record.Exchange, ls []lease.Lease, session string, now time.Time) timeline {
	t := timeline{axis: axisOf(xs, ls, session, now)}
	t.Ticks = t.ticks()
	known := make(map[string]bool)
	for _, l := range ls {
		known[l.ID] = true
		t.Leases = append(t.Leases, t.lease(l))
	}
	for _, x := range xs {
		t.Exchanges = append(t.Exchanges, t.exchange(x))
		for _, u := range x.Decision.Decision.Uses {
			if u.Lease != "" && !known[u.Lease] {
				known[u.Lease] = true
				t.Leases = append(t.Leases, leaseLane{ID: u.Lease, Credential: u.Credential, At: t.since(x.Decision.Time),
					Bars: []bar{t.bar("active", x.Decision.Time, u.LeaseEnds, "a lease from an earlier time than is kept")}})
			}
		}
	}
	slices.SortStableFunc(t.Leases, func(a, b leaseLane) int { return int(a.At - b.At) })
	return t
}

// axisOf spans the exchanges, and what became of the questions that the session
// asked.
func axisOf(xs []record.Exchange, ls []lease.Lease, session string, now time.Time) axis {
	var first, last time.Time
	span := func(t time.Time) {
		if t.IsZero() || t.After(now) {
			return
		}
		if first.IsZero() || t.Before(first) {
			first = t
		}
		if t.After(last) {
			last = t
		}
	}
	for _, x := range xs {
		span(x.Decision.Time)
		if x.End != nil {
			span(x.End.Time)
		}
	}
	for _, l := range ls {
		if l.Session != session {
			continue
		}
		span(l.Created)
		for _, a := range l.Answers {
			span(a.Time)
		}
	}
	return axis{first, max(last.Sub(first), shortest)}
}

func (a axis) since(t time.Time) time.Duration { return max(t.Sub(a.Began), 0) }

// x is where a time is on the axis; what is beyond an end is at the end.
func (a axis) x(t time.Time) float64 {
	return 100 * min(float64(a.since(t))/float64(a.Length), 1)
}

func percent(x float64) string { return fmt.Sprintf("%.2f%%", x) }

func (a axis) bar(kind string, from, to time.Time, title string) bar {
	x := a.x(from)
	return bar{kind, percent(x), percent(max(a.x(to)-x, 0)), title}
}

func (a axis) mark(kind string, at time.Time, title string) mark {
	y, ok := heights[kind]
	if !ok {
		y = middle
	}
	return mark{kind, percent(a.x(at)), y, title}
}

// Marks that may be at one moment stand one above another.
const middle = "50%"

var heights = map[string]string{"used": "24%", "masked": "78%"}

// steps are the distances of ticks.
var steps = []time.Duration{20 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond, 200 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 20 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute,
	10 * time.Minute, 20 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour, 8 * time.Hour, 24 * time.Hour}

// mostTicks fit on a phone.
const mostTicks = 5

func (a axis) ticks() (all []tick) {
	step := steps[len(steps)-1]
	for _, s := range steps {
		if a.Length <= mostTicks*s {
			step = s
			break
		}
	}
	for step*mostTicks < a.Length {
		step *= 2
	}
	for at := time.Duration(0); at < a.Length-a.Length/20; at += step { // the last one's text needs room
		all = append(all, tick{percent(a.x(a.Began.Add(at))), offset(at)})
	}
	return all
}

// lease is the lane of a lease: how long it waited for answers, how long it was
// good, and who answered when.
func (a axis) lease(l lease.Lease) leaseLane {
	lane := leaseLane{ID: l.ID, Credential: l.Credential, Lease: &l, At: a.since(l.Created)}
	end := l.Ends
	if l.State == lease.Ended && !l.Ended.IsZero() {
		end = l.Ended
	}
	good := l.Starts
	if good.IsZero() {
		good = end
	}
	if l.Terms.Needs > 0 {
		lane.Bars = append(lane.Bars, a.bar("pending", l.Created, good, "waited for people"))
	}
	if !l.Starts.IsZero() {
		lane.Bars = append(lane.Bars, a.bar("active", l.Starts, end, "could be used"))
	}
	for _, answer := range l.Answers {
		kind, word := "no", "denied by "
		if answer.Approve {
			kind, word = "yes", "approved by "
		}
		lane.Marks = append(lane.Marks, a.mark(kind, answer.Time, word+plain(answer.Person)))
	}
	if l.Ending == lease.Revoked {
		lane.Marks = append(lane.Marks, a.mark("no", end, "revoked"))
	}
	return lane
}

// exchange is the lane of an exchange: what was decided when it began, whether a
// placeholder was used then, and whether a value was masked until it ended.
func (a axis) exchange(x record.Exchange) exchangeLane {
	d, at := x.Decision.Decision, x.Decision.Time
	lane := exchangeLane{Exchange: x, At: a.since(at), Bar: a.bar("open", at, at, "has no end in the record")}
	lane.Marks = append(lane.Marks, a.mark(outcome(x), at, d.Outcome.String()))
	if x.End == nil {
		return lane
	}
	lane.Bar = a.bar("took", at, x.End.Time, "took "+offset(x.End.Time.Sub(at)))
	for _, s := range x.End.End.Substitutions {
		lane.Marks = append(lane.Marks, a.mark("used", at, "used "+plain(s.Credential)+" in "+plain(s.Location)))
	}
	for _, m := range x.End.End.Masks {
		lane.Marks = append(lane.Marks, a.mark("masked", x.End.Time, fmt.Sprintf("masked %s, %d times", plain(m.Name), m.N)))
	}
	return lane
}
