package access

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"time"
)

// Outcome is what policy answered. The zero value denies.
type Outcome uint8

// The outcomes of a decision.
const (
	Deny Outcome = iota
	Allow
	NeedsApproval
)

func (o Outcome) String() string {
	switch o {
	case Allow:
		return "allow"
	case NeedsApproval:
		return "needs_approval"
	}
	return "deny"
}

// Code says to the caller, in one word, why a request was refused.
type Code string

// The codes of a refusal, as the agent's JSON carries them.
const (
	Unauthenticated    Code = "unauthenticated"
	Denied             Code = "denied"
	ApprovalPending    Code = "approval_pending"
	ApprovalDenied     Code = "approval_denied"
	LeaseExpired       Code = "lease_expired"
	UnknownPlaceholder Code = "unknown_placeholder"
	NotGranted         Code = "not_granted"
	TooLarge           Code = "too_large"
	Unsupported        Code = "unsupported" // a body in a form that is not read here
	Unavailable        Code = "unavailable"
)

// Status is the HTTP status of a refusal: 401 where an identity would help, 415
// for a body that is not read, 403 for everything else, an unknown code included.
func (c Code) Status() int {
	switch c {
	case Unauthenticated:
		return 401
	case Unsupported:
		return 415
	}
	return 403
}

// Refusal is why an exchange does not go on, in words for the caller. It never
// holds a value, a token or a ticket.
type Refusal struct {
	Code        Code
	Message     string        // a sentence that says what would work
	Placeholder string        // the named placeholder in question, if there is one
	Record      string        // id of the record that tells the rest
	Approval    string        // id of the lease that waits for people; the same however often the attempt is made
	ApprovalURL string        // where they answer
	RetryAfter  time.Duration // when another attempt may fare better; 0: not known, or never
}

// Error makes a Refusal usable as an error.
func (r *Refusal) Error() string { return string(r.Code) + ": " + r.Message }

// RetrySeconds is RetryAfter as the header of that name says it, rounded up.
func (r *Refusal) RetrySeconds() int {
	return int((r.RetryAfter + time.Second - 1) / time.Second)
}

// JSON is the refusal as an agent gets it, one line without HTML escapes:
// {"error":{"code":…,"message":…,"placeholder":…,"record":…,"approval":…,
// "approval_url":…,"retry_after":…}}, empty fields left out, retry_after in seconds.
func (r *Refusal) JSON() []byte {
	type body struct {
		Code        Code   `json:"code"`
		Message     string `json:"message"`
		Placeholder string `json:"placeholder,omitempty"`
		Record      string `json:"record,omitempty"`
		Approval    string `json:"approval,omitempty"`
		ApprovalURL string `json:"approval_url,omitempty"`
		RetryAfter  int    `json:"retry_after,omitempty"`
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	// strings encode always
	_ = e.Encode(struct {
		Error body `json:"error"`
	}{body{r.Code, r.Message, r.Placeholder, r.Record, r.Approval, r.ApprovalURL, r.RetrySeconds()}})
	return b.Bytes()
}

// Answer is the refusal as an agent gets it over HTTP.
func (r *Refusal) Answer() (status int, headers []Header, body []byte) {
	if n := r.RetrySeconds(); n > 0 {
		headers = append(headers, Header{"retry-after", strconv.Itoa(n)})
	}
	return r.Code.Status(), append(headers, Header{"content-type", "application/json"}), r.JSON()
}

// Use is one credential that an exchange may use, and where.
type Use struct {
	Credential string
	Lease      string // the lease's id
	Locations  []Location
}

// Grant is what one exchange may use, by name, until when. It holds no value,
// and is good for the one exchange that it describes: who reads it computes
// the same fields from its own view and refuses a difference.
type Grant struct {
	Nonce     [16]byte // makes the grant good for one exchange only
	Exchange  string   // the exchange's id, in the log
	Principal string   // Principal.ID
	Session   string
	Method    string
	Authority string
	Path      string // as it will be sent upstream, before substitution
	Route     string
	Cluster   string
	Source    string
	Ends      time.Time // for the start of the exchange
	Uses      []Use
}

// Decision is policy's answer to one request.
type Decision struct {
	Outcome  Outcome
	Reason   string // for the log; never a value, a token or a ticket
	Cause    Cause  // of a refusal
	Exchange string // the exchange's id, in the log
	Revision string // of the policy that answered
	Refusal  *Refusal
	Grant    *Grant // only with Allow
	// Change is what the policy's author, or Cloakroom itself, wants done to
	// the messages beside the grant.
	Change Change
}

// Change is what a decision does to an exchange besides letting it go or not:
// the OPA Envoy plugin's result object, decoded.
type Change struct {
	RemoveRequestHeaders []string // lower-case names
	SetRequestHeaders    []Header
	SetResponseHeaders   []Header
	SetQuery             []Header // query parameters
	RemoveQuery          []string
	Metadata             map[string]any // for other filters' dynamic metadata
	Status               int            // of a refusal; 0: the code's own
	Body                 string         // of a refusal; empty: the JSON of the Refusal
	HasBody              bool
}

// Answer is the decision's refusal as an agent gets it over HTTP, with what policy
// wants changed of it. A decision without one is a denial without words.
func (d *Decision) Answer() (status int, headers []Header, body []byte) {
	r := d.Refusal
	if r == nil {
		r = &Refusal{Code: Denied, Message: "the request was refused", Record: d.Exchange}
	}
	status, own, body := r.Answer()
	headers = slices.Clone(d.Change.SetResponseHeaders)
	if d.Change.Status != 0 {
		status = d.Change.Status
	}
	if status == 401 {
		headers = append(headers, Header{"www-authenticate", `Bearer realm="cloakroom"`})
	}
	if d.Change.HasBody {
		own, body = own[:len(own)-1], []byte(d.Change.Body) // of what type it is, policy says
	}
	return status, append(headers, own...), body
}

// Refused is a request that was decided on and let nowhere.
type Refused struct {
	Request     *Request
	Principal   string            // on whose share it is recorded: Principal.ID, or what stands for those who show its tickets
	Target      Target            // zero: unknown
	Credentials []string          // whose placeholders stood where they count
	Tickets     map[string]string // by a ticket's text: its lease
	Decision    Decision
}
