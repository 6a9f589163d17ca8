package decide

import (
	"context"
	"time"

	"cloakroom/internal/access"
)

// Operation is what one rule of a credential permits, in the configuration's
// words.
type Operation struct {
	Hosts   []string `json:"hosts"`
	Methods []string `json:"methods"`
	Paths   []string `json:"paths"`
	In      []string `json:"in"` // where the placeholder may stand
}

// Offer is one credential that a principal may use.
type Offer struct {
	Credential   string      `json:"credential"`
	Description  string      `json:"description,omitempty"`
	Placeholder  string      `json:"placeholder"`
	Tier         string      `json:"tier"`
	LeaseSeconds int         `json:"lease_seconds"`
	Approval     bool        `json:"approval"`               // people must approve its use
	People       int         `json:"people,omitempty"`       // how many must
	WaitSeconds  int         `json:"wait_seconds,omitempty"` // how long a request is held for them
	Uses         int         `json:"uses,omitempty"`         // of one lease; 0: no limit
	Requests     int         `json:"requests_a_minute,omitempty"`
	Extend       int         `json:"extend_seconds,omitempty"` // how much longer a lease may be made
	Bound        bool        `json:"bound,omitempty"`          // a ticket counts only beside its holder's token
	Operations   []Operation `json:"operations"`
}

// Discover lists the credentials that are open to who, by name. A ticket vouches
// for its own credential alone, so its holder is shown nothing else.
func (d *Decider) Discover(_ context.Context, who access.Principal) []Offer {
	offers := []Offer{}
	set := d.Inventory()
	known := d.factsOf(set)
	for _, c := range set.Credentials() {
		if who.Ticket || !who.InAny(c.Groups) {
			continue
		}
		f := known.byName[c.Name]
		t := c.Tier
		o := Offer{Uses: t.Uses, Requests: t.Requests, Extend: int(t.Extend / time.Second), Bound: t.Bound, Credential: c.Name, Description: c.Description, Placeholder: c.Placeholder, Tier: t.Name,
			LeaseSeconds: int(t.Lease / time.Second), Approval: f.Approval, Operations: []Operation{}}
		if t.Approval != nil {
			o.People, o.WaitSeconds = t.Approval.Count, int(t.Approval.Wait/time.Second)
		}
		for _, r := range f.Rules {
			o.Operations = append(o.Operations, Operation(r))
		}
		offers = append(offers, o)
	}
	return offers
}
