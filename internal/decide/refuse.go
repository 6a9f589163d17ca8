package decide

import (
	"context"
	"net"
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/inventory"
)

// recordTime is how long a refusal may wait for the disk.
const recordTime = 5 * time.Second

// refuse records a refusal and answers with it, whether or not the caller still
// listens: who hangs up is in the log all the same. Callers without an identity
// are only counted: else anybody could fill the disk.
func (d *Decider) refuse(ctx context.Context, a *attempt, r *refusal) access.Decision {
	if r.reason == "" {
		r.reason = r.Message
	}
	out := access.Decision{Outcome: r.outcome, Reason: r.reason, Cause: r.cause, Exchange: a.id, Revision: a.revision(d), Change: r.change}
	if out.Outcome == access.Allow {
		out.Outcome = access.Deny
	}
	a.uses = nil // nothing is used
	if a.sessionID == "" {
		a.sessionID = a.named()
	}
	a.verdict.Revision = out.Revision
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTime)
	defer cancel()
	if r.counted {
		d.Log.CountRefusal(r.Code, host(a.request.Source))
	} else if err := d.Log.Append(ctx, a.entry(out.Outcome, r.Code, r.cause, r.reason)); err != nil {
		d.Logger.Error("a refusal could not be recorded", "error", err, "exchange", a.id, "code", string(r.Code))
	} else {
		r.Record = a.id
	}
	out.Refusal = &r.Refusal
	if r.Record != "" {
		d.Recorder.Refused(a.refused(out))
	}
	return out
}

// refused is what is recorded of a request that was refused.
func (a *attempt) refused(out access.Decision) access.Refused {
	r := access.Refused{Request: a.request, Principal: a.who.ID(), Target: a.input.Target, Decision: out, Credentials: a.suspects}
	if a.who.Ticket { // one that lets nobody in any more, in whose hands ever, is not to stop its holder
		r.Principal = "ticket of " + r.Principal
	}
	for i, f := range a.found {
		if !f.Counts {
			continue
		}
		r.Credentials = append(r.Credentials, f.Name)
		if l := a.leases[i]; !f.Named && l.ID != "" {
			if r.Tickets == nil {
				r.Tickets = make(map[string]string)
			}
			r.Tickets[f.Text] = l.ID
		}
	}
	return r
}

// suspect notes which credentials may stand in a request, until that is known: those
// that were found, and all that could be in its body. A rule that keeps less of what
// is about them holds for a request that is refused before it is understood.
func (a *attempt) suspect(t access.Target, found []inventory.Found) {
	for _, f := range found {
		if f.Counts {
			a.suspects = append(a.suspects, f.Name)
		}
	}
	if !access.ShowsBody(a.request.Route) {
		return
	}
	for _, u := range a.set.BodyUses(t) {
		a.suspects = append(a.suspects, u.Credential.Name)
	}
}

// named is the session that the request names, or its token: a refusal before
// the session's stage belongs to it too.
func (a *attempt) named() string {
	if sent := a.request.Header(sessionHeader); len(sent) == 1 && sessionName(sent[0]) {
		return sent[0]
	}
	return a.who.Session
}

func (a *attempt) revision(d *Decider) string {
	if a.verdict.Revision != "" {
		return a.verdict.Revision
	}
	return d.Policy.Revision()
}

func host(source string) string {
	h, _, err := net.SplitHostPort(source)
	if err != nil {
		return source
	}
	return h
}
