package config

import (
	"strings"

	"cloakroom/internal/access"
)

// Resolved is what a file means once all is resolved, for people to read. It
// marshals to YAML and JSON, and holds no value.
type Resolved struct {
	Issuers     []ResolvedIssuer     `json:"issuers,omitempty" yaml:"issuers,omitempty"`
	Tiers       []ResolvedTier       `json:"tiers,omitempty" yaml:"tiers,omitempty"`
	Credentials []ResolvedCredential `json:"credentials,omitempty" yaml:"credentials,omitempty"`
	Strict      bool                 `json:"strict" yaml:"strict"`
	Policy      string               `json:"policy" yaml:"policy"` // "built-in", or the folder
	Store       string               `json:"store" yaml:"store"`   // a path, or a URL without user and parameters
	Record      ResolvedRecord       `json:"record" yaml:"record"`
	Admin       ResolvedAdmin        `json:"admin" yaml:"admin"`
	Webhooks    []ResolvedWebhook    `json:"webhooks,omitempty" yaml:"webhooks,omitempty"`
	Slack       []ResolvedMember     `json:"slack,omitempty" yaml:"slack,omitempty"` // whose clicks count
	Upstreams   []ResolvedUpstream   `json:"upstreams,omitempty" yaml:"upstreams,omitempty"`
}

// ResolvedIssuer is an issuer in a Resolved.
type ResolvedIssuer struct {
	Name          string   `json:"name" yaml:"name"`
	Issuer        string   `json:"issuer" yaml:"issuer"`
	Audiences     []string `json:"audiences" yaml:"audiences,flow"`
	GroupsAllowed []string `json:"groups_allowed,omitempty" yaml:"groups_allowed,omitempty,flow"`
	Person        string   `json:"person,omitempty" yaml:"person,omitempty"` // the claim's path, dotted; empty: nobody is named
	Human         bool     `json:"human,omitempty" yaml:"human,omitempty"`
}

// ResolvedCredential is a credential in a Resolved.
type ResolvedCredential struct {
	Name        string         `json:"name" yaml:"name"`
	Placeholder string         `json:"placeholder,omitempty" yaml:"placeholder,omitempty"`
	Description string         `json:"description,omitempty" yaml:"description,omitempty"`
	Tier        string         `json:"tier" yaml:"tier"`
	Lease       string         `json:"lease" yaml:"lease"` // a duration
	Approval    bool           `json:"approval" yaml:"approval"`
	Groups      []string       `json:"groups" yaml:"groups,flow"` // issuer's name, "/", group
	Value       string         `json:"value" yaml:"value"`        // where it is
	Weak        bool           `json:"weak,omitempty" yaml:"weak,omitempty"`
	Allow       []ResolvedRule `json:"allow" yaml:"allow"`
}

// ResolvedRule is a rule in a Resolved.
type ResolvedRule struct {
	Hosts   []string `json:"hosts" yaml:"hosts,flow"`
	Methods []string `json:"methods" yaml:"methods,flow"`
	Paths   []string `json:"paths" yaml:"paths,flow"`
	In      []string `json:"in" yaml:"in,flow"`
}

// ResolvedUpstream is an upstream in a Resolved.
type ResolvedUpstream struct {
	Host    string `json:"host" yaml:"host"`
	Prefix  string `json:"prefix,omitempty" yaml:"prefix,omitempty"`
	Address string `json:"address" yaml:"address"`
	TLS     bool   `json:"tls" yaml:"tls"`
	Route   string `json:"route" yaml:"route"`
	Cluster string `json:"cluster" yaml:"cluster"`
}

// Resolved describes c. placeholder gives the placeholder of a credential by
// name; nil: none is shown.
func (c *Config) Resolved(placeholder func(credential string) string) Resolved {
	r := Resolved{Strict: c.Strict, Policy: "built-in", Store: c.Store.Name(), Record: c.resolveRecord()}
	if c.Policy.Dir != "" {
		r.Policy = c.Policy.Dir
	}
	for _, i := range c.Identity.Issuers {
		r.Issuers = append(r.Issuers, ResolvedIssuer{i.Name, i.URL, i.Audiences, i.GroupsAllowed, strings.Join(i.Person, "."), i.Human})
	}
	for _, t := range c.Tiers {
		r.Tiers = append(r.Tiers, c.resolveTier(t))
	}
	for i := range c.Credentials {
		r.Credentials = append(r.Credentials, c.resolveCredential(i))
		if placeholder != nil {
			r.Credentials[i].Placeholder = placeholder(c.Credentials[i].Name)
		}
	}
	r.Admin = c.resolveAdmin()
	r.Webhooks, r.Slack = c.resolveReceivers()
	for _, u := range c.Envoy.Upstreams {
		r.Upstreams = append(r.Upstreams, ResolvedUpstream{u.Host, u.Prefix, u.Address, u.TLS, u.Route(), u.Cluster()})
	}
	return r
}

func (c *Config) resolveCredential(i int) ResolvedCredential {
	d := c.Credentials[i]
	source := c.Sources[d.Name]
	r := ResolvedCredential{
		Name: d.Name, Description: d.Description, Tier: d.Tier.Name, Lease: d.Tier.Lease.String(),
		Approval: d.Tier.Approval != nil, Groups: c.GroupNames(d.Groups), Value: source.String(), Weak: source.Weak,
	}
	for _, rule := range d.Rules {
		out := ResolvedRule{Hosts: rule.Hosts, Methods: rule.Methods, Paths: rule.Paths}
		for _, at := range rule.In {
			out.In = append(out.In, at.String())
		}
		if len(out.In) == 0 {
			out.In = []string{access.Location{Kind: access.InCredentials}.String()}
		}
		r.Allow = append(r.Allow, out)
	}
	return r
}

// GroupNames writes groups as a file would: the issuer's name, "/", the group.
func (c *Config) GroupNames(groups []access.Group) []string {
	var names []string
	for _, g := range groups {
		names = append(names, c.issuerName(g.Issuer)+"/"+g.Name)
	}
	return names
}

func (c *Config) issuerName(url string) string {
	for _, i := range c.Identity.Issuers {
		if i.URL == url {
			return i.Name
		}
	}
	return url
}
