package decide

import (
	"crypto/sha256"
	"slices"
	"strings"
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/inventory"
	"cloakroom/internal/lease"
)

// Where policy asks for an approval and the credential's tier does not say how,
// one person is asked, and these hold.
const (
	questionStands = 15 * time.Minute
	coolDown       = 5 * time.Minute
)

// needsPeople tells whether people must approve the use of a placeholder: its
// tier says so, or policy does.
func (a *attempt) needsPeople(p access.Placeholder) bool {
	v := a.verdict
	return p.Credential.Approval || v.Outcome == access.NeedsApproval && (v.Credential == "" || v.Credential == p.Name)
}

// needs is how many people must approve the use of a placeholder.
func (a *attempt) needs(p access.Placeholder) int {
	return askOf(a.set.Credential(p.Name), a.who, a.needsPeople(p)).Terms.Needs
}

// ask is what a lease for a placeholder is asked with.
func (a *attempt) ask(p access.Placeholder) lease.Ask {
	q := askOf(a.set.Credential(p.Name), a.who, a.needsPeople(p))
	q.Session = a.sessionID
	// A token's own name says nothing of what its next one is used for: a lease
	// bound to it would be lost with the token.
	q.Terms.Reuse = q.Terms.Reuse || !a.lasting
	if q.Terms.Needs > 0 {
		q.Operation = a.operation()
	}
	return q
}

// askOf is an ask on the terms of the credential's tier.
func askOf(c *inventory.Credential, who access.Principal, people bool) lease.Ask {
	t := c.Tier
	q := lease.Ask{Principal: who, Credential: c.Name, AtOnce: t.Leases,
		Terms: lease.Terms{Length: t.Lease, Extend: t.Extend, Uses: t.Uses, Requests: t.Requests, Reuse: t.Reuse, Bound: t.Bound}}
	switch {
	case t.Approval != nil:
		q.Terms.Needs, q.Stands, q.Cooldown = max(1, t.Approval.Count), t.Approval.Expires, t.Approval.Cooldown
	case people:
		q.Terms.Needs, q.Stands, q.Cooldown = 1, questionStands, coolDown
	}
	return q
}

// operation is what the request does, as people are shown it. Tickets are taken
// out of its path.
func (a *attempt) operation() lease.Operation {
	r, t := a.request, a.input.Target
	o := lease.Operation{Method: r.Method, Host: t.Host, Path: a.facts.pin(a.untold(t.Path))}
	switch {
	case !r.BodyWhole || access.ChecksBody(r.Route) && a.cut():
		o.Unseen = true
	case len(r.Body) > 0:
		o.Body = sha256.Sum256(r.Body)
	}
	return o
}

// untold is the path without the text of the tickets that it was made with: they
// change, and what they are for does not.
func (a *attempt) untold(path string) string {
	for i, l := range a.leases {
		if text := a.found[i].Text; l.ID != "" {
			path = strings.ReplaceAll(path, text[strings.LastIndex(text, mark):], shown(l.Credential, "ticket"))
		}
	}
	return path
}

// covered refuses an operation that a ticket's lease is not good for.
func (a *attempt) covered(p access.Placeholder, l lease.Lease) *refusal {
	switch {
	case l.Terms.Needs < a.needs(p):
		return refused(access.CauseUnapproved, "people must approve the use of credential "+p.Name+" here, and not enough of them approved the lease of this ticket; "+instead(p))
	case l.Spent():
		return spent(p.Name)
	case l.Scope != lease.ScopeCredential && !l.Covers(a.operation()):
		o := l.Operation
		return refused(access.CauseScope, "this lease is good for "+o.Method+" "+o.Host+o.Path+" only, with the body that was shown; ask for another lease for this operation")
	case l.Terms.Bound && a.who.Ticket:
		return refused(access.CauseHolderAbsent, "this ticket counts only beside its holder's own token: send that in x-cloakroom-token too")
	}
	return nil
}

// instead is what works where a ticket that nobody approved does not. Where
// policy alone wants people, they are not asked about a ticket.
func instead(p access.Placeholder) string {
	if p.Credential.Approval {
		return "ask for a new ticket"
	}
	return "send " + p.Credential.Placeholder + " in its place"
}

// asksPeople tells whether any placeholder that counts needs people.
func (a *attempt) asksPeople() bool {
	return slices.ContainsFunc(a.input.Placeholders, func(p access.Placeholder) bool { return p.Counts && a.needsPeople(p) })
}
