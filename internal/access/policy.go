package access

import (
	"errors"
	"time"
)

// ErrAsks is the error of a policy that would ask a server, where it must not.
var ErrAsks = errors.New("the policy asks a server")

// PlaceholderKind is what a placeholder-looking text turned out to be. The zero
// value is a text that no inventory and no lease knows.
type PlaceholderKind uint8

// The kinds of a text that looks like a placeholder.
const (
	Unknown PlaceholderKind = iota // forged, or of an inventory that is gone
	Named                          // the named placeholder of a credential
	Ticket                         // a ticket whose lease is live and the caller's own
	Ended                          // a ticket whose lease has ended
)

var placeholderKinds = [...]string{"unknown", "named", "ticket", "ended"}

func (k PlaceholderKind) String() string {
	if int(k) < len(placeholderKinds) {
		return placeholderKinds[k]
	}
	return placeholderKinds[Unknown]
}

// RuleFacts is one rule of a credential in the words of the configuration.
type RuleFacts struct {
	Hosts, Methods, Paths, In []string
}

// CredentialFacts is what policy may know about one credential of the
// inventory. It is made once per inventory and shared by requests: immutable.
type CredentialFacts struct {
	Name        string
	Description string
	Placeholder string // its named placeholder, with a configured prefix
	Tier        string
	Lease       time.Duration
	Approval    bool // its tier asks for an approval
	Groups      []Group
	Rules       []RuleFacts
}

// Placeholder is what policy may know about one placeholder of a request.
type Placeholder struct {
	// Text is what may be shown: a named placeholder as it stands, else
	// "ckr_NAME_[ticket]" or "ckr_NAME_[unknown]". It is never a ticket.
	Text string
	Name string // the credential that the text names, which need not exist
	Kind PlaceholderKind
	At   Location
	// Counts tells that something would be substituted here, or that the place
	// is a credential header: where a placeholder must be granted.
	Counts bool
	// Credential is nil unless Name is in the inventory.
	Credential *CredentialFacts
	Open       bool   // one of the credential's groups is the principal's
	Permitted  bool   // one of its rules permits this operation, in every reading, with a placeholder At
	Lease      string // of a Ticket: its lease's id
}

// Operation is a credential that permits what a request wants to do.
type Operation struct {
	Credential *CredentialFacts
	Open       bool // one of the credential's groups is the principal's
}

// Input is what policy decides on. It holds no value, and what policy sees of
// it holds no identity token and no ticket: Remove and Hide take them out.
type Input struct {
	Request      *Request
	Target       Target
	TargetKnown  bool // the route and its path belong to an upstream
	Principal    Principal
	Session      string
	Placeholders []Placeholder
	// Operations is filled where no placeholder counts: credentials whose rules
	// permit the operation, one that is open to the principal first, if any is.
	Operations []Operation
	Strict     bool // placeholders outside every location are refused
	// Bare tells that there are neither issuers nor credentials: policy alone
	// decides, and nobody is asked who they are.
	Bare bool
	// Remove names the request headers (lower-case) that policy must not see.
	Remove []string
	// Hide takes tickets out of a text; nil leaves texts as they are.
	Hide func(string) string
	// Attributes gives the transport's own view of the request as JSON-like
	// values (map[string]any, []any, string, float64, bool, nil), called only by
	// a policy that looks at it; nil: the policy's input is built from Request.
	Attributes func() any
}

// Verdict is policy's answer. The zero value denies.
type Verdict struct {
	Outcome     Outcome
	Code        Code   // of a refusal; empty: Denied
	Reason      string // for the caller: what is wrong and what would work
	Placeholder string // the Text of the placeholder in question, if there is one
	Credential  string // the name of the credential in question, if there is one
	// Grant names the credentials that may be used; nil: all asked for.
	Grant    []string
	Change   Change
	Revision string // of the policy that answered
}
