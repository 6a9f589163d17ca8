package agent

import (
	"crypto/sha256"
	"errors"
	"strings"

	"cloakroom/internal/lease"
)

// operation is the request that an agent says it will make.
type operation struct {
	Method     string `json:"method" jsonschema:"such as POST"`
	Host       string `json:"host" jsonschema:"one of the credential's hosts"`
	Path       string `json:"path" jsonschema:"with its query, as the host sees it"`
	BodySHA256 string `json:"body_sha256,omitempty" jsonschema:"of the whole body, in hex; without it an approval cannot be for this very body"`
}

// emptyBody is the hash of no body, which a lease.Operation writes as none.
var emptyBody = lease.Digest(sha256.Sum256(nil))

// named is the operation that o names; nil names none. Whether a credential
// permits it is for others to say.
func (o *operation) named() (lease.Operation, error) {
	if o == nil {
		return lease.Operation{}, nil
	}
	if o.Method == "" || o.Host == "" || o.Path == "" {
		return lease.Operation{}, errors.New("operation: want its method, host and path")
	}
	out := lease.Operation{Method: strings.ToUpper(o.Method), Host: strings.ToLower(o.Host), Path: o.Path}
	if err := out.Body.UnmarshalText([]byte(o.BodySHA256)); err != nil {
		return lease.Operation{}, errors.New("operation.body_sha256: want 64 hex digits")
	}
	switch {
	case out.Body == emptyBody:
		out.Body = lease.Digest{}
	case o.BodySHA256 == "" && out.Method != "GET" && out.Method != "HEAD":
		out.Unseen = true
	}
	return out, nil
}
