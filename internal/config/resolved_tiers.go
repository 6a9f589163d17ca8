package config

import (
	"cloakroom/internal/inventory"
)

// ResolvedTier is a tier in a Resolved. Durations are written as Go does; what
// is empty, 0 or false is not there.
type ResolvedTier struct {
	Name      string            `json:"name" yaml:"name"`
	Lease     string            `json:"lease" yaml:"lease"`
	Extend    string            `json:"extend,omitempty" yaml:"extend,omitempty"`
	Uses      int               `json:"uses,omitempty" yaml:"uses,omitempty"`
	Leases    int               `json:"leases,omitempty" yaml:"leases,omitempty"`
	Requests  int               `json:"requests,omitempty" yaml:"requests,omitempty"`
	Reuse     bool              `json:"reuse,omitempty" yaml:"reuse,omitempty"`
	Bound     bool              `json:"bound,omitempty" yaml:"bound,omitempty"`
	Retention string            `json:"retention,omitempty" yaml:"retention,omitempty"` // empty: that of all
	Approval  *ResolvedApproval `json:"approval,omitempty" yaml:"approval,omitempty"`   // nil: none needed
}

// ResolvedApproval is what people are asked for in a tier.
type ResolvedApproval struct {
	Approvers []string `json:"approvers" yaml:"approvers,flow"` // issuer's name, "/", group
	Count     int      `json:"count" yaml:"count"`
	Wait      string   `json:"wait" yaml:"wait"`
	Expires   string   `json:"expires" yaml:"expires"`
	Cooldown  string   `json:"cooldown" yaml:"cooldown"`
	Buttons   bool     `json:"buttons,omitempty" yaml:"buttons,omitempty"`
}

func (c *Config) resolveTier(t inventory.Tier) ResolvedTier {
	r := ResolvedTier{Name: t.Name, Lease: t.Lease.String(), Uses: t.Uses,
		Leases: t.Leases, Requests: t.Requests, Reuse: t.Reuse, Bound: t.Bound}
	if t.Extend > 0 {
		r.Extend = t.Extend.String()
	}
	if t.Retention > 0 {
		r.Retention = t.Retention.String()
	}
	if a := t.Approval; a != nil {
		r.Approval = &ResolvedApproval{Approvers: c.GroupNames(a.Approvers), Count: a.Count, Wait: a.Wait.String(),
			Expires: a.Expires.String(), Cooldown: a.Cooldown.String(), Buttons: a.Buttons}
	}
	return r
}
