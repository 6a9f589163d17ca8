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

// The most that a tier can say.
const (
	maxExtend   = 24 * time.Hour
	maxWait     = 5 * time.Minute
	minExpires  = time.Minute
	maxExpires  = 24 * time.Hour
	maxCooldown = 24 * time.Hour
	maxCount    = 1e6 // uses, leases, requests
)

func (l *loader) tier(key, n *yaml.Node) (t inventory.Tier) {
	var lease, reuse *yaml.Node
	if !l.mapping(n, "a tier", fields{
		"lease":     keep(&lease),
		"extend":    func(n *yaml.Node) { t.Extend = l.span(n, time.Second, maxExtend) },
		"uses":      func(n *yaml.Node) { t.Uses = int(l.integer(n, 1, maxCount)) },
		"leases":    func(n *yaml.Node) { t.Leases = int(l.integer(n, 1, maxCount)) },
		"requests":  func(n *yaml.Node) { t.Requests = int(l.integer(n, 1, maxCount)) },
		"reuse":     keep(&reuse),
		"bound":     l.flag(&t.Bound),
		"retention": func(n *yaml.Node) { t.Retention = l.duration(n, minRetention) },
		"approval":  func(n *yaml.Node) { t.Approval = l.approval(n) },
	}) {
		return t
	}
	// what people let in is for the session in which it was asked for
	if t.Reuse = t.Approval == nil; reuse != nil {
		t.Reuse = l.boolean(reuse)
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
	a := &inventory.Approval{Count: 1, Expires: 15 * time.Minute, Cooldown: 5 * time.Minute}
	var approvers, wait *yaml.Node
	if !l.mapping(n, "an approval", fields{
		"approvers": keep(&approvers),
		"count":     func(n *yaml.Node) { a.Count = int(l.integer(n, 1, 100)) },
		"wait":      func(n *yaml.Node) { wait = n; a.Wait = l.span(n, 0, maxWait) },
		"expires":   func(n *yaml.Node) { a.Expires = l.span(n, minExpires, maxExpires) },
		"cooldown":  func(n *yaml.Node) { a.Cooldown = l.span(n, 0, maxCooldown) },
		"buttons": func(n *yaml.Node) {
			if a.Buttons = l.boolean(n); a.Buttons {
				l.buttons = n
			}
		},
	}) {
		return a
	}
	if a.Wait > a.Expires {
		l.fail(wait, "make wait shorter, or expires longer", "a request would be held for %v, and the question lapses after %v", a.Wait, a.Expires)
	}
	if approvers == nil {
		l.fail(n, "add approvers: [group]", "an approval without approvers")
		return a
	}
	a.Approvers = l.groups(approvers)
	return a
}
