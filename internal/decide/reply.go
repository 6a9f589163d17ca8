package decide

import (
	"errors"
	"strings"
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/lease"
)

// askAgain is when an agent that waits for people may ask again.
const askAgain = 10 * time.Second

// without says why there is no lease over the credential to go on with: what
// opening or finding one gave, at now. With neither an error nor a state that
// tells, the lease has ended.
func (d *Decider) without(name string, l lease.Lease, err error, now time.Time) *refusal {
	var barred *lease.Barred
	var cooling *lease.CoolingDown
	switch {
	case errors.Is(err, lease.ErrPending):
		return d.pending(name, l, now)
	case errors.As(err, &cooling):
		return denied(name, cooling.Denied, cooling.Until, now)
	case l.Ending == lease.Denied:
		return denied(name, l, time.Time{}, now)
	case errors.As(err, &barred):
		return stopped(name, barred.Bar, now)
	case errors.Is(err, lease.ErrTooMany):
		r := refused(access.CauseManyLeases, "as many leases over credential "+name+", or questions about them, are open as you may have at once; let one end first (a question that you took back counts until it would have lapsed)")
		r.RetryAfter = askAgain
		return r
	case err == nil, errors.Is(err, lease.ErrEnded):
		return ended(name, l)
	}
	r := refused(access.CauseLeases, "no lease over credential "+name+" could be opened; try again")
	r.reason = "opening a lease: " + err.Error()
	r.RetryAfter = time.Second
	return r
}

// pending says that people are asked. It is the same however often it is said.
func (d *Decider) pending(name string, l lease.Lease, now time.Time) *refusal {
	r := refused(access.CauseApprovalPending, "people must approve the use of credential "+name+", and have been asked. "+
		"Send the very same request again later; do not change it, and do not look for another way. The question stands until "+l.Ends.UTC().Format(time.RFC3339))
	r.outcome = access.NeedsApproval
	r.Approval, r.ApprovalURL = l.ID, d.approvalURL(l.ID)
	r.RetryAfter = max(time.Second, min(askAgain, l.Ends.Sub(now)))
	return r
}

func (d *Decider) approvalURL(id string) string {
	if d.AdminURL == "" {
		return ""
	}
	return strings.TrimSuffix(d.AdminURL, "/") + "/approvals/" + id
}

// denied says what an approver said.
func denied(name string, l lease.Lease, until, now time.Time) *refusal {
	text := "a person denied the use of credential " + name
	if a, ok := l.Denial(); ok && a.Reason != "" {
		text += ", with these words: " + a.Reason
	}
	text += ". Do not ask for the same again"
	r := refused(access.CauseApprovalDenied, text)
	if until.After(now) {
		r.Message += " before " + until.UTC().Format(time.RFC3339)
		r.RetryAfter = until.Sub(now)
	}
	r.Approval = l.ID
	return r
}

// unverified says that people cannot be asked for who may be one of them.
func unverified(name string) *refusal {
	return refused(access.CauseUnverified, "people must approve the use of credential "+name+", and cannot be asked for you: "+
		"your identity token has an e-mail address that its issuer has not verified, so that nobody knows on whose behalf you ask")
}

// stopped says that an operator stopped it.
func stopped(name string, b lease.Bar, now time.Time) *refusal {
	r := refused(access.CauseBarred, "an operator has stopped the use of credential "+name+"; nothing that you can do lets it go on")
	if b.Reason != "" {
		r.Message += ". They say: " + b.Reason
	}
	if b.Until.After(now) {
		r.RetryAfter = b.Until.Sub(now)
	}
	return r
}

// ended says how a lease ended.
func ended(name string, l lease.Lease) *refusal {
	switch l.Ending {
	case lease.Denied:
		return denied(name, l, time.Time{}, time.Time{})
	case lease.Revoked:
		r := refused(access.CauseLeaseRevoked, "the lease over credential "+name+" was revoked; ask for a new one only if your task still needs it")
		r.reason = "lease " + l.ID + " was revoked"
		return r
	}
	return refused(access.CauseLeaseEnded, "the lease over credential "+name+" has ended; ask for a new one")
}

// spent says that a lease has no use left.
func spent(name string) *refusal {
	return refused(access.CauseLeaseSpent, "the lease over credential "+name+" has no use left; ask for a new one")
}

// spentUntil says the same where the next lease opens by itself, once this one has
// ended.
func (a *attempt) spentUntil(name string, ends time.Time) *refusal {
	r := refused(access.CauseLeaseSpent, "the lease over credential "+name+" has no use left; the next one opens when it has ended: send the same request again at "+ends.UTC().Format(time.RFC3339))
	r.RetryAfter = max(time.Second, ends.Sub(a.now))
	return r
}
