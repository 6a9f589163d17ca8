package config

import (
	"slices"

	"go.yaml.in/yaml/v4"

	"cloakroom/internal/access"
	"cloakroom/internal/inventory"
)

// answerable checks that the approvals of tiers can be given, and by none but
// people. It reads the whole configuration, after its parts.
func (l *loader) answerable(tiers *yaml.Node) {
	for _, t := range l.cfg.Tiers {
		at := child(child(child(tiers, t.Name), "approval"), "approvers")
		if t.Approval == nil || at == nil {
			continue // no approval, or an error that is told already
		}
		l.approvers(at, t)
		for _, c := range l.cfg.Credentials {
			if c.Tier.Name == t.Name {
				l.requesters(at, t, c)
			}
		}
	}
}

// approvers checks the issuers of a tier's approvers: each once.
func (l *loader) approvers(n *yaml.Node, t inventory.Tier) {
	for _, i := range l.issuersOf(t.Approval.Approvers) {
		switch {
		case !i.Human:
			l.fail(n, "name groups of an issuer with human: true", "nobody of issuer %q can approve for tier %q: its tokens are not people's", i.Name, t.Name)
		case len(i.Person) == 0:
			l.fail(n, "say claims: {person: email} at the issuer", "issuer %q does not tell people apart, who approve for tier %q", i.Name, t.Name)
		case !slices.ContainsFunc(l.cfg.Admin.Logins, func(o Login) bool { return o.Issuer == i.URL }):
			l.warn(n, "add admin: {login: {issuer: "+i.Name+", client_id: …}}", "nobody of issuer %q can answer for tier %q: there is no login with it", i.Name, t.Name)
		}
	}
}

// requesters checks who may ask for a credential of a tier with an approval.
func (l *loader) requesters(approvers *yaml.Node, t inventory.Tier, c inventory.Credential) {
	for _, g := range c.Groups {
		if slices.Contains(t.Approval.Approvers, g) {
			l.fail(approvers, "let another group approve, or ask", "group %q may ask for credential %q and approve it for tier %q", g.Name, c.Name, t.Name)
		}
	}
	for _, i := range l.issuersOf(c.Groups) {
		if len(i.Person) == 0 {
			l.warn(l.names[c.Name], "say claims: {person: owner} at the issuer, if its tokens name one",
				"the human behind an agent of issuer %q is not known, so approving one's own agent cannot be refused for credential %q", i.Name, c.Name)
		}
	}
}

// issuersOf are the issuers of groups, each once, in the file's order.
func (l *loader) issuersOf(groups []access.Group) (all []Issuer) {
	for _, i := range l.cfg.Identity.Issuers {
		if slices.ContainsFunc(groups, func(g access.Group) bool { return g.Issuer == i.URL }) {
			all = append(all, i)
		}
	}
	return all
}

// child is the value of a mapping's key; nil if there is none.
func child(n *yaml.Node, key string) *yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}
