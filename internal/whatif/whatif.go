// Package whatif decides recorded requests again, by other rules: a changed policy,
// a changed inventory, or both.
//
// A request is made anew of its recording or, where none is kept, of what the log
// says of it, and goes through the very stages of package decide. Who asked, with
// which groups, and which leases there were, is what the log says: a lease that was
// used then is live again, and people approved what they approved then. Nobody is
// asked anything, no lease is opened and nothing is logged.
//
// It promises to say of each request on what it was decided again, and not to guess:
// what cannot be decided on what is kept is Undecidable, with why. It deliberately
// knows nothing of refusals of callers without an identity, which are only counted,
// and of refusals after the decision.
package whatif

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/decide"
	"cloakroom/internal/inventory"
	"cloakroom/internal/lease"
	"cloakroom/internal/record"
	"cloakroom/internal/recording"
)

// Policy is one that is asked again.
type Policy interface {
	decide.Policy
	WantsBody() bool // it looks at the request's body
}

// Rules are those to decide by. What may be nil says so; all else is required.
type Rules struct {
	Inventory *inventory.Set
	Upstreams []inventory.Upstream // of the inventory
	Policy    Policy
	// Issuers are those that are trusted, by URL, with the groups that count; an
	// empty list: all.
	Issuers map[string][]string
	// Lease finds a lease as it was: its Terms.Needs are the people who approved it.
	// nil: none is known.
	Lease func(id string) (lease.Lease, bool)
}

// Case is a request that was decided on.
type Case struct {
	Time      time.Time
	Decision  *record.Decision
	Recording *recording.Transcript // nil: none is kept
}

// Answer is a decision in short.
type Answer struct {
	Outcome access.Outcome
	Code    access.Code // of a refusal
	Uses    string      // the credentials that may be used, sorted, with "," between
}

// Grounds say what a request was made anew of.
type Grounds string

// The grounds.
const (
	Recorded Grounds = "recording" // head and body as the agent sent them
	Logged   Grounds = "log"       // method, host, path, placeholders; no other headers, no body
)

// Verdict is what would become of a request.
type Verdict struct {
	Case        Case
	Grounds     Grounds
	Before      Answer
	After       Answer
	Reason      string // of After
	Undecidable string // why there is no After; empty: there is
}

// Differs tells whether the request would be answered otherwise.
func (v Verdict) Differs() bool { return v.Undecidable == "" && v.After != v.Before }

// Judge decides cases again, one after another: it is not safe for concurrent use.
type Judge struct {
	rules   Rules
	past    *past
	decider *decide.Decider
}

// New makes a Judge, and refuses to make one that lacks something.
func New(r Rules) (*Judge, error) {
	if r.Inventory == nil || r.Policy == nil || r.Issuers == nil {
		return nil, errors.New("deciding again: an inventory, a policy and issuers are required")
	}
	j := &Judge{rules: r, past: &past{rules: r}}
	var err error
	j.decider, err = decide.New(decide.Deps{
		Inventory: func() *inventory.Set { return r.Inventory },
		Identity:  j.past, Policy: j.past, Leases: j.past, Log: j.past, Recorder: j.past, Now: j.past.now,
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), // what goes wrong is a Verdict's Reason
	})
	return j, err
}

// Judge decides a case again.
func (j *Judge) Judge(ctx context.Context, c Case) Verdict {
	v := Verdict{Case: c, Grounds: Logged, Before: before(c.Decision)}
	request, why := j.request(c)
	if c.Recording != nil {
		v.Grounds = Recorded
	}
	if why == "" {
		why = unknowable(c.Decision)
	}
	if why != "" {
		v.Undecidable = why
		return v
	}
	j.past.begin(c, request.tickets)
	out := j.decider.Decide(ctx, &request.Request, nil)
	v.After, v.Reason = after(out), out.Reason
	if j.past.failed != nil {
		v.Reason = j.past.failed.Error()
	}
	switch {
	case errors.Is(j.past.failed, access.ErrAsks):
		v.Undecidable = "the policy asks a server, which may answer otherwise now"
	case j.past.gap != "":
		v.Undecidable = j.past.gap
	case circumstance(c.Decision) && v.After.Outcome == access.Allow:
		v.Undecidable = "it was refused for what rules say nothing of: " + c.Decision.Reason
	case circumstance(c.Decision): // refused for another reason now, which came first or not
		v.After = v.Before
	}
	return v
}

func before(d *record.Decision) Answer {
	var names []string
	for _, u := range d.Uses {
		names = append(names, u.Credential)
	}
	return Answer{d.Outcome, d.Code, list(names)}
}

func after(d access.Decision) Answer {
	a := Answer{Outcome: d.Outcome}
	if d.Refusal != nil {
		a.Code = d.Refusal.Code
	}
	var names []string
	if d.Grant != nil {
		for _, u := range d.Grant.Uses {
			names = append(names, u.Credential)
		}
	}
	a.Uses = list(names)
	return a
}

// list is each of the names once.
func list(names []string) string {
	slices.Sort(names)
	return strings.Join(slices.Compact(names), ",")
}
