package whatif

import (
	"context"
	"slices"
	"strings"
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/decide"
	"cloakroom/internal/lease"
	"cloakroom/internal/record"
)

// past is what a decision is made with, as it was at the time of a case.
type past struct {
	decide.Leases // nil: what is not below, a decision has no use for, and a panic denies
	rules         Rules
	at            time.Time
	was           *record.Decision
	tickets       tickets
	failed        error  // of the policy
	gap           string // what would have to be known of a lease, and is not
}

func (p *past) begin(c Case, t tickets) {
	*p = past{rules: p.rules, at: c.Time, was: c.Decision, tickets: t}
}

func (p *past) now() time.Time { return p.at }

// principal is who asked.
func (p *past) principal() access.Principal {
	return access.Principal{Issuer: p.was.Issuer, Subject: p.was.Subject, Groups: p.was.Groups, Session: p.was.Session, Lasting: true,
		Unverified: p.was.Cause == access.CauseUnverified}
}

// trusted is who asked, as far as their issuer's word counts by the new rules.
func (p *past) trusted() access.Principal {
	counted, trusted := p.rules.Issuers[p.was.Issuer]
	if !trusted {
		return access.Principal{}
	}
	who := p.principal()
	if len(counted) > 0 {
		who.Groups = slices.DeleteFunc(slices.Clone(who.Groups), func(g string) bool { return !slices.Contains(counted, g) })
	}
	return who
}

// Identify implements decide.Identifier.
func (p *past) Identify(context.Context, []access.Header, string) (access.Principal, []string, error) {
	if p.was.Ticket {
		return access.Principal{}, p.was.Tokens, nil
	}
	return p.trusted(), p.was.Tokens, nil
}

// Issuers implements decide.Identifier.
func (p *past) Issuers() int { return len(p.rules.Issuers) }

// Evaluate implements decide.Policy.
func (p *past) Evaluate(ctx context.Context, in *access.Input) (access.Verdict, error) {
	v, err := p.rules.Policy.Evaluate(ctx, in)
	p.failed = err
	return v, err
}

// Revision implements decide.Policy.
func (p *past) Revision() string { return p.rules.Policy.Revision() }

// Append implements decide.Log: nothing is logged.
func (p *past) Append(context.Context, record.Entry) error { return nil }

// CountRefusal implements decide.Log.
func (p *past) CountRefusal(access.Code, string) {}

// Ready implements decide.Recorder: nothing is recorded, and nothing needs to be.
func (p *past) Ready(string) (string, error) { return "", nil }

// Refused implements decide.Recorder.
func (p *past) Refused(access.Refused) {}

// active is a live lease of the caller over the credential.
func (p *past) active(id, credential string) lease.Lease {
	who := p.principal()
	return lease.Lease{ID: id, Principal: who.ID(), Issuer: who.Issuer, Subject: who.Subject, Groups: who.Groups, Credential: credential,
		Session: p.was.Session, Scope: lease.ScopeCredential, Created: p.at, Starts: p.at, Ends: p.at.Add(time.Hour), State: lease.Active}
}

// approved tells whether as many people as are needed approved the lease.
func (p *past) approved(id string, needs int) bool {
	if needs == 0 {
		return true
	}
	l, known := p.known(id)
	if !known {
		p.gap = "how many people approved its lease is not known any more"
	}
	return l.Terms.Needs >= needs
}

func (p *past) known(id string) (lease.Lease, bool) {
	if p.rules.Lease == nil || id == "" {
		return lease.Lease{}, false
	}
	return p.rules.Lease(id)
}

// Use implements decide.Leases: a lease that was used is live, and one that people
// must approve is there if they did.
func (p *past) Use(_ context.Context, a lease.Ask, _ time.Time) (lease.Lease, error) {
	l := p.active("", a.Credential)
	l.Terms = a.Terms
	i := slices.IndexFunc(p.was.Uses, func(u record.Use) bool { return u.Credential == a.Credential && u.Placeholder.Named })
	if i >= 0 {
		l.ID = p.was.Uses[i].Lease
	}
	switch {
	case i >= 0 && p.approved(l.ID, a.Terms.Needs):
		return l, nil
	case ended(p.was) && i < 0 && p.named(a.Credential):
		return p.over(l, lease.Expired), lease.ErrEnded
	case a.Terms.Needs == 0:
		return l, nil
	case p.was.Cause == access.CauseApprovalDenied && p.named(a.Credential):
		return p.over(l, lease.Denied), lease.ErrEnded
	}
	l.State = lease.Pending
	return l, lease.ErrPending
}

func (p *past) over(l lease.Lease, why lease.Ending) lease.Lease {
	l.State, l.Ending, l.Ended = lease.Ended, why, p.at
	return l
}

// named tells whether the request held the named placeholder of the credential.
func (p *past) named(credential string) bool {
	return slices.ContainsFunc(p.was.Seen, func(s record.Seen) bool {
		return s.Placeholder.Named && strings.Contains(s.Placeholder.Text, "ckr_"+credential+"_")
	})
}

// ByTicket implements decide.Leases: a ticket is as good as it was.
func (p *past) ByTicket(_ context.Context, digest lease.Digest, _ time.Time) (lease.Lease, error) {
	t, made := p.tickets[digest]
	if !made || t.lease == "" && p.was.Cause == access.CauseUnknownPlaceholder {
		return lease.Lease{}, lease.ErrUnknown
	}
	l := p.active(t.lease, t.credential)
	l.Ticket = digest
	if known, ok := p.known(t.lease); ok {
		l.Terms = known.Terms
		if p.was.Outcome != access.Allow { // one that was used was good for it
			l.Scope, l.Operation = known.Scope, known.Operation
		}
	}
	if c := p.rules.Inventory.Credential(t.credential); c != nil {
		l.Terms.Bound = c.Tier.Bound
		if c.Tier.Approval != nil {
			p.approved(t.lease, c.Tier.Approval.Count)
		}
	}
	switch {
	case ended(p.was):
		return p.over(l, lease.Expired), lease.ErrEnded
	case p.was.Cause == access.CauseApprovalDenied:
		return p.over(l, lease.Denied), lease.ErrEnded
	case p.was.Cause == access.CauseApprovalPending:
		l.State = lease.Pending
		return l, lease.ErrPending
	}
	return l, nil
}

// Admit implements decide.Leases: how many came in a minute is not asked again.
func (p *past) Admit(context.Context, lease.Lease, time.Time) (bool, error) { return true, nil }
