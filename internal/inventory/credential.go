package inventory

import (
	"time"

	"cloakroom/internal/access"
)

// Approval is what a tier asks of people before a lease begins.
type Approval struct {
	Approvers []access.Group
	Count     int           // distinct people, at least 1
	Wait      time.Duration // how long a request is held for an answer; 0: not at all
	Expires   time.Duration // how long the question stands
	Cooldown  time.Duration // after a denial, how long the principal may not ask for the credential again
	Buttons   bool          // a click in a chat counts as an answer, without a login made for it
}

// Tier is a risk class with its defaults.
type Tier struct {
	Name     string
	Lease    time.Duration // how long a lease lasts
	Extend   time.Duration // how much longer its holder may make one, in all; 0: not at all
	Uses     int           // exchanges under one lease in which a value is substituted; 0: no limit
	Leases   int           // unended at once, of one principal over one credential; 0: no limit
	Requests int           // a minute, under one lease; 0: no limit
	Reuse    bool          // a lease is good in other sessions of its principal than the one that asked
	Bound    bool          // a ticket counts only beside its holder's own token
	Approval *Approval     // nil: none needed
	// Retention is how long what is recorded of its exchanges is kept; 0: as long as
	// any other's.
	Retention time.Duration
}

// Rule says where a credential may go and where in the request it may stand.
// All its parts must hold at once. The zero Rule permits nothing.
type Rule struct {
	Hosts   []string // lower-case, as an Upstream's Host
	Methods []string // upper-case; "*" is any
	// Paths are patterns of the path that the backend sees, case-sensitive:
	// "*" is any run of characters within a segment, "**" as a whole segment
	// is any number of segments. "/a/**" matches "/a/" and all below, not "/a".
	Paths []string
	In    []access.Location // New makes nil the usual credential headers
}

// Credential is a named secret's rules. It never holds the value.
type Credential struct {
	Name        string // [a-z0-9-]{1,48}
	Description string
	Tier        Tier
	Groups      []access.Group // who may ask for it
	Rules       []Rule
	Prefix      string // may stand before a placeholder, for clients that check a key's looks
	// Placeholder is the named placeholder with Prefix before it. New sets it.
	Placeholder string
}

// Upstream is a backend that the transport routes to.
type Upstream struct {
	Host    string // lower-case, the host that rules name
	Prefix  string // "" or "/github": taken off the path before the backend sees it
	Route   string // the name of the transport's route, unique
	Cluster string // the name of the transport's cluster
}
