// Package approval is the desk at which people answer: what is asked of whom,
// who may answer, and with what proof.
//
// It promises that an answer counts only from a person who logged in for it
// (Answer.LoggedIn), through an issuer of humans, in a group that the
// credential's tier names, who is neither the requester nor the human behind
// it, and who was shown the very question; and that the answer is in the log,
// with what was shown, before it has an effect. Who may see and revoke follows
// from the groups under admin. It speaks no protocol and shows nothing: package
// console does.
package approval

import (
	"time"

	"cloakroom/internal/lease"
)

// Question is a pending lease as it is shown to those who answer. Its texts are
// clean: no control, format or bidirectional characters.
type Question struct {
	ID          string          `json:"id"` // the lease's
	Credential  string          `json:"credential"`
	Description string          `json:"description,omitempty"`
	Tier        string          `json:"tier"`
	Principal   string          `json:"principal"` // who asks: issuer, "#", subject
	Issuer      string          `json:"issuer"`
	Subject     string          `json:"subject"`
	Person      string          `json:"person,omitempty"` // on whose behalf
	Groups      []string        `json:"groups"`
	Session     string          `json:"session,omitempty"`
	Reason      string          `json:"reason,omitempty"` // the agent's words: untrusted
	Ticket      bool            `json:"ticket"`           // it asks for a ticket
	Operation   lease.Operation `json:"operation"`
	Rules       []Rule          `json:"rules"`            // what scope "credential" would permit
	Scopes      []string        `json:"scopes"`           // to choose from, the narrowest first
	Seconds     int             `json:"seconds"`          // how long the lease would be
	Uses        int             `json:"uses,omitempty"`   // 0: no limit
	Reuse       bool            `json:"reuse,omitempty"`  // good in other sessions
	Extend      int             `json:"extend,omitempty"` // seconds that it may be extended by
	Needs       int             `json:"needs"`            // distinct people
	Asked       time.Time       `json:"asked"`
	Expires     time.Time       `json:"expires"` // the question lapses
	Seen        string          `json:"seen"`    // hash of all above; an answer brings it back

	Given    []Given `json:"given"`              // approvals so far
	Before   History `json:"before"`             // this principal with this credential
	Obstacle string  `json:"obstacle,omitempty"` // why the viewer may not answer; empty: they may
}

// Rule is one rule of a credential in the configuration's words.
type Rule struct {
	Hosts   []string `json:"hosts"`
	Methods []string `json:"methods"`
	Paths   []string `json:"paths"`
	In      []string `json:"in"`
}

// Given is an approval that was given.
type Given struct {
	Person string    `json:"person"`
	Name   string    `json:"name,omitempty"`
	Scope  string    `json:"scope"`
	Via    string    `json:"via"`
	Time   time.Time `json:"time"`
}

// History counts the latest 100 questions of a principal about a credential.
type History struct {
	Asked    int       `json:"asked"` // this one not counted
	Approved int       `json:"approved"`
	Denied   int       `json:"denied"`
	Last     time.Time `json:"last"` // the latest that was answered; zero: none
}
