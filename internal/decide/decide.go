// Package decide turns one request into a decision, and into the grant that
// says what the exchange may use.
//
// It promises that nobody unknown gets a grant, that a grant names only
// credentials whose placeholders stand in the request, at places and for an
// operation that their rules permit, each under a live lease, whatever the
// policy says; that what it allows is in the log before it says so; and that
// every doubt, a panic of its own included, denies. It deliberately never holds
// a credential's value, speaks no protocol, and decides nothing that policy can
// decide: below policy it only keeps the floor.
package decide

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/inventory"
	"cloakroom/internal/lease"
	"cloakroom/internal/record"
)

// GrantTime is how long after the decision an exchange may start.
const GrantTime = 30 * time.Second

// Identifier finds out who calls. A request without a token of a trusted issuer
// gives the zero Principal and no error; an error's text is shown to the
// caller. Remove names the headers (lower-case) that must not go on.
type Identifier interface {
	Identify(ctx context.Context, headers []access.Header, path string) (who access.Principal, remove []string, err error)
	// Issuers is how many issuers are trusted.
	Issuers() int
}

// Policy answers whether a request may go. An error means that it could not,
// and denies.
type Policy interface {
	Evaluate(ctx context.Context, in *access.Input) (access.Verdict, error)
	Revision() string
}

// Leases is what a decision needs of lease.Keeper.
type Leases interface {
	Use(ctx context.Context, a lease.Ask, now time.Time) (lease.Lease, error)
	Request(ctx context.Context, a lease.Ask, now time.Time) (lease.Lease, error)
	ByTicket(ctx context.Context, ticket lease.Digest, now time.Time) (lease.Lease, error)
	ByID(ctx context.Context, id string, now time.Time) (lease.Lease, error)
	Wait(ctx context.Context, id string) (lease.Lease, error)
	Admit(ctx context.Context, l lease.Lease, now time.Time) (bool, error)
	Extend(ctx context.Context, id string, by time.Duration, now time.Time) (lease.Lease, error)
	Revoke(ctx context.Context, id, by string, now time.Time) (lease.Lease, error)
}

// Log is what a decision needs of record.Log.
type Log interface {
	Append(ctx context.Context, e record.Entry) error
	CountRefusal(code access.Code, source string)
}

// Recorder records what is refused: the request, masked, and the answer. What it
// is given may hold values, tokens and tickets.
type Recorder interface {
	// Ready tells why no exchange of a principal (Principal.ID) may begin now: it
	// could not be recorded. toCaller is what its caller is told; the error is for
	// the log.
	Ready(principal string) (toCaller string, err error)
	Refused(access.Refused)
}

// Observer hears of decisions, for metrics. Its methods must not block.
type Observer interface {
	Decided(outcome access.Outcome, code access.Code)
	Phase(name string, took time.Duration)
	// Stolen is an alarm: a principal sent the ticket of a lease that is bound to
	// another.
	Stolen(lease, principal string)
}

// Deps is what a Decider works with. What may be nil or empty says so; all else
// is required.
type Deps struct {
	Inventory func() *inventory.Set // the snapshot in force; taken once per request
	Identity  Identifier
	Policy    Policy
	Leases    Leases
	Log       Log
	Now       func() time.Time
	Logger    *slog.Logger
	Recorder  Recorder
	Observer  Observer // nil: nobody listens
	// InForce tells whether Inventory and Policy are in force still: a request
	// that was held is not decided by rules that are not. nil: they always are.
	InForce  func() bool
	Holds    *Holds // nil: no request is held
	AdminURL string // where people answer; empty: nobody is told
}

// Decider decides. It is safe for concurrent use.
type Decider struct {
	Deps
	facts atomic.Pointer[facts] // of the snapshot that was seen last
}

// New makes a Decider, and refuses to make one that lacks something.
func New(d Deps) (*Decider, error) {
	missing := ""
	switch {
	case d.Inventory == nil:
		missing = "inventory"
	case d.Identity == nil:
		missing = "identity"
	case d.Policy == nil:
		missing = "policy"
	case d.Leases == nil:
		missing = "leases"
	case d.Log == nil:
		missing = "log"
	case d.Recorder == nil:
		missing = "recorder"
	case d.Now == nil:
		missing = "clock"
	case d.Logger == nil:
		missing = "logger"
	}
	if missing != "" {
		return nil, errors.New("making a decider: no " + missing)
	}
	if d.Observer == nil {
		d.Observer = deaf{}
	}
	if d.InForce == nil {
		d.InForce = func() bool { return true }
	}
	if d.Holds == nil {
		d.Holds = NewHolds(0, 0)
	}
	return &Decider{Deps: d}, nil
}

type deaf struct{}

func (deaf) Decided(access.Outcome, access.Code) {}
func (deaf) Phase(string, time.Duration)         {}
func (deaf) Stolen(string, string)               {}

// stage does one part of the work on an attempt; a refusal ends it.
type stage struct {
	name string
	run  func(*Decider, context.Context, *attempt) *refusal
}

var stages = [...]stage{
	{"target", (*Decider).target},
	{"identify", (*Decider).identify},
	{"placeholders", (*Decider).placeholders},
	{"tickets", (*Decider).tickets},
	{"session", (*Decider).session},
	{"policy", (*Decider).policy},
	{"floor", (*Decider).floor},
	{"lease", (*Decider).lease},
	{"grant", (*Decider).grant},
	{"record", (*Decider).record},
}

// Decide answers one request. attributes, which may be nil, gives the
// transport's own view for policies that ask for it (access.Input.Attributes).
// It never fails: what goes wrong is a decision that denies.
func (d *Decider) Decide(ctx context.Context, req *access.Request, attributes func() any) (out access.Decision) {
	defer func() {
		if p := recover(); p != nil {
			d.panicked(p)
			out = access.Decision{Reason: "internal error", Cause: access.CauseInternal, Refusal: &access.Refusal{
				Code: access.Unavailable, Message: "this gateway could not decide; try again, then tell its operator"}}
		}
		d.Observer.Decided(out.Outcome, code(out))
	}()
	a := d.begin(req, attributes)
	start := d.Now()
	for i := range stages {
		r := stages[i].run(d, ctx, a)
		end := d.Now()
		d.Observer.Phase(stages[i].name, end.Sub(start))
		start = end
		if r != nil {
			return d.refuse(ctx, a, r)
		}
	}
	return access.Decision{Outcome: access.Allow, Reason: a.verdict.Reason, Exchange: a.id,
		Revision: a.verdict.Revision, Grant: &a.permit, Change: a.change}
}

func code(d access.Decision) access.Code {
	if d.Refusal == nil {
		return ""
	}
	return d.Refusal.Code
}

// panicked logs where it happened. What was passed to panic may quote the
// request, so only the runtime's own errors are printed.
func (d *Decider) panicked(p any) {
	what := fmt.Sprintf("%T", p)
	if e, ok := p.(runtime.Error); ok {
		what = e.Error()
	}
	d.Logger.Error("deciding panicked", "panic", what, "stack", string(debug.Stack()))
}
