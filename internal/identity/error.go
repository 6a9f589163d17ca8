package identity

import "fmt"

// Error is why a request has no identity. Nothing in it came out of a token
// except the URL of a trusted issuer: it is safe to show and to log.
type Error struct {
	Reason string // a clause for the caller, lower case
	// Unavailable tells that the issuer could not be asked for its keys: the
	// same token may be good later.
	Unavailable bool
}

// ErrNoToken says that the request holds no identity token at all. A ticket may
// still identify its caller.
var ErrNoToken = &Error{Reason: "no identity token"}

func (e *Error) Error() string { return e.Reason }

func refuse(format string, args ...any) *Error {
	return &Error{Reason: fmt.Sprintf(format, args...)}
}
