package lease

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Errors of an answer, to be told apart with errors.Is.
var (
	// ErrSelf means that the answer is the requester's own, or that of the human
	// behind it.
	ErrSelf = errors.New("nobody answers their own question")
	// ErrTwice means that this person has answered.
	ErrTwice = errors.New("this person has answered already")
	// ErrScope means that the scope is not one of Operation.Scopes.
	ErrScope = errors.New("the operation has no such scope")
)

// Answer is one person's answer to a pending lease.
type Answer struct {
	Person    string    `json:"person"`         // access.Principal.Person
	Principal string    `json:"principal"`      // access.Principal.ID
	Name      string    `json:"name,omitempty"` // as the issuer tells it, to be shown
	Approve   bool      `json:"approve"`
	Scope     Scope     `json:"scope,omitempty"`  // of an approval
	Reason    string    `json:"reason,omitempty"` // for the agent, of a denial
	Via       string    `json:"via"`              // "page", "cli", "api" or "slack"
	Seen      Digest    `json:"seen"`             // of what the person was shown
	Time      time.Time `json:"time"`
}

// Answer adds a person's answer. A denial ends the lease; the last approval
// that it needs makes it active, and its time counts from now, for the narrowest
// scope that an approver gave.
func (l Lease) Answer(a Answer, now time.Time) (Lease, error) {
	if l = l.At(now); l.State != Pending {
		return l, l.refuse("answering")
	}
	switch {
	case a.Person == "" || a.Principal == "":
		return l, fmt.Errorf("answering lease %q: nobody says who answers", l.ID)
	case a.Person == l.Person || a.Principal == l.Principal:
		return l, fmt.Errorf("answering lease %q: %w", l.ID, ErrSelf)
	case slices.ContainsFunc(l.Answers, func(was Answer) bool { return was.Person == a.Person || was.Principal == a.Principal }):
		return l, fmt.Errorf("answering lease %q: %w", l.ID, ErrTwice)
	case a.Approve && !slices.Contains(l.Operation.Scopes(), a.Scope):
		return l, fmt.Errorf("answering lease %q: %w", l.ID, ErrScope)
	}
	a.Time = now
	if !a.Approve {
		a.Scope = 0
	}
	l.Answers = append(slices.Clip(l.Answers), a)
	if !a.Approve {
		return l.end(Denied, now), nil
	}
	if len(l.Answers) < l.Terms.Needs {
		return l, nil
	}
	l.Scope = ScopeCredential
	for _, each := range l.Answers {
		l.Scope = min(l.Scope, each.Scope)
	}
	return l.activate(now), nil
}
