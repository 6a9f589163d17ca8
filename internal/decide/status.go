package decide

import (
	"context"
	"errors"
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/lease"
)

// LeaseStatus is a lease as its holder is told of it.
type LeaseStatus struct {
	Lease         string           `json:"lease"` // its id
	Credential    string           `json:"credential"`
	State         string           `json:"state"`             // "pending", "active" or "ended"
	Ending        string           `json:"ending,omitempty"`  // "expired", "revoked" or "denied"
	Message       string           `json:"message,omitempty"` // what that means, and what would work
	Scope         string           `json:"scope,omitempty"`   // "operation", "path" or "credential"
	Operation     *lease.Operation `json:"operation,omitempty"`
	Asked         time.Time        `json:"asked,omitzero"`
	Starts        time.Time        `json:"starts,omitzero"`
	Ends          time.Time        `json:"ends,omitzero"` // while pending: when the question lapses
	UsesLeft      *int             `json:"uses_left,omitempty"`
	ExtendSeconds int              `json:"extend_seconds,omitempty"` // how much longer it may be made
	ApprovalURL   string           `json:"approval_url,omitempty"`
}

func (d *Decider) status(l lease.Lease) LeaseStatus {
	s := LeaseStatus{Lease: l.ID, Credential: l.Credential, State: l.State.String(), Ending: l.Ending.String(), Scope: l.Scope.String(),
		Asked: l.Created.UTC().Truncate(time.Second), Starts: l.Starts.UTC().Truncate(time.Second), Ends: l.Ends.UTC().Truncate(time.Second)}
	if l.Operation.Named() {
		s.Operation = &l.Operation
	}
	if l.Terms.Uses > 0 {
		left := l.Terms.Uses - l.Used
		s.UsesLeft = &left
	}
	switch l.State {
	case lease.Pending:
		s.Message = "people have been asked; the ticket works once they approve. Ask for its state again in a while"
		s.ApprovalURL = d.approvalURL(l.ID)
	case lease.Active:
		s.ExtendSeconds = int((l.Terms.Extend - l.Extended) / time.Second)
	case lease.Ended:
		s.Message = ended(l.Credential, l).Message
	}
	return s
}

// LeaseStatus tells the state of a lease of who's own; while it is pending it
// waits up to wait for news.
func (d *Decider) LeaseStatus(ctx context.Context, who access.Principal, id string, wait time.Duration) (LeaseStatus, *access.Refusal) {
	l, r := d.ownLease(ctx, who, id)
	if r != nil {
		return LeaseStatus{}, r
	}
	if l.State == lease.Pending {
		l = d.await(ctx, l, wait)
	}
	return d.status(l), nil
}

// ExtendLease makes an active lease of who's own end later, as far as its tier
// lets it.
func (d *Decider) ExtendLease(ctx context.Context, who access.Principal, id string, by time.Duration) (LeaseStatus, *access.Refusal) {
	l, r := d.ownLease(ctx, who, id)
	if r != nil {
		return LeaseStatus{}, r
	}
	was := l
	l, err := d.Leases.Extend(ctx, id, by, d.Now())
	switch {
	case errors.Is(err, lease.ErrExtend):
		left := (was.Terms.Extend - was.Extended).Truncate(time.Second)
		r := no(access.NotGranted, "this lease can be extended by "+left.String()+" at most; when it ends, ask for a new one")
		d.countRequest(r.Code)
		return LeaseStatus{}, r
	case errors.Is(err, lease.ErrConflict):
		r := no(access.ApprovalPending, "people have not approved this lease yet, so there is nothing to extend")
		d.countRequest(r.Code)
		return LeaseStatus{}, r
	case err != nil:
		return LeaseStatus{}, d.declined(was.Credential, l, err, d.Now())
	}
	return d.status(l), nil
}

// EndLease hands a lease of who's own back.
func (d *Decider) EndLease(ctx context.Context, who access.Principal, id string) (LeaseStatus, *access.Refusal) {
	l, r := d.ownLease(ctx, who, id)
	if r != nil {
		return LeaseStatus{}, r
	}
	was := l
	l, err := d.Leases.Revoke(ctx, id, who.ID(), d.Now())
	if err != nil && !errors.Is(err, lease.ErrEnded) {
		return LeaseStatus{}, d.unavailable("ending lease "+was.ID, err)
	}
	return d.status(l), nil
}

// ownLease finds a lease of who's. Another's looks like none.
func (d *Decider) ownLease(ctx context.Context, who access.Principal, id string) (lease.Lease, *access.Refusal) {
	if !who.Known() || who.Ticket {
		return lease.Lease{}, no(access.Unauthenticated, "send a bearer token of a trusted issuer; a ticket cannot manage leases")
	}
	l, err := d.Leases.ByID(ctx, id, d.Now())
	switch {
	case errors.Is(err, lease.ErrUnknown), err == nil && l.Principal != who.ID():
		d.countRequest(access.NotGranted)
		return lease.Lease{}, no(access.NotGranted, "you have no such lease")
	case err != nil:
		return lease.Lease{}, d.unavailable("finding a lease", err)
	}
	return l, nil
}
