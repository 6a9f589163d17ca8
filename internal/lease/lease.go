// Package lease holds time-bound authority: one principal may use one
// credential until a certain time.
//
// A Lease is a value, and its transitions are pure: they take the time as an
// argument and return the next value. pending → active → ended; an ended lease
// stays ended. Who answered a pending one is part of it. The Keeper holds the
// live ones in memory over a Store, and is what the rest asks.
//
// Promised: a lease counts only once the Store has it, and only while the Store
// can be asked whether it was revoked; it is never live past its end, whatever
// the clock does; a row of the Store counts only with a valid MAC; nobody
// answers their own question, and nobody twice. The package does not know who
// may approve, makes no ticket's text, and writes no log: Options.Changed tells
// of changes.
package lease

import (
	"time"

	"cloakroom/internal/access"
)

// State is where a lease stands. The zero value is no state, and not live.
type State uint8

// The states of a lease.
const (
	_       State = iota
	Pending       // waits for approval
	Active        // good until Ends
	Ended         // see Ending
)

func (s State) String() string {
	switch s {
	case Pending:
		return "pending"
	case Active:
		return "active"
	case Ended:
		return "ended"
	}
	return "none"
}

// Ending is why a lease ended. The zero value: it has not.
type Ending uint8

// The endings of a lease.
const (
	_       Ending = iota
	Expired        // its time, or the time to answer, is over
	Revoked
	Denied // by an approver
)

func (e Ending) String() string {
	switch e {
	case Expired:
		return "expired"
	case Revoked:
		return "revoked"
	case Denied:
		return "denied"
	}
	return ""
}

// Terms are a lease's limits, as its tier had them when it was asked for.
type Terms struct {
	Length   time.Duration `json:"length"`             // from Starts, nanoseconds
	Extend   time.Duration `json:"extend,omitempty"`   // how much longer it may be made, in all
	Uses     int           `json:"uses,omitempty"`     // exchanges in which a value is substituted; 0: no limit
	Requests int           `json:"requests,omitempty"` // a minute; 0: no limit
	Reuse    bool          `json:"reuse,omitempty"`    // good in every session of its principal
	Bound    bool          `json:"bound,omitempty"`    // its ticket counts only beside its holder's token
	Needs    int           `json:"needs,omitempty"`    // distinct people who must approve; 0: none
}

// Lease is time-bound authority of one principal over one credential.
type Lease struct {
	ID         string        `json:"id"`
	Principal  string        `json:"principal"` // access.Principal.ID
	Issuer     string        `json:"issuer"`
	Subject    string        `json:"subject"`
	Person     string        `json:"person,omitempty"` // access.Principal.Person
	Groups     []string      `json:"groups,omitempty"` // of the principal when it asked; not to be changed
	Credential string        `json:"credential"`
	Session    string        `json:"session,omitempty"` // in which it was asked for
	Reason     string        `json:"reason,omitempty"`  // the asker's words
	Ticket     Digest        `json:"ticket"`            // hash of the ticket's text; zero: it has none
	Operation  Operation     `json:"operation"`         // what it was asked for; zero: none was named
	Scope      Scope         `json:"scope,omitempty"`   // what it is good for; zero while pending
	Terms      Terms         `json:"terms"`
	Created    time.Time     `json:"created"`
	Starts     time.Time     `json:"starts"` // zero while pending
	Ends       time.Time     `json:"ends"`   // while pending: when the question lapses
	Ended      time.Time     `json:"ended"`  // when it ended; zero before
	State      State         `json:"state"`
	Ending     Ending        `json:"ending,omitempty"`
	EndedBy    string        `json:"ended_by,omitempty"` // the ID of who revoked it
	Used       int           `json:"used,omitempty"`     // counted where Terms.Uses is a limit
	Extended   time.Duration `json:"extended,omitempty"` // of Terms.Extend
	Answers    []Answer      `json:"answers,omitempty"`  // in their order; not to be changed
}

// Holder is the lease's principal as access knows it, with the lease as its
// session and its end: who shows the ticket is taken for this principal.
func (l Lease) Holder() access.Principal {
	return access.Principal{Issuer: l.Issuer, Subject: l.Subject, Person: l.Person, Groups: l.Groups,
		Session: l.ID, Ends: l.Ends, Ticket: true}
}

// Ticketless tells whether no ticket belongs to the lease.
func (l Lease) Ticketless() bool { return l.Ticket == Digest{} }

// Spent tells whether the lease has no use left.
func (l Lease) Spent() bool { return l.Terms.Uses > 0 && l.Used >= l.Terms.Uses }

// Denial is the answer that denied the lease; false: none did.
func (l Lease) Denial() (Answer, bool) {
	if l.Ending != Denied || len(l.Answers) == 0 {
		return Answer{}, false
	}
	return l.Answers[len(l.Answers)-1], true
}
