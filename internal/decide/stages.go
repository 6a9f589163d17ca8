package decide

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/inventory"
	"cloakroom/internal/lease"
)

// target says where the request really goes. That nothing serves its route is
// refused once it is known who asks (floor of policy's stage).
func (d *Decider) target(_ context.Context, a *attempt) *refusal {
	r := a.request
	t, err := a.set.Target(r.Route, r.Cluster, r.Method, r.Path)
	if err == nil {
		a.targetKnown, a.input.TargetKnown, a.input.Target = true, true, t
		return nil
	}
	if !a.bare {
		return nil
	}
	a.input.Target = access.Target{Method: r.Method, Path: r.Path}
	return nil
}

// identify asks who calls by token. Nobody is no refusal yet: a ticket may
// vouch for the caller.
func (d *Decider) identify(ctx context.Context, a *attempt) *refusal {
	if a.bare {
		return nil
	}
	who, remove, err := d.Identity.Identify(ctx, a.request.Headers, a.request.Path)
	a.remove, a.tokens = remove, remove
	if err != nil {
		r := refused(access.CauseToken, err.Error())
		r.counted = true
		return r
	}
	a.who = who
	return nil
}

// placeholders finds every placeholder of the request and what is known of it.
func (d *Decider) placeholders(_ context.Context, a *attempt) *refusal {
	if a.bare {
		return nil
	}
	t := a.input.Target
	if !a.targetKnown {
		t = access.Target{Path: a.request.Path} // no host: nothing is permitted
	}
	found, overflow := a.set.Find(t, a.request.Headers)
	inBody, r := a.inBody(t)
	a.suspect(t, append(found, inBody...))
	if r != nil {
		return r
	}
	found = append(found, inBody...)
	if overflow || len(found) > inventory.MaxFound {
		r := refused(access.CauseManyPlaceholders, "the request holds more than 256 placeholders; send fewer")
		r.counted = !a.who.Known()
		return r
	}
	a.found, a.suspects = found, nil
	a.leases = make([]lease.Lease, len(found))
	a.input.Placeholders = make([]access.Placeholder, len(found))
	for i, f := range found {
		p := access.Placeholder{Text: shown(f.Name, "unknown"), Name: f.Name, At: f.At, Counts: f.Counts, Credential: a.facts.byName[f.Name]}
		if f.Named {
			p.Text, p.Kind = f.Text, access.Named
		}
		if f.Counts && p.Credential != nil {
			p.Permitted = permitted(a.set.Credential(f.Name), t, f.At)
		}
		a.input.Placeholders[i] = p
	}
	return nil
}

func permitted(c *inventory.Credential, t access.Target, at access.Location) bool {
	in, ok := c.Permits(t)
	return ok && slices.ContainsFunc(in, func(l access.Location) bool { return l.Covers(at) })
}

// maxTickets bounds the look-ups of one request.
const maxTickets = 16

// tickets looks up whom the tickets that count belong to, and settles who
// calls.
func (d *Decider) tickets(ctx context.Context, a *attempt) *refusal {
	if a.bare {
		return nil
	}
	token, n := a.who.Known(), 0
	for i, f := range a.found {
		if f.Named || !f.Counts {
			continue
		}
		if n++; n > maxTickets {
			r := refused(access.CauseManyTickets, "the request holds more than 16 tickets; send fewer")
			r.counted = !token
			return r
		}
		if r := d.ticket(ctx, a, i); r != nil {
			return r
		}
	}
	if !a.who.Known() {
		r := refused(access.CauseNoIdentity, "no identity: send a bearer token of a trusted issuer in proxy-authorization or x-cloakroom-token, or a ticket as the key")
		r.counted = true
		return r
	}
	a.open()
	return nil
}

// ticket looks one ticket up.
func (d *Decider) ticket(ctx context.Context, a *attempt, i int) *refusal {
	f, p := a.found[i], &a.input.Placeholders[i]
	l, err := d.Leases.ByTicket(ctx, inventory.TicketHash(f.Text), a.now)
	switch {
	case err == nil && l.Credential != f.Name:
		err = lease.ErrUnknown // the text was made of another ticket's
	case err == nil && (l.State != lease.Active || !a.now.Before(l.Ends)):
		err = lease.ErrEnded
	}
	r := d.dead(f, p, l, err, a.now)
	if r == nil {
		p.Kind, p.Text, p.Lease = access.Ticket, shown(f.Name, "ticket"), l.ID
		a.leases[i] = l
	}
	holder := l.Holder()
	if !holder.Known() {
		if r != nil {
			r.counted = !a.who.Known()
			return r
		}
		return refused(access.CauseLeases, "the holder of this ticket is not known").about(*p)
	}
	if a.who.Known() && a.who.ID() != holder.ID() {
		if l.Terms.Bound {
			return d.stolen(a, l).about(*p)
		}
		return refused(access.CauseTwoIdentities, "two identities: the token or another ticket belongs to somebody else; send one of them").about(*p)
	}
	if !a.who.Known() {
		a.who = holder
	}
	return r
}

// dead says why a ticket is none; nil: it is one.
func (d *Decider) dead(f inventory.Found, p *access.Placeholder, l lease.Lease, err error, now time.Time) (r *refusal) {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, lease.ErrUnknown):
		return refused(access.CauseUnknownPlaceholder, "this placeholder is not in the inventory; GET /.well-known/cloakroom lists those you may use").about(*p)
	case errors.Is(err, lease.ErrEnded):
		p.Kind, p.Text = access.Ended, shown(f.Name, "ticket")
		return ended(f.Name, l).about(*p)
	case errors.Is(err, lease.ErrPending):
		p.Kind, p.Text = access.Ended, shown(f.Name, "ticket")
		return d.pending(f.Name, l, now).about(*p)
	}
	r = refused(access.CauseLeases, "the state of this ticket could not be read; try again").about(*p)
	r.reason = "looking a ticket up: " + err.Error()
	return r
}

// stolen refuses a ticket that is bound to its holder and that another
// principal sent, and reports it.
func (d *Decider) stolen(a *attempt, l lease.Lease) *refusal {
	d.Observer.Stolen(l.ID, a.who.ID())
	r := refused(access.CauseStolen, "this ticket belongs to another principal, and this use of it has been reported")
	r.reason = "stolen: the ticket of lease " + l.ID + ", which " + l.Principal + " holds"
	return r
}

// open tells policy, once it is known who calls, what is open to them.
func (a *attempt) open() {
	a.input.Principal = a.who
	for i := range a.input.Placeholders {
		p := &a.input.Placeholders[i]
		p.Open = p.Credential != nil && a.who.InAny(p.Credential.Groups)
	}
	if a.targetKnown {
		a.foresee()
	}
	if !a.counting() && a.targetKnown {
		a.input.Operations = a.facts.operations(a.input.Target, a.who)
	}
}

// sessionHeader is the header with which a client says which exchanges belong
// together.
const sessionHeader = "x-cloakroom-session"

var sessionForm = regexp.MustCompile(`^[A-Za-z0-9._:-]{1,128}$`)

// sessionName tells whether a client may name a session so. A ticket is no
// name: names are stored and shown.
func sessionName(s string) bool { return sessionForm.MatchString(s) && !strings.Contains(s, mark) }

// session says to which session the exchange belongs, and which headers must
// not go on.
func (d *Decider) session(_ context.Context, a *attempt) *refusal {
	if a.bare {
		return nil
	}
	a.sessionID, a.lasting = a.who.Session, a.who.Lasting
	if sent := a.request.Header(sessionHeader); len(sent) > 0 {
		if len(sent) > 1 || !sessionName(sent[0]) {
			return refused(access.CauseSession, `x-cloakroom-session: want one, of 1 to 128 letters, digits, ".", "_", ":" or "-", and no placeholder`)
		}
		a.sessionID, a.lasting = sent[0], true
	}
	for _, l := range a.leases {
		if a.sessionID == "" {
			a.sessionID = l.ID
		}
	}
	a.input.Session = a.sessionID
	a.remove = append(slices.Clip(a.remove), sessionHeader)
	for _, h := range a.request.Headers {
		if name := dashed(h.Name); strings.HasPrefix(name, "x-envoy-") && !slices.Contains(a.remove, h.Name) {
			a.remove = append(a.remove, h.Name)
		}
	}
	a.input.Remove = a.remove
	return nil
}

// dashed is a header's name as backends read it that take "_" and other signs
// for "-", as CGI and what came of it do.
func dashed(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return '-'
	}, name)
}

// policy asks the policy.
func (d *Decider) policy(ctx context.Context, a *attempt) *refusal {
	if !a.bare && !a.targetKnown {
		return refused(access.CauseRoute, "no declared upstream serves this route and path")
	}
	v, err := d.Policy.Evaluate(ctx, &a.input)
	a.verdict = v
	if err != nil {
		d.Logger.Error("the policy could not answer", "error", err, "exchange", a.id)
		return refused(access.CausePolicyFailed, "the policy could not answer; tell the operator of this gateway")
	}
	if v.Outcome == access.Allow || v.Outcome == access.NeedsApproval { // people are asked once nothing else is in the way
		a.change = v.Change
		return nil
	}
	r := refused(access.CausePolicy, v.Reason)
	r.outcome, r.change, r.Placeholder = v.Outcome, v.Change, v.Placeholder
	if v.Code != "" {
		r.Code = v.Code
	}
	return r
}
