// Package exchange is the state machine of one exchange: it puts values in on
// the way up, takes them out on the way down, and tells the log how it went.
//
// It alone touches values, and only for an exchange whose grant it has opened
// against its own view of the request. It promises that nothing is substituted
// without a live lease, that every byte of a response has been through the
// mask, that where exchanges are recorded the last of an answer goes only once what
// came before is, and that every doubt ends the exchange. None of its steps waits
// for a disk, a network or a person: what is recorded is written to the operating
// system's memory. Leases alone may have to ask their store, a second at most, where
// uses are limited.
//
// It deliberately knows neither Envoy nor gRPC, makes no decision of its own
// about who may use what, and reads no value source.
package exchange

import (
	"errors"
	"fmt"
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/coding"
	"cloakroom/internal/grant"
	"cloakroom/internal/record"
	"cloakroom/internal/recording"
	"cloakroom/internal/replace"
)

// Grants opens what the deciding half has sealed. *grant.Codec is one.
type Grants interface {
	Open(text string, v grant.View, now time.Time) (access.Grant, error)
}

// Log takes the entry that ends an exchange, and counts the refusals of those
// that nobody decided on. Neither makes the exchange wait.
type Log interface {
	Note(record.Entry)
	CountRefusal(code access.Code, source string)
}

// Observer is told what an exchange did, for metrics. It must not block.
type Observer interface {
	Began()
	Refused(code access.Code)
	// ValueSent is an alarm: the caller itself sent a credential's real value.
	ValueSent(credential string)
	Ended(substituted, masked map[string]int, err error, took time.Duration)
}

// Deps is what an Engine needs. All that may be nil says so.
type Deps struct {
	Snapshot func() *Snapshot // the rules and values in force
	Leases   Leases
	Grants   Grants
	Log      Log
	Observer Observer         // nil: nobody listens
	Now      func() time.Time // nil: time.Now
	Tapes    recording.Tapes  // nil: nothing is recorded but the log's entries
	// Rule says how an exchange is recorded that may use the credentials; nil: without
	// Tapes only.
	Rule func(t access.Target, credentials []string) recording.Rule
}

// Engine begins exchanges. It is safe for concurrent use.
type Engine struct{ deps Deps }

// New returns an Engine, or an error that names the missing dependency.
func New(d Deps) (*Engine, error) {
	for name, missing := range map[string]bool{
		"Snapshot": d.Snapshot == nil, "Leases": d.Leases == nil,
		"Grants": d.Grants == nil, "Log": d.Log == nil, "Rule": d.Tapes != nil && d.Rule == nil,
	} {
		if missing {
			return nil, fmt.Errorf("making exchange engine: no %s", name)
		}
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.Observer == nil {
		d.Observer = silent{}
	}
	return &Engine{d}, nil
}

type silent struct{}

func (silent) Began()                                                     {}
func (silent) Refused(access.Code)                                        {}
func (silent) ValueSent(string)                                           {}
func (silent) Ended(map[string]int, map[string]int, error, time.Duration) {}

// ErrOrder is returned by a step that came when it could not: the transport's
// messages were repeated, lost or reordered. The exchange must end.
var ErrOrder = errors.New("message out of order")

// phase is how far an exchange has come. The zero value has seen nothing.
type phase uint8

const (
	begun    phase = iota
	asked          // the request's head went up
	refused        // a refusal took the response's place
	answered       // the response's head went down; its body follows
	drained        // the body's end went down; trailers may follow no more
	complete       // nothing may follow
)

// Exchange is one request with its response. Its methods are called in the
// order of the messages, by one goroutine at a time.
type Exchange struct {
	deps Deps
	snap *Snapshot

	phase     phase
	grant     access.Grant
	target    access.Target
	cut       func()              // tells the transport that a lease was revoked
	unwatch   []func()            // undo what would call it
	spent     []string            // leases of which a use was counted
	sent      map[string]string   // by credential: the text that the client sent
	up        *upload             // the request's body; nil: it has none, or none is shown
	last      *Snapshot           // that was in force when it was looked at last
	sets      []string            // ids of the snapshots that it has lived under
	masks     []*replace.Set      // of the snapshot, and of those that came since
	rewriters []*replace.Rewriter // mask what goes down
	decoder   *coding.Decoder     // of the response's body; nil: it is not coded
	down      stage               // what the response's body goes through, masking last
	socket    socket
	reel      reel
	alarms    alarms
	entry     outcome
}

// Begin starts an exchange under the rules and values now in force. End must
// be called once it is over. When a lease is revoked that it lives under, cut is
// called, by any goroutine, even within a step: the exchange must then end, as
// Revoked says. cut must not block.
func (e *Engine) Begin(cut func()) *Exchange {
	e.deps.Observer.Began()
	x := &Exchange{deps: e.deps, snap: e.deps.Snapshot(), cut: cut, alarms: alarms{tell: e.deps.Observer.ValueSent}}
	x.last, x.sets, x.masks = x.snap, []string{x.snap.id}, []*replace.Set{masking(x.snap)}
	x.entry.began = e.deps.Now()
	return x
}

// Complete tells whether the exchange ran to its end, so that nothing that
// follows could pass unseen.
func (x *Exchange) Complete() bool {
	return x.phase == complete || x.phase == drained || x.phase == refused
}

// mask is the text that takes the place of a value of the named credential.
func (x *Exchange) mask(credential string) string { return x.sent[credential] }

// refuse ends the exchange before the backend hears of it, or in the place of
// its answer.
func (x *Exchange) refuse(code access.Code, placeholder, format string, args ...any) *access.Refusal {
	x.phase = refused
	r := &access.Refusal{Code: code, Message: fmt.Sprintf(format, args...),
		Placeholder: placeholder, Record: x.grant.Exchange}
	x.entry.refusal = r
	x.deps.Observer.Refused(code)
	return r
}
