package lease

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// Digest is a SHA-256 hash; as text it is in hex. The zero value stands for no
// hash, and its text is empty.
type Digest [32]byte

func (d Digest) String() string {
	if d == (Digest{}) {
		return ""
	}
	return hex.EncodeToString(d[:])
}

// MarshalText implements encoding.TextMarshaler.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Digest) UnmarshalText(text []byte) error {
	*d = Digest{}
	if len(text) == 0 {
		return nil
	}
	if n, err := hex.Decode(d[:], text[:min(len(text), 2*len(d))]); err != nil || n != len(d) || len(text) != 2*len(d) {
		return fmt.Errorf("reading a hash: want %d hex digits", 2*len(d))
	}
	return nil
}

// Operation is what one request does. The zero value: none is named.
type Operation struct {
	Method string `json:"method,omitempty"`
	Host   string `json:"host,omitempty"`   // the upstream's
	Path   string `json:"path,omitempty"`   // as the backend sees it, with its query
	Body   Digest `json:"body"`             // of the body as the agent sends it; zero: it has none, or Unseen
	Unseen bool   `json:"unseen,omitempty"` // it has a body, or may have one, and nobody saw the whole of it
}

// Named tells whether o names an operation.
func (o Operation) Named() bool { return o.Method != "" }

// Scope is what an approved lease is good for. The zero value is nothing. A
// smaller one is narrower.
type Scope uint8

// The scopes.
const (
	_               Scope = iota
	ScopeOperation        // the very operation that was shown, its query and its body included
	ScopePath             // its method, host and path, with any query and any body
	ScopeCredential       // whatever the credential's rules permit
)

var scopes = [...]string{"", "operation", "path", "credential"}

func (s Scope) String() string {
	if int(s) < len(scopes) {
		return scopes[s]
	}
	return ""
}

// ParseScope is the inverse of String.
func ParseScope(text string) (Scope, error) {
	if i := slices.Index(scopes[:], text); i > 0 {
		return Scope(i), nil
	}
	return 0, fmt.Errorf("scope %q: want operation, path or credential", text)
}

// Scopes are what an approver can choose from for o, the narrowest first.
func (o Operation) Scopes() []Scope {
	switch {
	case !o.Named():
		return []Scope{ScopeCredential}
	case o.Unseen:
		return []Scope{ScopePath, ScopeCredential}
	}
	return []Scope{ScopeOperation, ScopePath, ScopeCredential}
}

// Covers tells whether the lease is good for the operation.
func (l Lease) Covers(o Operation) bool {
	is := l.Operation
	switch l.Scope {
	case ScopeOperation:
		return o.Named() && !o.Unseen && o == is
	case ScopePath:
		path, _, _ := strings.Cut(o.Path, "?")
		allowed, _, _ := strings.Cut(is.Path, "?")
		return o.Named() && o.Method == is.Method && o.Host == is.Host && path == allowed
	case ScopeCredential:
		return true
	}
	return false
}

// question is the same for every attempt of one principal at one operation with
// one credential, with or without a ticket.
func (l Lease) question() Digest {
	ticket := "without"
	if !l.Ticketless() {
		ticket = "with"
	}
	o := l.Operation
	return digest("question 1", l.Principal, l.Credential, ticket, o.Method, o.Host, o.Path, string(o.Body[:]), fmt.Sprint(o.Unseen))
}

// foundBy is the question that a row is found by. Once nobody is to answer it any
// more, that is what must be remembered of its principal, however many leases it
// has opened since.
func (l Lease) foundBy() Digest {
	switch {
	case l.Ending == Denied:
		return denials(l.Principal, l.Credential)
	case l.takenBack():
		return takenBack(l.Principal)
	}
	return l.question()
}

// takenBack tells whether the lease is a question that its own principal ended
// before anybody answered.
func (l Lease) takenBack() bool {
	return l.Ending == Revoked && l.Starts.IsZero() && l.EndedBy == l.Principal
}

// denials is what the denied leases of a principal over a credential are found by,
// takenBack what the questions are that it has taken back.
func denials(principal, credential string) Digest { return digest("denied 1", principal, credential) }
func takenBack(principal string) Digest           { return digest("taken back 1", principal) }

func digest(texts ...string) Digest {
	h := sha256.New()
	for _, s := range texts {
		h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(s))))
		h.Write([]byte(s))
	}
	return Digest(h.Sum(nil))
}
