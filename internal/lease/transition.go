package lease

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"cloakroom/internal/access"
)

// Errors of transitions, to be told apart with errors.Is.
var (
	ErrEnded    = errors.New("the lease has ended")
	ErrConflict = errors.New("the lease is in another state")
	// ErrSpent means that the lease has no use left.
	ErrSpent = errors.New("the lease has no use left")
	// ErrExtend means that the lease cannot be made so much longer.
	ErrExtend = errors.New("the lease cannot be extended so far")
)

// Ask is what a lease is asked with.
type Ask struct {
	Principal  access.Principal
	Credential string
	Session    string
	Reason     string
	Ticket     Digest // hash of the ticket's text; zero: no ticket
	Operation  Operation
	Terms      Terms
	Stands     time.Duration // for how long the question stands, where Terms.Needs people
	Cooldown   time.Duration // after a denial, how long the principal may not ask again
	AtOnce     int           // leases that are open, of the principal over the credential; 0: no limit
}

// Open makes the lease that is asked for: active from now on, or pending, where
// people must approve.
func Open(a Ask, now time.Time) (Lease, error) {
	switch {
	case !a.Principal.Known():
		return Lease{}, fmt.Errorf("opening a lease over %q: the principal is not known", a.Credential)
	case a.Credential == "":
		return Lease{}, fmt.Errorf("opening a lease for %q: no credential", a.Principal.ID())
	case a.Terms.Length <= 0:
		return Lease{}, fmt.Errorf("opening a lease over %q: its length is %s", a.Credential, a.Terms.Length)
	case a.Terms.Needs > 0 && a.Stands <= 0:
		return Lease{}, fmt.Errorf("opening a lease over %q: no time to answer", a.Credential)
	}
	l := Lease{
		ID:        strings.ToLower(rand.Text()),
		Principal: a.Principal.ID(), Issuer: a.Principal.Issuer, Subject: a.Principal.Subject, Person: a.Principal.Person,
		Groups: a.Principal.Groups, Credential: a.Credential, Session: a.Session,
		Reason: a.Reason, Ticket: a.Ticket, Operation: a.Operation, Terms: a.Terms, Created: now,
	}
	if a.Terms.Needs > 0 {
		l.State, l.Ends = Pending, now.Add(a.Stands)
		return l, nil
	}
	l.Scope = ScopeCredential
	return l.activate(now), nil
}

func (l Lease) activate(now time.Time) Lease {
	l.State, l.Starts, l.Ends = Active, now, now.Add(l.Terms.Length)
	return l
}

// Revoke ends a pending or active lease; by is the ID of who does it.
func (l Lease) Revoke(by string, now time.Time) (Lease, error) {
	if l = l.At(now); l.State != Pending && l.State != Active {
		return l, l.refuse("revoking")
	}
	l.EndedBy = by
	return l.end(Revoked, now), nil
}

// Spend counts a use.
func (l Lease) Spend(now time.Time) (Lease, error) {
	if l = l.At(now); l.State != Active {
		return l, l.refuse("using")
	}
	if l.Spent() {
		return l, fmt.Errorf("using lease %q: %w (%d)", l.ID, ErrSpent, l.Terms.Uses)
	}
	l.Used++
	return l, nil
}

// Extend makes an active lease end later, as far as its terms let it.
func (l Lease) Extend(by time.Duration, now time.Time) (Lease, error) {
	if l = l.At(now); l.State != Active {
		return l, l.refuse("extending")
	}
	if by <= 0 || by > l.Terms.Extend-l.Extended {
		return l, fmt.Errorf("extending lease %q: %w (%s are left)", l.ID, ErrExtend, l.Terms.Extend-l.Extended)
	}
	l.Extended += by
	l.Ends = l.Ends.Add(by)
	return l, nil
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
