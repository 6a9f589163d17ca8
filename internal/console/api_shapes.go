package console

import (
	"encoding/json"
	"time"

	"cloakroom/internal/lease"
)

// The shapes of the API's answers, as openapi.json describes them.

type apiLease struct {
	ID         string           `json:"id"`
	Credential string           `json:"credential"`
	Principal  string           `json:"principal"`
	Person     string           `json:"person,omitempty"`
	Session    string           `json:"session,omitempty"`
	Reason     string           `json:"reason,omitempty"`
	Ticket     bool             `json:"ticket"`
	Operation  *lease.Operation `json:"operation,omitempty"`
	Scope      string           `json:"scope,omitempty"`
	State      string           `json:"state"`
	Ending     string           `json:"ending,omitempty"`
	EndedBy    string           `json:"ended_by,omitempty"`
	Created    time.Time        `json:"created"`
	Starts     time.Time        `json:"starts,omitzero"`
	Ends       time.Time        `json:"ends"`
	Ended      time.Time        `json:"ended,omitzero"`
	Used       int              `json:"used"`
	Uses       int              `json:"uses,omitempty"` // 0: no limit
	Needs      int              `json:"needs"`
	Answers    []apiAnswer      `json:"answers"`
	Message    string           `json:"message"` // a sentence about where it stands
}

type apiAnswer struct {
	Person  string    `json:"person"`
	Name    string    `json:"name,omitempty"`
	Approve bool      `json:"approve"`
	Scope   string    `json:"scope,omitempty"`
	Reason  string    `json:"reason,omitempty"`
	Via     string    `json:"via"`
	Time    time.Time `json:"time"`
}

type apiBar struct {
	ID         string    `json:"id"`
	Principal  string    `json:"principal,omitempty"`
	Credential string    `json:"credential,omitempty"`
	Since      time.Time `json:"since"`
	Until      time.Time `json:"until,omitzero"`
	By         string    `json:"by,omitempty"`
	Reason     string    `json:"reason,omitempty"`
}

type apiRevoked struct {
	Leases []string `json:"leases"`
	Bar    *apiBar  `json:"bar,omitempty"`
}

type apiSession struct {
	Session   string    `json:"session"`
	Principal string    `json:"principal"`
	First     time.Time `json:"first"`
	Last      time.Time `json:"last"`
	Exchanges int       `json:"exchanges"`
	Refused   int       `json:"refused"`
}

// apiExchange is the log's own entries.
type apiExchange struct {
	Decision json.RawMessage `json:"decision"`
	End      json.RawMessage `json:"end,omitempty"`
}

// leaseOf shows all of a lease but its ticket's hash.
func leaseOf(l lease.Lease) apiLease {
	out := apiLease{ID: l.ID, Credential: l.Credential, Principal: l.Principal, Person: l.Person, Session: l.Session, Reason: plain(l.Reason),
		Ticket: !l.Ticketless(), Scope: l.Scope.String(), State: l.State.String(), Ending: l.Ending.String(), EndedBy: l.EndedBy,
		Created: l.Created.UTC(), Starts: l.Starts.UTC(), Ends: l.Ends.UTC(), Ended: l.Ended.UTC(), Used: l.Used, Uses: l.Terms.Uses,
		Needs: l.Terms.Needs, Answers: []apiAnswer{}, Message: stands(l)}
	if l.Operation.Named() {
		out.Operation = &l.Operation
	}
	for _, a := range l.Answers {
		out.Answers = append(out.Answers, apiAnswer{a.Person, a.Name, a.Approve, a.Scope.String(), a.Reason, a.Via, a.Time.UTC()})
	}
	return out
}

// stands says where a lease stands.
func stands(l lease.Lease) string {
	until := l.Ends.UTC().Format(time.RFC3339)
	switch l.State {
	case lease.Active:
		return "The lease is active until " + until + "."
	case lease.Pending:
		if missing := l.Terms.Needs - len(l.Answers); missing > 1 {
			return "More people must approve before " + until + "."
		}
		return "One more person must approve before " + until + "."
	}
	return "The lease has ended: it is " + l.Ending.String() + "."
}

func barOf(b lease.Bar) apiBar {
	return apiBar{b.ID, b.Principal, b.Credential, b.Since.UTC(), b.Until.UTC(), b.By, b.Reason}
}
