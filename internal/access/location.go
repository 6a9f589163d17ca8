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
	InBody                     // "body:/json/pointer"
	InForm                     // "form:NAME", urlencoded or multipart
	InMessage                  // "message:/json/pointer", of a WebSocket's first text message
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
	// Name is of a header in lower case, of a cookie, a query's parameter or a
	// form's field as written, in a body or message the pointer; of path it is
	// empty.
	Name string
}

// ParseLocation reads the text form: "header", "header:NAME", "cookie:NAME",
// "query:NAME", "path", "body:/json/pointer", "form:NAME" or
// "message:/json/pointer".
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
	case kind == "form":
		return Location{InForm, name}, nil
	case kind == "body":
		return parsePointer(InBody, s, name)
	case kind == "message":
		return parsePointer(InMessage, s, name)
	}
	return Location{}, fmt.Errorf(
		`location %q: want header, header:NAME, cookie:NAME, query:NAME, path, body:/json/pointer, form:NAME or message:/json/pointer`, s)
}

// parsePointer reads a JSON pointer (RFC 6901) to a string within a document.
func parsePointer(kind LocationKind, s, pointer string) (Location, error) {
	if pointer[0] != '/' {
		return Location{}, fmt.Errorf(`location %q: want a JSON pointer that begins with "/", such as /client_secret`, s)
	}
	for token := range strings.SplitSeq(pointer[1:], "/") {
		rest := strings.NewReplacer("~0", "", "~1", "").Replace(token)
		switch {
		case strings.Contains(rest, "~"):
			return Location{}, fmt.Errorf(`location %q: in a JSON pointer "~" is written "~0", and "/" in a name "~1"`, s)
		case token == "*" || token == "-":
			return Location{}, fmt.Errorf("location %q: a JSON pointer has no wildcards; name the member, or the number of the item", s)
		}
	}
	return Location{kind, pointer}, nil
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
	case InBody:
		return "body:" + l.Name
	case InForm:
		return "form:" + l.Name
	case InMessage:
		return "message:" + l.Name
	}
	return "nowhere"
}

// InFields tells whether l is a field of a request's body.
func (l Location) InFields() bool { return l.Kind == InBody || l.Kind == InForm }

// InMessages tells whether l is a place in a WebSocket's first message.
func (l Location) InMessages() bool { return l.Kind == InMessage }

// Covers tells whether a placeholder found at the exact place at stands within
// l. Only InCredentials covers more than itself.
func (l Location) Covers(at Location) bool {
	if l.Kind == InCredentials {
		return at.Kind == InHeader && slices.Contains(CredentialHeaders, at.Name)
	}
	return l.Kind != 0 && l == at
}
