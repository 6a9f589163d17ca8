package decide

import (
	"context"
	"slices"

	"cloakroom/internal/access"
)

// overriding are headers by which some backends take another method, path or
// host than the request's own. They do not pass with a credential.
var overriding = []string{
	"x-http-method-override", "x-http-method", "x-method-override",
	"x-original-url", "x-original-uri", "x-original-method", "x-original-path", "x-rewrite-url", "x-override-url",
	"x-forwarded-uri", "x-forwarded-method", "x-forwarded-path", "x-replaced-path", "x-script-name",
	"x-host", "x-original-host", "x-http-host-override",
}

// forwarding are such headers too, but proxies in front of Envoy add them to
// every request: with a credential they are taken off.
var forwarding = []string{"forwarded", "x-forwarded-host", "x-forwarded-server", "x-forwarded-prefix"}

// floor refuses, whatever the policy allowed, what no policy can allow.
func (d *Decider) floor(_ context.Context, a *attempt) *refusal {
	if a.bare {
		return nil
	}
	if len(a.change.SetQuery) > 0 || len(a.change.RemoveQuery) > 0 {
		r := refused(access.CausePolicyFailed, "the policy could not answer; tell the operator of this gateway")
		r.reason = "the policy changes the query, which a grant pins; it can do so only without issuers and credentials"
		return r
	}
	for i, p := range a.input.Placeholders {
		if !p.Counts {
			continue
		}
		r := a.unfit(p)
		switch {
		case r == nil:
		case a.foreseen(i): // it may never come
			a.input.Placeholders[i].Counts = false
		default:
			return r.about(p)
		}
	}
	if !a.counting() {
		return nil
	}
	for _, h := range a.request.Headers {
		name := dashed(h.Name)
		if slices.Contains(overriding, name) {
			return refused(access.CauseOverriding, "header "+name+" can change the method, path or host that was judged; leave it out of requests with a credential")
		}
		if slices.Contains(forwarding, name) && !slices.Contains(a.remove, h.Name) {
			a.remove = append(slices.Clip(a.remove), h.Name)
		}
	}
	return nil
}

// unfit says why a placeholder that counts cannot be granted; nil: it can.
func (a *attempt) unfit(p access.Placeholder) *refusal {
	switch {
	case p.Credential == nil || p.Kind != access.Named && p.Kind != access.Ticket:
		return refused(access.CauseUnknownPlaceholder, "this placeholder is not in the inventory; GET /.well-known/cloakroom lists those you may use")
	case !p.Open:
		return refused(access.CauseGroups, "credential "+p.Name+" is for other groups; GET /.well-known/cloakroom lists those you may use")
	case !p.Permitted:
		return refused(access.CauseOperation, "credential "+p.Name+" does not permit this operation with the placeholder at "+p.At.String())
	case a.verdict.Grant != nil && !slices.Contains(a.verdict.Grant, p.Name):
		return refused(access.CausePolicyGrant, "the policy does not grant credential "+p.Name+" to this request")
	case p.Kind == access.Named && a.who.Ticket:
		return refused(access.CauseTicketAlone, "a ticket vouches for its own credential only; send a bearer token too")
	}
	return nil
}
