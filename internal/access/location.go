package access

import (
	"fmt"
	"slices"
	"strings"
)

// LocationKind is a kind of place in a request. The zero value is no place.
type LocationKind uint8

// The places in a request where a placeholder may count.
const (
	_             LocationKind = iota
	InHeader                   // "header:NAME"
	InCookie                   // "cookie:NAME"
	InQuery                    // "query:NAME"
	InPath                     // "path"
	InCredentials              // "header": any of CredentialHeaders
)

// CredentialHeaders are the headers in which clients usually send a key. The
// location "header" means any of them.
var CredentialHeaders = []string{
	"authorization", "x-api-key", "api-key", "apikey", "x-auth-token",
	"x-goog-api-key", "x-access-token", "private-token", "x-vault-token",
}

// Location is a place in a request where a placeholder may count.
type Location struct {
	Kind LocationKind
	Name string // header: lower-case; cookie and query: as written; path: empty
}

// ParseLocation reads the text form: "header", "header:NAME", "cookie:NAME",
// "query:NAME" or "path".
func ParseLocation(s string) (Location, error) {
	kind, name, named := strings.Cut(s, ":")
	switch {
	case s == "header":
		return Location{Kind: InCredentials}, nil
	case s == "path":
		return Location{Kind: InPath}, nil
	case !named || name == "":
	case kind == "header":
		return parseHeaderLocation(name)
	case kind == "cookie":
		return Location{InCookie, name}, nil
	case kind == "query":
		return Location{InQuery, name}, nil
	case kind == "body", kind == "form", kind == "message":
		return Location{}, fmt.Errorf("location %q: bodies are not substituted yet", s)
	}
	return Location{}, fmt.Errorf(
		`location %q: want header, header:NAME, cookie:NAME, query:NAME or path`, s)
}

// refusedHeaders frame the message or name its destination: a value there
// would be smuggling, not a credential.
var refusedHeaders = []string{
	"host", "content-length", "transfer-encoding", "connection", "te", "upgrade",
	"trailer", "expect", "cookie", "content-type", "content-encoding",
	"accept-encoding", "range", "keep-alive", "proxy-connection", "http2-settings",
	"proxy-authorization", "x-cloakroom-token", "x-cloakroom-session",
}

func parseHeaderLocation(name string) (Location, error) {
	lower := strings.ToLower(name)
	bad := strings.ContainsFunc(lower, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || strings.ContainsRune("!#$%&'*+-.^_`|~", r))
	})
	if bad {
		return Location{}, fmt.Errorf("location %q: not a header's name", "header:"+name)
	}
	if slices.Contains(refusedHeaders, lower) || strings.HasPrefix(lower, "x-envoy-") {
		return Location{}, fmt.Errorf("location %q: a placeholder cannot stand in this header", "header:"+name)
	}
	return Location{InHeader, lower}, nil
}

// String is the inverse of ParseLocation.
func (l Location) String() string {
	switch l.Kind {
	case InCredentials:
		return "header"
	case InHeader:
		return "header:" + l.Name
	case InCookie:
		return "cookie:" + l.Name
	case InQuery:
		return "query:" + l.Name
	case InPath:
		return "path"
	}
	return "nowhere"
}

// Covers tells whether a placeholder found at the exact place at stands within
// l. Only InCredentials covers more than itself.
func (l Location) Covers(at Location) bool {
	if l.Kind == InCredentials {
		return at.Kind == InHeader && slices.Contains(CredentialHeaders, at.Name)
	}
	return l.Kind != 0 && l == at
}
