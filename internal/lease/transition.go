package lease

import (
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"cloakroom/internal/access"
)

// Ask is what a lease is asked with.
type Ask struct {
	Principal  access.Principal
	Credential string
	Session    string
	Reason     string
	Ticket     [32]byte      // hash of the ticket's text; zero: no ticket
	Length     time.Duration // of the lease, once it is active
}

// Open opens a lease that needs no approval: it is active from now on.
func Open(a Ask, now time.Time) (Lease, error) {
	l, err := a.lease(now)
	if err != nil {
		return Lease{}, err
	}
	return l.activate(now), nil
}

// Propose opens a lease that waits for approval, for wait at the longest.
func Propose(a Ask, wait time.Duration, now time.Time) (Lease, error) {
	l, err := a.lease(now)
	if err != nil {
		return Lease{}, err
	}
	if wait <= 0 {
		return Lease{}, fmt.Errorf("proposing a lease over %q: no time to answer", a.Credential)
	}
	l.State, l.Ends = Pending, now.Add(wait)
	return l, nil
}

func (a Ask) lease(now time.Time) (Lease, error) {
	switch {
	case !a.Principal.Known():
		return Lease{}, fmt.Errorf("opening a lease over %q: the principal is not known", a.Credential)
	case a.Credential == "":
		return Lease{}, fmt.Errorf("opening a lease for %q: no credential", a.Principal.ID())
	case a.Length <= 0:
		return Lease{}, fmt.Errorf("opening a lease over %q: its length is %s", a.Credential, a.Length)
	}
	return Lease{
		ID:        strings.ToLower(rand.Text()),
		Principal: a.Principal.ID(), Issuer: a.Principal.Issuer, Subject: a.Principal.Subject,
		Groups: a.Principal.Groups, Credential: a.Credential, Session: a.Session,
		Reason: a.Reason, Ticket: a.Ticket, Length: a.Length, Created: now,
	}, nil
}

func (l Lease) activate(now time.Time) Lease {
	l.State, l.Starts, l.Ends = Active, now, now.Add(l.Length)
	return l
}

// Approve makes a pending lease active; its time counts from now.
func (l Lease) Approve(now time.Time) (Lease, error) {
	if l = l.At(now); l.State != Pending {
		return l, l.refuse("approving")
	}
	return l.activate(now), nil
}

// Deny ends a pending lease.
func (l Lease) Deny(now time.Time) (Lease, error) {
	if l = l.At(now); l.State != Pending {
		return l, l.refuse("denying")
	}
	return l.end(Denied, now), nil
}

// Revoke ends a pending or active lease.
func (l Lease) Revoke(now time.Time) (Lease, error) {
	if l = l.At(now); l.State != Pending && l.State != Active {
		return l, l.refuse("revoking")
	}
	return l.end(Revoked, now), nil
}

// At is the lease as it stands at now: expired once its time is over.
func (l Lease) At(now time.Time) Lease {
	if (l.State == Pending || l.State == Active) && !now.Before(l.Ends) {
		return l.end(Expired, l.Ends)
	}
	return l
}

// Live tells whether the lease is active at now.
func (l Lease) Live(now time.Time) bool { return l.At(now).State == Active }

func (l Lease) end(why Ending, when time.Time) Lease {
	l.State, l.Ending, l.Ended = Ended, why, when
	return l
}

// refuse is the error of a transition that the lease's state does not allow.
func (l Lease) refuse(doing string) error {
	if l.State == Ended {
		return fmt.Errorf("%s lease %q: %w (%s)", doing, l.ID, ErrEnded, l.Ending)
	}
	return fmt.Errorf("%s lease %q: it is %s: %w", doing, l.ID, l.State, ErrConflict)
}

// ticketless tells whether no ticket belongs to the lease.
func (l Lease) ticketless() bool { return l.Ticket == [32]byte{} }
