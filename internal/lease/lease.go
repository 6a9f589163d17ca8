// Package lease holds time-bound authority: one principal may use one
// credential until a certain time.
//
// A Lease is a value, and its transitions are pure: they take the time as an
// argument and return the next value. pending → active → ended; an ended lease
// stays ended. The Keeper holds the live ones in memory over a Store, and is
// what the rest asks.
//
// Promised: a lease counts only once the Store has it; it is never live past
// its end, whatever the clock does; a row of the Store counts only with a
// valid MAC. The package does not decide who may have a lease, makes no
// ticket's text, and writes no log: Options.Changed tells of changes.
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

// Lease is time-bound authority of one principal over one credential.
type Lease struct {
	ID         string
	Principal  string // access.Principal.ID
	Issuer     string
	Subject    string
	Groups     []string // of the principal when it asked; not to be changed
	Credential string
	Session    string        // in which it was asked for
	Reason     string        // the asker's words
	Ticket     [32]byte      // hash of the ticket's text; zero: it has none
	Length     time.Duration // from Starts
	Created    time.Time
	Starts     time.Time // zero while pending
	Ends       time.Time // while pending: when the question lapses
	Ended      time.Time // when it ended; zero before
	State      State
	Ending     Ending
}

// Holder is the lease's principal as access knows it, with the lease as its
// session and its end: who shows the ticket is taken for this principal.
func (l Lease) Holder() access.Principal {
	return access.Principal{Issuer: l.Issuer, Subject: l.Subject, Groups: l.Groups,
		Session: l.ID, Ends: l.Ends, Ticket: true}
}
