package main

import (
	"context"
	"maps"
	"strings"
	"sync"
	"time"

	"cloakroom/internal/approval"
	"cloakroom/internal/lease"
	"cloakroom/internal/notify"
)

// announced remembers the pending leases that people were told of: an agent that
// asks again changes one, and nobody wants to hear of that.
type announced struct {
	mu  sync.Mutex
	ids map[string]bool
}

// first tells whether a pending lease is new; one that is not pending is
// forgotten.
func (a *announced) first(l lease.Lease) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if l.State != lease.Pending {
		delete(a.ids, l.ID)
		return false
	}
	if a.ids[l.ID] {
		return false
	}
	if a.ids == nil {
		a.ids = map[string]bool{}
	}
	a.ids[l.ID] = true
	return true
}

// changed tells of a lease that is asked for, lapsed or was revoked. Another
// replica tells of its own; of what a command did, whoever hears of it.
func (n *notices) changed(l lease.Lease, here bool) {
	if !here && !strings.HasPrefix(l.EndedBy, "cli:") {
		n.asked.first(l)
		return
	}
	switch first := n.asked.first(l); {
	case first && len(l.Answers) == 0:
		n.send(n.askedEvent(l))
	case l.Ending == lease.Expired && l.Starts.IsZero():
		n.send(n.event(notify.Lapsed, l))
	case l.Ending == lease.Revoked && !handedBack(l):
		e := n.event(notify.Revoked, l)
		e.By = l.EndedBy
		n.send(e)
	}
}

// handedBack tells whether its own holder ended a lease. Of that nobody needs to
// hear: an agent could do it as often as it likes, and what people must hear of
// would be dropped from a full queue.
func handedBack(l lease.Lease) bool { return !l.Starts.IsZero() && l.EndedBy == l.Principal }

// answered tells of an answer that counts.
func (n *notices) answered(a approval.Answered) {
	e := n.event(notify.Answered, a.Lease)
	e.Answer, e.By, e.Note = "denied", a.Answer.Person, a.Answer.Reason
	if a.Answer.Approve {
		e.Answer, e.Scope = "approved", a.Answer.Scope.String()
	}
	n.send(e)
}

// stolen tells of a ticket that another than its holder has shown; of the same
// one and the same principal once in a while only.
func (n *notices) stolen(id, principal string) {
	if !n.thefts.first(principal, id, time.Now()) {
		return
	}
	go func() { // a request waits for who calls this
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		e := notify.Event{Type: notify.Stolen, Time: time.Now(), Lease: id, URL: n.page("/leases")}
		if l, err := n.s.keeper.ByID(ctx, id, time.Now()); err == nil {
			e = n.event(notify.Stolen, l)
		}
		e.By = principal
		n.send(e)
	}()
}

// recent remembers for a while what it was told of each principal.
type recent struct {
	mu sync.Mutex
	of map[string]map[string]time.Time // by principal, by what it was told
}

const (
	recently   = 10 * time.Minute
	mostRecent = 10 // of one principal: two that work together make as many as they like
)

// first tells whether what it is told of the principal is new, and not too much.
func (r *recent) first(principal, what string, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	known := r.of[principal]
	maps.DeleteFunc(known, func(_ string, at time.Time) bool { return now.Sub(at) > recently })
	if _, told := known[what]; told || len(known) >= mostRecent {
		return false
	}
	if known == nil {
		known = map[string]time.Time{}
		if r.of == nil {
			r.of = map[string]map[string]time.Time{}
		}
		r.of[principal] = known
	}
	known[what] = now
	return true
}

func (n *notices) send(e notify.Event) { n.current.Load().sender.Send(e) }

func (n *notices) askedEvent(l lease.Lease) notify.Event {
	e := n.event(notify.Asked, l)
	e.URL, e.Expires = n.page("/approvals/"+l.ID), l.Ends
	if c := n.s.rules.Load().set.Credential(l.Credential); c != nil && c.Tier.Approval != nil {
		e.Buttons = c.Tier.Approval.Buttons
	}
	if q, ok := n.s.desk.Describe(l); ok {
		e.Seen, e.Method, e.Host, e.Path = q.Seen, q.Operation.Method, q.Operation.Host, q.Operation.Path
		e.Terms = notify.Terms{Seconds: q.Seconds, Extend: q.Extend, Uses: q.Uses, Needs: q.Needs, Reuse: q.Reuse, Ticket: q.Ticket}
	}
	return e
}

func (n *notices) event(t notify.Type, l lease.Lease) notify.Event {
	e := notify.Event{Type: t, Time: time.Now(), Lease: l.ID, Credential: l.Credential, Principal: l.Principal, Person: l.Person,
		Reason: l.Reason, Method: l.Operation.Method, Host: l.Operation.Host, Path: l.Operation.Path,
		Body: l.Operation.Body.String(), Unseen: l.Operation.Unseen, Session: l.Session, URL: n.page("/leases")}
	if c := n.s.rules.Load().set.Credential(l.Credential); c != nil {
		e.Tier = c.Tier.Name
	}
	return e
}

// page is where people see more, if they reach the admin listener at all.
func (n *notices) page(path string) string {
	if base := n.s.rules.Load().config.Admin.URL; base != "" {
		return base + path
	}
	return ""
}
