package config

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"cloakroom/internal/access"
	"cloakroom/internal/inventory"
	"cloakroom/internal/secret"
)

func (l *loader) credentials(n *yaml.Node) {
	if n != nil {
		l.list(n, "credentials", l.credential)
	}
}

// declared are the nodes of a credential that must be there.
type declared struct {
	name, tier, groups, value, allow *yaml.Node
}

func (l *loader) credential(n *yaml.Node) {
	var c inventory.Credential
	var source secret.Source
	var d declared
	if !l.mapping(n, "a credential", fields{
		"name":        keep(&d.name),
		"description": l.into(&c.Description, "a description"),
		"tier":        keep(&d.tier),
		"groups":      keep(&d.groups),
		"value":       keep(&d.value),
		"weak":        l.flag(&source.Weak),
		"allow":       keep(&d.allow),
		"placeholder": func(n *yaml.Node) { c.Prefix = l.prefix(n) },
	}) {
		return
	}
	c.Name = l.credentialName(n, d.name)
	what := "a credential"
	if c.Name != "" {
		what = "credential \"" + c.Name + "\""
	}
	c.Tier = l.credentialTier(n, what, d.tier)
	if l.present(n, d.groups, what, "groups", "add groups: […], who may ask for it") {
		c.Groups = l.groups(d.groups)
	}
	if l.present(n, d.allow, what, "allow", "add allow: [{hosts: […], methods: […], paths: […]}]") {
		l.list(d.allow, "rules", func(n *yaml.Node) { c.Rules = append(c.Rules, l.rule(n)) })
	}
	if l.present(n, d.value, what, "value", "add value: {env: NAME} or value: {file: PATH}") {
		l.value(d.value, &source)
		l.judge(d.value, c, source)
	}
	if c.Name != "" {
		l.cfg.Sources[c.Name] = source
	}
	l.cfg.Credentials = append(l.cfg.Credentials, c)
}

// present tells whether a part is there, and fails if it is not.
func (l *loader) present(parent, part *yaml.Node, what, key, hint string) bool {
	if part == nil {
		l.fail(parent, hint, "%s has no %s", what, key)
	}
	return part != nil
}

func (l *loader) credentialName(parent, n *yaml.Node) string {
	if n == nil {
		l.fail(parent, "add name: …", "a credential has no name")
		return ""
	}
	name, ok := l.text(n, "a credential's name")
	if !ok {
		return ""
	}
	if err := inventory.CheckName(name); err != nil {
		l.fail(n, "such as github-read", "credential's %v", err)
	}
	if first := l.names[name]; first != nil {
		l.fail(n, "give each a name of its own", "credential %q is declared twice; first on line %d", name, first.Line)
		return name
	}
	l.names[name] = n
	return name
}

func (l *loader) credentialTier(parent *yaml.Node, what string, n *yaml.Node) inventory.Tier {
	if !l.present(parent, n, what, "tier", "add tier: low, and tiers: {low: {lease: 15m}}") {
		return inventory.Tier{}
	}
	name, ok := l.text(n, "a tier's name")
	if !ok {
		return inventory.Tier{}
	}
	t, ok := l.tiers[name]
	if !ok {
		l.fail(n, suggest(name, keysOf(l.tiers)), "unknown tier %q", name)
	}
	return t
}

func (l *loader) prefix(n *yaml.Node) (prefix string) {
	l.mapping(n, "placeholder", fields{"prefix": func(n *yaml.Node) {
		prefix, _ = l.text(n, "a prefix")
		if err := inventory.CheckPrefix(prefix); err != nil {
			l.fail(n, "such as ghp_ or sk-", "%v", err)
		}
	}})
	return prefix
}

func (l *loader) placeholders(n *yaml.Node) {
	if n == nil {
		return
	}
	switch s, ok := l.text(n, "inert or strict"); {
	case ok && s == "strict":
		l.cfg.Strict = true
	case ok && s != "inert":
		l.fail(n, "write inert or strict", "unknown treatment of placeholders %q", s)
	}
}

func (l *loader) rule(n *yaml.Node) (r inventory.Rule) {
	var hosts, methods, paths, in *yaml.Node
	if !l.mapping(n, "a rule", fields{
		"hosts": keep(&hosts), "methods": keep(&methods), "paths": keep(&paths), "in": keep(&in),
	}) {
		return r
	}
	if l.present(n, hosts, "a rule", "hosts", "add hosts: [api.example.com]") {
		r.Hosts = l.texts(hosts, "hosts", l.host)
	}
	if l.present(n, methods, "a rule", "methods", `add methods: [GET], or ["*"] for any`) {
		r.Methods = l.texts(methods, "methods", l.checked(inventory.CheckMethod))
	}
	if l.present(n, paths, "a rule", "paths", `add paths: ["/repos/**"]`) {
		r.Paths = l.texts(paths, "paths", l.checked(inventory.CheckPattern))
	}
	if in != nil {
		r.In = l.locations(in)
		l.mislaid(in, r)
	}
	return r
}

// mislaid warns of locations that are no mistakes of form, but never count.
func (l *loader) mislaid(n *yaml.Node, r inventory.Rule) {
	for _, at := range r.In {
		handshake := slices.Contains(r.Methods, "GET") || slices.Contains(r.Methods, "*")
		switch {
		case at.InMessages() && len(r.Methods) > 0 && !handshake:
			l.warn(n, "add GET to the rule's methods", "%s: a WebSocket is asked for with GET, which this rule does not permit", at)
		case at.Kind == access.InForm && strings.HasPrefix(at.Name, "/"):
			l.warn(n, "write form:client_secret for a field of that name, or body:/client_secret for JSON", "%s: a form's field has a name and no pointer", at)
		}
	}
}

func (l *loader) checked(check func(string) error) func(*yaml.Node, string) bool {
	return func(n *yaml.Node, s string) bool {
		err := check(s)
		if err != nil {
			l.fail(n, "", "%v", err)
		}
		return err == nil
	}
}

func (l *loader) host(n *yaml.Node, s string) bool {
	if err := inventory.CheckHost(s); err != nil {
		l.fail(n, "", "%v", err)
		return false
	}
	l.receiving[s] = true
	if !l.hosts[s] {
		hint := suggest(s, keysOf(l.hosts))
		if hint == "" {
			hint = "declare it under envoy.upstreams"
		}
		l.fail(n, hint, "no upstream serves host %q", s)
	}
	return true
}

func (l *loader) locations(n *yaml.Node) (in []access.Location) {
	l.texts(n, "locations", func(n *yaml.Node, s string) bool {
		at, err := access.ParseLocation(s)
		if err != nil {
			l.fail(n, "such as header, query:key or body:/client_secret", "%v", err)
			return false
		}
		in = append(in, at)
		return true
	})
	return in
}
