package notify

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"strings"
	"time"
)

// Type says what happened.
type Type string

// The types of an event.
const (
	Asked    Type = "approval.asked"    // somebody is to answer
	Answered Type = "approval.answered" // one person did; others may still have to
	Lapsed   Type = "approval.lapsed"   // nobody did in time
	Revoked  Type = "lease.revoked"
	Stolen   Type = "ticket.stolen" // somebody who does not hold the lease showed its ticket
)

// Types are all types of an event.
var Types = []Type{Asked, Answered, Lapsed, Revoked, Stolen}

// Event is something that people should hear of. Its texts may be anybody's
// words: they are masked, cleaned and cut when the event is sent. There is no
// field for a value, a token or a ticket.
type Event struct {
	Type       Type
	Time       time.Time // when it happened
	Lease      string    // the lease's id, which is the question's while it is pending
	Bar        string    // the bar's id, of a revocation of many leases at once
	Credential string
	Tier       string
	Principal  string // access.Principal.ID of who asked; of Stolen: of the holder
	Person     string // on whose behalf
	Reason     string // the agent's words: untrusted
	Method     string // of the operation; empty with Host and Path: none is named
	Host       string
	Path       string // with its query
	Body       string // SHA-256 of the operation's body in hex; empty: it has none, or Unseen
	Unseen     bool   // the operation may have a body that nobody saw whole
	Session    string
	URL        string    // the page where to answer, or to see more
	Expires    time.Time // of Asked: when the question lapses; it is not sent later
	Terms      Terms     // of Asked: what the lease would be
	Answer     string    // of Answered: "approved" or "denied"
	Scope      string    // of an approval: "operation", "path" or "credential"
	By         string    // the person who answered or revoked; of Stolen: the principal who showed the ticket
	Note       string    // what By said about it

	// Seen is the hash of the question as the desk shows it, in hex; an answer
	// by a button brings it back.
	Seen string
	// Buttons tells that the desk takes an answer to this question from a chat's
	// button. Without it a message leads to URL.
	Buttons bool
}

// Terms are what people must know of a lease before they let it begin.
type Terms struct {
	Seconds int  `json:"seconds"`          // from the last approval
	Extend  int  `json:"extend,omitempty"` // seconds that it may be extended by
	Uses    int  `json:"uses,omitempty"`   // 0: no limit
	Needs   int  `json:"needs"`            // distinct people
	Reuse   bool `json:"reuse,omitempty"`  // good in other sessions
	Ticket  bool `json:"ticket,omitempty"` // whoever holds its text can use it
}

// id names the event in the header webhook-id. It is the same for the same
// event whoever sends it, so that a receiver can tell a repetition, and holds
// no ".".
func (e Event) id() string {
	h := sha256.New()
	for _, s := range []string{"event 1", string(e.Type), e.Lease, e.Bar, e.Credential, e.Principal, e.By, e.Answer} {
		h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(s))))
		h.Write([]byte(s))
	}
	return "evt_" + strings.ToLower(base32.StdEncoding.EncodeToString(h.Sum(nil)[:15]))
}

// shown is an event as it leaves: its JSON is the form "json".
type shown struct {
	Version int       `json:"version"` // 1
	ID      string    `json:"id"`
	Type    Type      `json:"type"`
	Time    time.Time `json:"timestamp"`
	Data    facts     `json:"data"`

	value string // of the buttons that answer; empty: none may
}

type facts struct {
	Lease      string    `json:"lease,omitempty"`
	Bar        string    `json:"bar,omitempty"`
	Credential string    `json:"credential,omitempty"`
	Tier       string    `json:"tier,omitempty"`
	Principal  string    `json:"principal,omitempty"`
	Person     string    `json:"person,omitempty"`
	Reason     string    `json:"reason,omitempty"`
	Method     string    `json:"method,omitempty"`
	Host       string    `json:"host,omitempty"`
	Path       string    `json:"path,omitempty"`
	Body       string    `json:"body_sha256,omitempty"`
	Unseen     bool      `json:"body_unseen,omitempty"`
	Session    string    `json:"session,omitempty"`
	URL        string    `json:"url,omitempty"`
	Expires    time.Time `json:"expires,omitzero"`
	Terms      Terms     `json:"terms,omitzero"`
	Answer     string    `json:"answer,omitempty"`
	Scope      string    `json:"scope,omitempty"`
	By         string    `json:"by,omitempty"`
	Note       string    `json:"note,omitempty"`
	Altered    bool      `json:"altered,omitempty"` // a text above is not as it was written: cleaned or cut
}

// Most characters of a text; Slack's blocks have room for them.
const (
	maxWords = 1000 // a reason, a note, a path
	maxName  = 300
	maxURL   = 2000
)

// show makes what leaves of an event. Its buttons are there only if the very
// operation can be approved and stands there as it is, whole, beside the terms.
func (e Event) show(masker Masker) shown {
	c := cleaner{masker: masker}
	s := shown{Version: 1, ID: e.id(), Type: e.Type, Time: e.Time.UTC().Truncate(time.Millisecond), Data: facts{
		Lease:      c.clean(e.Lease, maxName),
		Bar:        c.clean(e.Bar, maxName),
		Credential: c.clean(e.Credential, maxName),
		Tier:       c.clean(e.Tier, maxName),
		Principal:  c.clean(e.Principal, maxName),
		Person:     c.clean(e.Person, maxName),
		Reason:     c.clean(e.Reason, maxWords),
		Method:     c.clean(e.Method, maxName),
		Host:       c.clean(e.Host, maxName),
		Path:       c.clean(e.Path, maxWords),
		Body:       c.clean(e.Body, maxName),
		Unseen:     e.Unseen,
		Session:    c.clean(e.Session, maxName),
		URL:        c.clean(e.URL, maxURL),
		Answer:     c.clean(e.Answer, maxName),
		Scope:      c.clean(e.Scope, maxName),
		By:         c.clean(e.By, maxName),
		Note:       c.clean(e.Note, maxWords),
	}}
	if !e.Expires.IsZero() {
		s.Data.Expires = e.Expires.UTC().Truncate(time.Second)
	}
	if e.Type == Asked {
		s.Data.Terms = e.Terms
	}
	s.Data.Altered = c.altered
	named := e.Method != "" && e.Host != "" && e.Path != "" && !e.Unseen
	if value, ok := buttonValue(e.Lease, e.Seen); ok && e.Buttons && e.Type == Asked && named && e.Terms.Seconds > 0 && !c.altered {
		s.value = value
	}
	return s
}

// encode is the event in the form "json".
func (s shown) encode() ([]byte, error) { return json.Marshal(s) }
