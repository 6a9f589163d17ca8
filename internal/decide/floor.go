package decide

import (
	"context"
	"slices"

	"cloakroom/internal/access"
)

// overriding are headers by which some backends take another method or path
// than the request's own. They do not pass with a credential.
var overriding = []string{
	"x-http-method-override", "x-http-method", "x-method-override",
	"x-original-url", "x-original-uri", "x-original-method", "x-rewrite-url", "x-override-url",
	"x-forwarded-uri", "x-forwarded-method",
}

// floor refuses, whatever the policy allowed, what no policy can allow.
func (d *Decider) floor(_ context.Context, a *attempt) *refusal {
	if a.bare {
		return nil
	}
	if len(a.change.SetQuery) > 0 || len(a.change.RemoveQuery) > 0 {
		r := refused(access.Unavailable, "the policy could not answer; tell the operator of this gateway")
		r.reason = "the policy changes the query, which a grant pins; it can do so only without issuers and credentials"
		return r
	}
	for _, p := range a.input.Placeholders {
		if !p.Counts {
			continue
		}
		if r := a.unfit(p); r != nil {
			return r.about(p)
		}
	}
	if !a.counting() {
		return nil
	}
	for _, h := range a.request.Headers {
		if slices.Contains(overriding, dashed(h.Name)) {
			return refused(access.Denied, "header "+dashed(h.Name)+" can change the method or path that was judged; leave it out of requests with a credential")
		}
	}
	return nil
}

// unfit says why a placeholder that counts cannot be granted; nil: it can.
func (a *attempt) unfit(p access.Placeholder) *refusal {
	switch {
	case p.Credential == nil || p.Kind != access.Named && p.Kind != access.Ticket:
		return refused(access.UnknownPlaceholder, "this placeholder is not in the inventory; GET /.well-known/cloakroom lists those you may use")
	case !p.Permitted:
		return refused(access.NotGranted, "credential "+p.Name+" does not permit this operation with the placeholder at "+p.At.String())
	case a.verdict.Grant != nil && !slices.Contains(a.verdict.Grant, p.Name):
		return refused(access.NotGranted, "the policy does not grant credential "+p.Name+" to this request")
	case p.Kind == access.Named && a.who.Ticket:
		return refused(access.NotGranted, "a ticket vouches for its own credential only; send a bearer token too")
	case p.Kind == access.Named && p.Credential.Approval:
		r := refused(access.ApprovalPending, "credential "+p.Name+" needs an approval, and this gateway cannot ask for one yet")
		r.outcome = access.NeedsApproval
		return r
	}
	return nil
}
