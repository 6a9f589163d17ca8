package decide

import (
	"context"
	"errors"
	"slices"

	"cloakroom/internal/access"
	"cloakroom/internal/lease"
	"cloakroom/internal/record"
)

// lease finds a live lease for every placeholder that counts, or may come where
// it would, and opens one where the credential's tier needs no approval.
func (d *Decider) lease(ctx context.Context, a *attempt) *refusal {
	for i, p := range a.input.Placeholders {
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
		a.uses = append(a.uses, record.Use{Credential: p.Name, Location: p.At.String(), Lease: l.ID, LeaseEnds: l.Ends,
			Placeholder: record.Placeholder{Text: text, Named: p.Kind == access.Named}})
	}
	return nil
}

func (d *Decider) leaseFor(ctx context.Context, a *attempt, i int) (lease.Lease, *refusal) {
	p := a.input.Placeholders[i]
	if p.Kind == access.Ticket {
		return a.leases[i], nil
	}
	l, err := d.Leases.Use(ctx, a.who, p.Name, a.sessionID, p.Credential.Lease, a.now)
	switch {
	case errors.Is(err, lease.ErrEnded):
		return l, refused(access.LeaseExpired, "the lease over credential "+p.Name+" has ended")
	case err != nil:
		r := refused(access.Unavailable, "no lease over credential "+p.Name+" could be opened; try again")
		r.reason = "opening a lease: " + err.Error()
		return l, r
	case l.State != lease.Active || l.Credential != p.Name || l.Principal != a.who.ID() || !a.now.Before(l.Ends):
		return l, refused(access.LeaseExpired, "the lease over credential "+p.Name+" has ended")
	}
	return l, nil
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

// record writes the decision to the log, and refuses what it cannot write.
func (d *Decider) record(ctx context.Context, a *attempt) *refusal {
	err := d.Log.Append(ctx, a.entry(access.Allow, "", a.verdict.Reason))
	if err == nil {
		return nil
	}
	r := refused(access.Unavailable, "the log cannot be written, so nothing is let through; tell the operator of this gateway")
	r.reason = err.Error()
	return r
}

func (a *attempt) entry(outcome access.Outcome, code access.Code, reason string) record.Entry {
	r, path := a.request, a.request.Path
	if a.targetKnown { // beside the upstream's host: a prefix is the gateway's
		path = a.input.Target.Path
	}
	e := &record.Decision{Exchange: a.id, Issuer: a.who.Issuer, Subject: a.who.Subject, Ticket: a.who.Ticket,
		Session: a.sessionID, Source: r.Source, Method: r.Method, Host: a.input.Target.Host, Authority: r.Authority,
		Path: path, Route: r.Route, Outcome: outcome, Code: code, Reason: reason, Revision: a.verdict.Revision, Uses: a.uses}
	for i, f := range a.found {
		if !f.Counts || outcome != access.Allow {
			e.Seen = append(e.Seen, record.Seen{Placeholder: record.Placeholder{Text: f.Text, Named: f.Named}, Location: a.found[i].At.String()})
		}
	}
	return record.Entry{Time: a.now, Decision: e}
}
