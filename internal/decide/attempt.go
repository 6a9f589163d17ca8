package decide

import (
	"slices"
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/inventory"
	"cloakroom/internal/lease"
	"cloakroom/internal/record"
)

// attempt is what the stages have found out about one request so far. It lives
// as long as one call of Decide.
type attempt struct {
	request *access.Request
	now     time.Time
	id      string
	set     *inventory.Set
	facts   *facts
	bare    bool // neither issuers nor credentials: policy alone decides

	targetKnown bool
	who         access.Principal
	remove      []string // request headers that must not go on
	tokens      []string // those of them that held an identity token
	sessionID   string
	lasting     bool // sessionID is more than the name of one token
	found       []inventory.Found
	leases      []lease.Lease // beside found: of a ticket that counts, its lease
	suspects    []string      // credentials that may stand in a request that is not understood
	input       access.Input
	verdict     access.Verdict
	change      access.Change
	uses        []record.Use
	permit      access.Grant
	holdUntil   time.Time // when waiting for people must end; zero: nobody was waited for
}

// refusal is a Refusal with what only the log learns.
type refusal struct {
	access.Refusal
	cause   access.Cause
	outcome access.Outcome
	reason  string // for the log; empty: the message
	counted bool   // nobody was identified: only counted
	change  access.Change
}

func refused(cause access.Cause, message string) *refusal {
	return &refusal{cause: cause, Refusal: access.Refusal{Code: cause.Code(), Message: message}}
}

func (r *refusal) about(p access.Placeholder) *refusal {
	r.Placeholder = p.Text
	return r
}

func (d *Decider) begin(req *access.Request, attributes func() any) *attempt {
	now, set := d.Now(), d.Inventory()
	a := &attempt{request: req, now: now, id: record.NewID(now), set: set, facts: d.factsOf(set)}
	a.bare = d.Identity.Issuers() == 0 && len(a.facts.byName) == 0
	a.input = access.Input{Request: req, Strict: set.Strict(), Bare: a.bare, Attributes: attributes}
	if !a.bare {
		a.input.Hide = a.facts.hide
	}
	return a
}

// counting tells whether a placeholder of the request counts.
func (a *attempt) counting() bool {
	return slices.ContainsFunc(a.input.Placeholders, func(p access.Placeholder) bool { return p.Counts })
}
