package leasetest

import (
	"context"
	"maps"
	"time"

	"cloakroom/internal/lease"
)

// replica is a process: a Keeper, its clock, and what it must know.
type replica struct {
	w       *world
	n       int
	k       *lease.Keeper
	skew    time.Duration // of its wall clock
	plan    plan
	crashed bool
	// Of the event: the store has failed it; another's event came in between.
	troubled, met bool

	begun time.Duration // world.ran when the process began
	ahead time.Time     // the highest wall reading less the time that it has run
	seen  int64         // the latest change that it was shown
	heard int64         // up to where it has followed
	// contact is its clock's reading when the store last told it of changes,
	// followed when it had followed.
	contact, followed time.Time
	bars              map[string]lease.Bar
	dead              map[string]bool      // ended here, whatever the store says
	maybe             map[string]bool      // its clock has seen the lease's end, or was before its beginning
	allowed           map[string]time.Time // reading at which a lease was first found live
	cuts              map[string]int
}

// start begins the process, over what the store has.
func (r *replica) start() {
	w := r.w
	r.plan, r.crashed = plan{}, false
	r.begun, r.ahead = w.ran, w.base.Round(0).Add(w.ran+r.skew)
	for _, t := range w.floor() {
		if t.After(r.ahead) {
			r.ahead = t
		}
	}
	r.k = nil
	r.dead, r.maybe, r.allowed, r.cuts = map[string]bool{}, map[string]bool{}, map[string]time.Time{}, map[string]int{}
	k, err := lease.NewKeeper(context.Background(), shaky{r}, key, lease.Options{Questions: questionsOfOne, Logger: silent}, r.now())
	if err != nil {
		w.fatalf("starting replica %d: %v", r.n, err)
	}
	r.k, r.heard, r.contact, r.followed, r.bars = k, w.last, r.reading(), r.reading(), maps.Clone(w.bars)
	r.strike()
	w.note("%d: starts at %s", r.n, r.reading().Format("15:04:05.000"))
}

// floor are the times that a process which begins must not be before.
func (w *world) floor() []time.Time {
	out := []time.Time{w.marked}
	for _, f := range w.facts {
		if f.lease.State != lease.Ended {
			out = append(out, f.lease.Created, f.lease.Starts)
		}
	}
	return out
}

// now is what time.Now gives the process.
func (r *replica) now() time.Time { return Skew(r.w.base.Add(r.w.ran), r.skew) }

// reading is how late it is at least by what the process has seen.
func (r *replica) reading() time.Time {
	ran := r.w.ran - r.begun
	if t := r.w.base.Round(0).Add(r.w.ran + r.skew - ran); t.After(r.ahead) {
		r.ahead = t
	}
	return r.ahead.Add(ran)
}

// setClock sets the wall clock, or lets the machine sleep.
func (r *replica) setClock() {
	r.skew += time.Duration(r.w.rand.IntN(240)-120) * time.Second
	if r.w.rand.IntN(2) == 0 {
		r.skew = 0
	}
	r.w.note("%d: clock is set to be %s off", r.n, r.skew)
	if r.k.Live("nobody", r.now()) { // where it hears of it
		r.w.fatalf("nobody's lease lives")
	}
	r.reading() // so does the model, also where there is no lease to judge
}

// trouble is what becomes of a call of the store.
type trouble uint8

const (
	none trouble = iota
	failsBefore
	failsAfter
	crashesBefore
	crashesAfter
	othersBefore
	othersAfter
	troubles
)

// plan is which of an event's calls meets trouble.
type plan struct {
	call int // counted down
	what trouble
}

func (w *world) newPlan() plan {
	if w.rand.IntN(2) == 0 {
		return plan{}
	}
	return plan{1 + w.rand.IntN(8), 1 + trouble(w.rand.IntN(int(troubles)-1))}
}

func (r *replica) next() trouble {
	if r.crashed {
		return crashesBefore
	}
	if r.plan.call--; r.plan.call != 0 {
		return none
	}
	return r.plan.what
}
