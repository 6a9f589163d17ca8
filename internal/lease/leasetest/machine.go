package leasetest

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/lease"
)

// TestMachine runs worlds of three replicas over the store that open makes, each
// a random order of events, and holds every claim of the Keepers against a
// simple model. An event may meet a store that fails before or after it has
// written, a process that ends between any two calls of the store, and another
// replica's event between two calls. Replicas have wall clocks of their own,
// which are set forward and back. With the build tag "long" there are more worlds.
func TestMachine(t *testing.T, worlds int, open func(t *testing.T) lease.Store) {
	store, events := open(t), 0
	worlds *= longer
	for seed := range worlds {
		w := newWorld(t, store, seed)
		for range eventsPerWorld {
			w.event()
		}
		w.settle()
		events += w.events
	}
	t.Logf("%d events in %d worlds", events, worlds)
}

const (
	eventsPerWorld  = 60
	replicas        = 3
	questionsOfOne  = 4
	confirmedWithin = time.Second
)

// world is one run. Truth is what the store took, whether it said so or not.
type world struct {
	t        testing.TB
	rand     *rand.Rand
	seed     int
	store    lease.Store
	base     time.Time     // with a monotonic reading
	ran      time.Duration // since base, by every monotonic clock
	replicas []*replica
	facts    map[string]*fact
	ids      []string // of facts, in their order
	bars     map[string]lease.Bar
	last     int64     // change
	marked   time.Time // as the store was told
	nested   bool      // an event between two calls of another's
	ask      lease.Ask // the latest
	notes    []string
	events   int
}

// fact is a lease as the store has it.
type fact struct {
	lease  lease.Lease
	change int64
	spent  int                   // uses that were allowed
	said   []string              // persons whose answer was taken
	old    map[lease.Digest]bool // tickets that it had
}

func newWorld(t testing.TB, store lease.Store, seed int) *world {
	now := time.Now()
	// Later than every world before: the store remembers how late it was.
	begin := Epoch.Add(time.Duration(seed) * 120 * time.Hour)
	w := &world{t: t, rand: rand.New(rand.NewPCG(uint64(seed), 6)), seed: seed, store: store,
		base: Skew(now, begin.Sub(now.Round(0))), facts: map[string]*fact{}, bars: map[string]lease.Bar{}, marked: begin.Add(-time.Hour)}
	for n := range replicas {
		r := &replica{w: w, n: n}
		w.replicas = append(w.replicas, r)
		r.start()
	}
	return w
}

func (w *world) note(format string, args ...any) {
	w.notes = append(w.notes, fmt.Sprintf("%s ", w.ran)+fmt.Sprintf(format, args...))
}

func (w *world) fatalf(format string, args ...any) {
	w.t.Helper()
	for _, l := range w.notes[max(0, len(w.notes)-60):] {
		w.t.Log(l)
	}
	w.t.Fatalf("world %d: "+format, append([]any{w.seed}, args...)...)
}

// event lets something happen, and holds the claims of all against the truth.
func (w *world) event() {
	w.events++
	switch n := w.rand.IntN(100); {
	case n < 22:
		w.ran += time.Duration(w.rand.IntN(400)) * time.Millisecond
	case n < 27:
		w.ran += time.Duration(1+w.rand.IntN(15)) * time.Second
	case n < 31:
		w.replica().setClock()
	case n < 34:
		w.replica().start()
	default:
		r := w.replica()
		r.plan = w.newPlan()
		w.act(r)
		r.plan = plan{}
		if r.crashed {
			r.start()
		}
	}
	for _, r := range w.replicas {
		r.claims()
	}
}

func (w *world) replica() *replica { return w.replicas[w.rand.IntN(len(w.replicas))] }

// act has a replica do something, after it has followed the store, mostly.
func (w *world) act(r *replica) {
	r.troubled, r.met = false, false
	if !w.nested && w.rand.IntN(4) > 0 {
		r.follow()
	}
	r.strike()
	defer r.strike()
	if f := w.some(); f != nil && w.rand.IntN(2) == 0 {
		acts := []func(*replica, *fact){(*replica).answer, (*replica).answer, (*replica).answer, (*replica).answer,
			(*replica).extend, (*replica).spend, (*replica).spend, (*replica).spend, (*replica).revoke}
		acts[w.rand.IntN(len(acts))](r, f)
		return
	}
	acts := []func(*replica){(*replica).use, (*replica).use, (*replica).use, (*replica).use, (*replica).request, (*replica).request,
		(*replica).bar, (*replica).lift, (*replica).follow, (*replica).sweep}
	acts[w.rand.IntN(len(acts))](r)
}

// between runs another replica's event between two calls of one's, or lets the
// same one hear of the store meanwhile. id is the lease that the call is about.
func (w *world) between(r *replica, id string, follow bool) {
	if w.nested {
		return
	}
	w.nested, r.met = true, true
	defer func() { w.nested = false }()
	was := r.plan
	r.plan = plan{}
	if f, o := w.facts[id], w.replica(); f != nil && o != r && w.rand.IntN(2) == 0 {
		w.events++
		w.meddle(o, f)
	} else if o != r {
		w.events++
		w.act(o)
	}
	if follow && w.rand.IntN(4) > 0 {
		r.follow()
	}
	r.plan = was
}

// meddle has a replica do something with a lease.
func (w *world) meddle(r *replica, f *fact) {
	r.troubled, r.met = false, false
	acts := []func(*replica, *fact){(*replica).revoke, (*replica).revoke, (*replica).spend, (*replica).extend, (*replica).answer}
	acts[w.rand.IntN(len(acts))](r, f)
	r.strike()
}

// some is a lease, mostly a late one; nil: there is none.
func (w *world) some() *fact {
	if len(w.ids) == 0 {
		return nil
	}
	i := len(w.ids) - 1 - min(w.rand.IntN(len(w.ids)), w.rand.IntN(len(w.ids)))
	return w.facts[w.ids[i]]
}

var people = []access.Principal{
	{Issuer: "https://human.example", Subject: "p1", Person: "p1@example.com"},
	{Issuer: "https://human.example", Subject: "p2", Person: "p2@example.com"},
	{Issuer: "https://other.example", Subject: "77", Person: "p1@example.com"}, // the first again
	{Issuer: "https://human.example", Subject: "p3", Person: "p3@example.com"},
	{Issuer: "https://human.example", Subject: "owner", Person: "owner@example.com"},
	{Issuer: "https://human.example", Subject: "nobody"},
}

var askers = []access.Principal{
	{Issuer: "https://machine.example", Subject: "agent", Person: "owner@example.com"},
	{Issuer: "https://machine.example", Subject: "robot"},
	people[1],
}

// asking is what a lease is asked with: what was asked before, now and then.
func (w *world) asking() lease.Ask {
	if w.rand.IntN(3) > 0 || !w.ask.Principal.Known() {
		w.ask = w.newAsk()
	} else if w.ask.Terms.Needs > 0 && w.rand.IntN(2) == 0 {
		w.ask.Operation = operations[w.rand.IntN(len(operations))]
	}
	return w.ask
}

var operations = []lease.Operation{{}, {Method: "GET", Host: "h", Path: "/a?q=1"}, {Method: "GET", Host: "h", Path: "/a?q=2"},
	{Method: "PUT", Host: "h", Path: "/a", Unseen: true}, {Method: "PUT", Host: "h", Path: "/a", Body: lease.Digest{1}}}

func (w *world) newAsk() lease.Ask {
	n := w.rand.IntN(4)
	a := lease.Ask{Principal: askers[w.rand.IntN(len(askers))], Credential: fmt.Sprint("c", n), Session: fmt.Sprint("s", w.rand.IntN(2)),
		Terms:  lease.Terms{Length: w.seconds(3, 40), Extend: w.seconds(0, 20), Reuse: n%2 == 0},
		Stands: w.seconds(3, 30), Cooldown: 4 * time.Second}
	switch n {
	case 1:
		a.Terms.Uses, a.AtOnce = 3, 2
	case 2:
		a.Terms.Needs, a.Terms.Uses = 1, 2
	case 3:
		a.Terms.Needs = 2
	}
	if a.Terms.Needs > 0 {
		a.Operation = operations[w.rand.IntN(len(operations))]
	}
	return a
}

func (w *world) seconds(from, to int) time.Duration {
	return time.Duration(from+w.rand.IntN(to-from)) * time.Second
}

// settle lets everything come to rest, and compares what all know with the store.
func (w *world) settle() {
	for range 3 {
		for _, r := range w.replicas {
			r.calm("sweeping", r.k.Sweep(context.Background(), r.now()))
		}
	}
	for _, id := range w.ids {
		w.settled(w.facts[id])
	}
	for _, r := range w.replicas {
		r.rest()
	}
	w.ran += 24 * time.Hour
	for range 2 {
		for _, r := range w.replicas {
			r.calm("sweeping", r.k.Sweep(context.Background(), r.now()))
		}
	}
	for _, r := range w.replicas {
		if late := r.reading().Sub(w.marked); late > 10*time.Second {
			w.fatalf("replica %d did not mark the time: it is %s later", r.n, late)
		}
		if n := r.k.Active(); n != 0 {
			w.fatalf("replica %d: %d leases are active a day later", r.n, n)
		}
	}
	w.clear()
}

// settled judges a lease once everybody has heard of everything.
func (w *world) settled(f *fact) {
	for _, person := range f.said {
		if !slices.ContainsFunc(f.lease.Answers, func(a lease.Answer) bool { return a.Person == person }) {
			w.fatalf("lease %q: the answer of %s is lost", f.lease.ID, person)
		}
	}
	if f.spent > f.lease.Used && f.lease.Terms.Uses > 0 {
		w.fatalf("lease %q: used %d times, counted %d", f.lease.ID, f.spent, f.lease.Used)
	}
	for _, r := range w.replicas {
		l, err := r.k.ByID(context.Background(), f.lease.ID, r.now())
		if err != nil || l.State != f.lease.State || l.Ending != f.lease.Ending {
			w.fatalf("replica %d: lease %q is %s %s, and in the store %s %s, %v", r.n, f.lease.ID, l.State, l.Ending, f.lease.State, f.lease.Ending, err)
		}
	}
}

// clear leaves the store as a world finds it.
func (w *world) clear() {
	ctx := context.Background()
	rows, err := w.store.Bars(ctx)
	for _, b := range rows {
		if err == nil {
			err = w.store.DropBar(ctx, b.ID)
		}
	}
	if err == nil {
		err = w.store.Forget(ctx, w.base.Add(200*24*time.Hour))
	}
	if err != nil {
		w.fatalf("clearing: %v", err)
	}
	if rows, _, err := w.store.Unended(ctx); err != nil || len(rows) > 0 {
		w.fatalf("%d leases have not ended a day later, %v", len(rows), err)
	}
}

var silent = slog.New(slog.DiscardHandler)
