package decide

import (
	"context"
	"errors"
	"slices"
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/lease"
	"cloakroom/internal/record"
)

// lease finds a live lease for every placeholder that counts, or may come where
// it would, and opens one where the credential's tier needs no approval.
func (d *Decider) lease(ctx context.Context, a *attempt) *refusal {
	if a.verdict.Outcome == access.NeedsApproval && !a.asksPeople() {
		r := refused(access.CauseNothingToApprove, "the policy wants people to approve this, and only the use of a credential can be approved: send its placeholder")
		r.outcome = access.NeedsApproval
		return r
	}
	for i, p := range a.input.Placeholders {
		if p.Counts && a.foreseen(i) && a.needsPeople(p) { // people are not asked about what may never come
			a.input.Placeholders[i].Counts = false
			continue
		}
		if !p.Counts {
			continue
		}
		l, r := d.leaseFor(ctx, a, i)
		if r != nil {
			return r.about(p)
		}
		a.use(p, l)
		text := p.Text
		if !a.foreseen(i) {
			text = a.found[i].Text
		}
		a.tell(record.Use{Credential: p.Name, Location: p.At.String(), Lease: l.ID, LeaseEnds: l.Ends, Needs: a.needs(p),
			Placeholder: record.Placeholder{Text: text, Named: p.Kind == access.Named}})
	}
	return nil
}

// tell notes a use for the log, once: it takes only so many, and what is sent again and
// again must not push another out.
func (a *attempt) tell(u record.Use) {
	if !slices.ContainsFunc(a.uses, func(o record.Use) bool {
		return o.Credential == u.Credential && o.Location == u.Location && o.Lease == u.Lease && o.Placeholder == u.Placeholder
	}) {
		a.uses = append(a.uses, u)
	}
}

// leaseFor finds the lease for a placeholder that counts, and asks people for it
// where it must.
func (d *Decider) leaseFor(ctx context.Context, a *attempt, i int) (lease.Lease, *refusal) {
	p := a.input.Placeholders[i]
	if p.Kind == access.Ticket {
		if r := a.covered(p, a.leases[i]); r != nil {
			return a.leases[i], r
		}
		return a.leases[i], d.admit(ctx, a, a.leases[i])
	}
	q := a.ask(p)
	if q.Terms.Needs > 0 && a.who.Unverified {
		return lease.Lease{}, unverified(p.Name)
	}
	l, err := d.Leases.Use(ctx, q, a.now)
	if errors.Is(err, lease.ErrPending) {
		var r *refusal
		if l, r, err = d.held(ctx, a, q, l); r != nil {
			return l, r
		}
	}
	switch {
	case errors.Is(err, lease.ErrSpent):
		return l, a.spentUntil(p.Name, l.Ends)
	case err != nil, l.State != lease.Active, l.Credential != p.Name, l.Principal != a.who.ID(), !a.now.Before(l.Ends),
		l.Terms.Needs < q.Terms.Needs, !l.Covers(q.Operation):
		return l, d.without(p.Name, l, err, a.now)
	}
	return l, d.admit(ctx, a, l)
}

// admit counts the request, once, where its lease has a limit a minute.
func (d *Decider) admit(ctx context.Context, a *attempt, l lease.Lease) *refusal {
	if slices.ContainsFunc(a.permit.Uses, func(u access.Use) bool { return u.Lease == l.ID }) {
		return nil
	}
	switch ok, err := d.Leases.Admit(ctx, l, a.now); {
	case err != nil:
		r := refused(access.CauseLeases, "requests under this lease could not be counted; try again")
		r.reason = "counting a request: " + err.Error()
		return r
	case !ok:
		r := refused(access.CauseManyRequests, "too many requests in this minute under the lease over credential "+l.Credential+"; wait for the next")
		r.RetryAfter = a.now.Truncate(time.Minute).Add(time.Minute).Sub(a.now)
		return r
	}
	return nil
}

// use adds a placeholder to the grant. One credential has one use, under the
// lease that was found first, with every location.
func (a *attempt) use(p access.Placeholder, l lease.Lease) {
	i := slices.IndexFunc(a.permit.Uses, func(u access.Use) bool { return u.Credential == p.Name })
	if i < 0 {
		a.permit.Uses = append(a.permit.Uses, access.Use{Credential: p.Name, Lease: l.ID, Locations: []access.Location{p.At}})
		return
	}
	if u := &a.permit.Uses[i]; !slices.Contains(u.Locations, p.At) {
		u.Locations = append(u.Locations, p.At)
	}
}

// grant writes what the exchange may use. A request that uses no credential
// gets a grant too: it says that the exchange was decided. Its nonce is made
// where it is sealed.
func (d *Decider) grant(_ context.Context, a *attempt) *refusal {
	r := a.request
	g := access.Grant{Exchange: a.id, Principal: a.who.ID(), Session: a.sessionID, Method: r.Method,
		Authority: r.Authority, Path: a.input.Target.Path, Route: r.Route, Cluster: r.Cluster, Source: r.Source,
		Ends: a.now.Add(GrantTime), Uses: a.permit.Uses}
	a.permit = g
	for _, name := range a.remove {
		if !slices.Contains(a.change.RemoveRequestHeaders, name) {
			a.change.RemoveRequestHeaders = append(a.change.RemoveRequestHeaders, name)
		}
	}
	return nil
}

// record writes the decision to the log, and refuses what it cannot write, and what
// could not be recorded once it goes on.
func (d *Decider) record(ctx context.Context, a *attempt) *refusal {
	if toCaller, err := d.Recorder.Ready(a.who.ID()); err != nil {
		r := refused(access.CauseUnrecorded, toCaller)
		r.reason = "recording is not possible: " + err.Error()
		return r
	}
	err := d.Log.Append(ctx, a.entry(access.Allow, "", "", a.verdict.Reason))
	if err == nil {
		return nil
	}
	r := refused(access.CauseUnlogged, "the log cannot be written, so nothing is let through; tell the operator of this gateway")
	r.reason = err.Error()
	return r
}

func (a *attempt) entry(outcome access.Outcome, code access.Code, cause access.Cause, reason string) record.Entry {
	r, path := a.request, a.request.Path
	if a.targetKnown { // beside the upstream's host: a prefix is the gateway's
		path = a.input.Target.Path
	}
	e := &record.Decision{Exchange: a.id, Issuer: a.who.Issuer, Subject: a.who.Subject, Groups: a.who.Groups, Ticket: a.who.Ticket, Tokens: a.tokens,
		Session: a.sessionID, Source: r.Source, Method: r.Method, Host: a.input.Target.Host, Authority: r.Authority,
		Path: path, Route: r.Route, Outcome: outcome, Code: code, Cause: cause, Reason: reason, Revision: a.verdict.Revision, Uses: a.uses}
	for i, f := range a.found {
		if !f.Counts || outcome != access.Allow {
			e.Seen = append(e.Seen, record.Seen{Placeholder: record.Placeholder{Text: f.Text, Named: f.Named}, Location: a.found[i].At.String()})
		}
	}
	return record.Entry{Time: a.now, Decision: e}
}
