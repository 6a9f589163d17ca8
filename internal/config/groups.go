package config

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"cloakroom/internal/access"
)

// groups reads a list of groups: a bare name, or "issuer/name".
func (l *loader) groups(n *yaml.Node) (all []access.Group) {
	l.texts(n, "groups", func(n *yaml.Node, s string) bool {
		if g, ok := l.group(n, s); ok {
			if slices.Contains(all, g) {
				l.fail(n, "remove one of them", "group %q stands twice", s)
				return false
			}
			all = append(all, g)
		}
		return true
	})
	return all
}

func (l *loader) group(n *yaml.Node, s string) (access.Group, bool) {
	issuers := l.cfg.Identity.Issuers
	if len(issuers) == 0 {
		l.fail(n, "declare an issuer under identity", "group %q is nobody's: there is no issuer", s)
		return access.Group{}, false
	}
	if name, group, ok := strings.Cut(s, "/"); ok {
		for _, i := range issuers {
			if i.Name == name {
				return l.groupOf(n, i, group)
			}
		}
	}
	if len(issuers) == 1 {
		return l.groupOf(n, issuers[0], s)
	}
	return l.bareGroup(n, s)
}

func (l *loader) groupOf(n *yaml.Node, i Issuer, group string) (access.Group, bool) {
	if len(i.GroupsAllowed) > 0 && !slices.Contains(i.GroupsAllowed, group) {
		l.fail(n, suggest(group, slices.Clone(i.GroupsAllowed)), "unknown group %q: it is not in groups_allowed of issuer %q", group, i.Name)
		return access.Group{}, false
	}
	return access.Group{Issuer: i.URL, Name: group}, true
}

// bareGroup finds the one of several issuers that a group must belong to.
func (l *loader) bareGroup(n *yaml.Node, s string) (access.Group, bool) {
	var listing, open, known, qualified []string
	var found Issuer
	for _, i := range l.cfg.Identity.Issuers {
		qualified = append(qualified, i.Name+"/"+s)
		known = append(known, i.GroupsAllowed...)
		switch {
		case slices.Contains(i.GroupsAllowed, s):
			listing, found = append(listing, i.Name), i
		case len(i.GroupsAllowed) == 0:
			open = append(open, i.Name)
		}
	}
	switch {
	case len(listing) == 1:
		return access.Group{Issuer: found.URL, Name: s}, true
	case len(listing) == 0 && len(open) == 0:
		l.fail(n, suggest(s, known), "unknown group %q: it is in no issuer's groups_allowed", s)
	default:
		l.fail(n, "write one of "+strings.Join(qualified, ", "), "group %q could be of several issuers", s)
	}
	return access.Group{}, false
}
