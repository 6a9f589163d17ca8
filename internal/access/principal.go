package access

import (
	"slices"
	"time"
)

// Group is a group as one issuer speaks of it. The same name at another issuer
// is another group.
type Group struct {
	Issuer string // the issuer's URL
	Name   string
}

// Principal is a caller that an issuer vouches for. The zero value is nobody.
type Principal struct {
	Issuer  string // the issuer's URL, exactly as its tokens say
	Subject string
	Groups  []string // names, of this issuer
	// Session is the token's sid, else its jti; empty if it has neither.
	Session string
	// Lasting tells that Session is the token's sid, which its next tokens have
	// too; a jti ends with its token.
	Lasting bool
	// Ends is when the proof of identity ends: the token's expiry, or the end
	// of the ticket's lease.
	Ends time.Time
	// Person is the human that the issuer's person claim names: who logged in
	// or, at an issuer of machines, on whose behalf they work. Lower-case, and
	// compared across issuers; empty: not known.
	Person string
	// Unverified tells that the person claim is an e-mail address that the issuer
	// does not vouch for: who is behind the caller is known to be unknown.
	Unverified bool
	// Human tells that the issuer's tokens mean that a person logged in.
	Human bool
	// Ticket tells that a ticket vouched for the caller and no token did.
	Ticket bool
}

// Known tells whether p is somebody.
func (p Principal) Known() bool { return p.Issuer != "" && p.Subject != "" }

// ID names the principal in leases, records and metrics: issuer, "#", subject.
// It is unique because "#" cannot stand in an issuer's URL.
func (p Principal) ID() string {
	if !p.Known() {
		return ""
	}
	return p.Issuer + "#" + p.Subject
}

// In tells whether p is a member of g.
func (p Principal) In(g Group) bool {
	return p.Known() && p.Issuer == g.Issuer && slices.Contains(p.Groups, g.Name)
}

// InAny tells whether p is a member of one of the groups.
func (p Principal) InAny(groups []Group) bool {
	return slices.ContainsFunc(groups, p.In)
}
