package config

import (
	"time"

	"go.yaml.in/yaml/v4"

	"cloakroom/internal/inventory"
)

func (l *loader) tierSection(n *yaml.Node) {
	if n == nil {
		return
	}
	l.pairs(n, "tiers", func(key, value *yaml.Node) {
		name, ok := l.text(key, "a tier's name")
		if !ok {
			return
		}
		if _, ok := l.tiers[name]; ok {
			l.fail(key, "remove one of them", "tier %q is declared twice", name)
			return
		}
		if err := inventory.CheckName(name); err != nil {
			l.fail(key, "", "tier's %v", err)
		}
		t := l.tier(key, value)
		t.Name = name
		l.tiers[name] = t
		l.cfg.Tiers = append(l.cfg.Tiers, t)
	})
}

func (l *loader) tier(key, n *yaml.Node) (t inventory.Tier) {
	var lease *yaml.Node
	if !l.mapping(n, "a tier", fields{
		"lease":    keep(&lease),
		"approval": func(n *yaml.Node) { t.Approval = l.approval(n) },
	}) {
		return t
	}
	if lease == nil {
		l.fail(key, "add lease: 15m", "tier %q has no lease", key.Value)
		return t
	}
	t.Lease = l.duration(lease, time.Second)
	return t
}

// approval reads an approval rule. It never returns nil, so that a broken rule
// does not become none.
func (l *loader) approval(n *yaml.Node) *inventory.Approval {
	a := &inventory.Approval{Count: 1}
	var approvers *yaml.Node
	if !l.mapping(n, "an approval", fields{
		"approvers": keep(&approvers),
		"count":     func(n *yaml.Node) { a.Count = int(l.integer(n, 1, 100)) },
		"wait":      func(n *yaml.Node) { a.Wait = l.duration(n, 0) },
	}) {
		return a
	}
	if approvers == nil {
		l.fail(n, "add approvers: [group]", "an approval without approvers")
		return a
	}
	a.Approvers = l.groups(approvers)
	return a
}
