package lease

import (
	"crypto/rand"
	"strings"
	"time"
)

// Bar keeps leases from being opened, asked for or used: for a principal, a
// credential, both together, or, where it names neither, for everybody. It
// stands until Until, or until it is lifted.
type Bar struct {
	ID         string    `json:"id"`
	Principal  string    `json:"principal,omitempty"`  // access.Principal.ID; empty: everyone
	Credential string    `json:"credential,omitempty"` // empty: every one
	Since      time.Time `json:"since"`
	Until      time.Time `json:"until"`            // zero: until it is lifted
	By         string    `json:"by,omitempty"`     // the ID of who put it up
	Reason     string    `json:"reason,omitempty"` // for the agent
}

// NewBar gives b an id and its beginning.
func NewBar(b Bar, now time.Time) Bar {
	b.ID, b.Since = strings.ToLower(rand.Text()), now
	return b
}

// Stops tells whether the bar stands in the way at now.
func (b Bar) Stops(principal, credential string, now time.Time) bool {
	return (b.Principal == "" || b.Principal == principal) && (b.Credential == "" || b.Credential == credential) &&
		(b.Until.IsZero() || now.Before(b.Until))
}
