package config

import (
	"net/url"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"cloakroom/internal/access"
)

var defaultTokenHeaders = []string{"proxy-authorization", "x-cloakroom-token", "authorization"}

func (l *loader) identity(n *yaml.Node) {
	l.cfg.Identity.TokenHeaders = slices.Clone(defaultTokenHeaders)
	if n == nil {
		return
	}
	var issuers *yaml.Node
	l.mapping(n, "identity", fields{
		"issuers":       keep(&issuers),
		"token_headers": l.tokenHeaders,
	})
	if issuers == nil {
		if n.Kind == yaml.MappingNode {
			l.fail(n, "list the OIDC providers to trust under issuers", "identity has no issuers")
		}
		return
	}
	l.list(issuers, "issuers", l.issuer)
}

func (l *loader) tokenHeaders(n *yaml.Node) {
	l.cfg.Identity.TokenHeaders = l.texts(n, "headers", func(n *yaml.Node, s string) bool {
		if s != strings.ToLower(s) {
			l.fail(n, "write "+strings.ToLower(s), "header %q is not in lower case", s)
			return false
		}
		if s == "proxy-authorization" || s == "x-cloakroom-token" {
			return true
		}
		if at, err := access.ParseLocation("header:" + s); err != nil || at.Kind != access.InHeader {
			l.fail(n, "", "%q is no header that can carry a token", s)
			return false
		}
		return true
	})
}

func (l *loader) issuer(n *yaml.Node) {
	i := Issuer{Groups: []string{"groups"}}
	var nodes struct{ url, name, audiences *yaml.Node }
	if !l.mapping(n, "an issuer", fields{
		"issuer":         keep(&nodes.url),
		"name":           keep(&nodes.name),
		"audiences":      func(n *yaml.Node) { nodes.audiences = n; i.Audiences = l.texts(n, "audiences", nil) },
		"claims":         func(n *yaml.Node) { l.claims(n, &i) },
		"human":          l.flag(&i.Human),
		"groups_allowed": func(n *yaml.Node) { i.GroupsAllowed = l.texts(n, "groups", nil) },
		"ca":             func(n *yaml.Node) { i.CAFile = l.certificates(n) },
	}) {
		return
	}
	if nodes.audiences == nil {
		l.fail(n, "add audiences: [cloakroom]", "an issuer without audiences")
	}
	if nodes.url == nil {
		l.fail(n, "add issuer: https://…", "an issuer without its URL")
		return
	}
	i.URL, i.Name = l.issuerURL(nodes.url)
	at := nodes.url
	if nodes.name != nil {
		i.Name, _ = l.text(nodes.name, "a name")
		at = nodes.name
	}
	l.addIssuer(at, i)
}

func (l *loader) addIssuer(n *yaml.Node, i Issuer) {
	for _, other := range l.cfg.Identity.Issuers {
		switch {
		case i.URL != "" && i.URL == other.URL:
			l.fail(n, "remove one of them", "issuer %q is declared twice", i.URL)
			return
		case i.Name != "" && i.Name == other.Name:
			l.fail(n, "give each a name of its own", "two issuers are named %q", i.Name)
		}
	}
	if strings.Contains(i.Name, "/") {
		l.fail(n, "", `issuer name %q holds a "/"`, i.Name)
	}
	l.cfg.Identity.Issuers = append(l.cfg.Identity.Issuers, i)
}

// issuerURL reads an issuer's URL, and the name that it gives the issuer.
func (l *loader) issuerURL(n *yaml.Node) (text, name string) {
	text, ok := l.text(n, "an issuer's URL")
	if !ok {
		return "", ""
	}
	const hint = `write it exactly as its tokens say in "iss", such as https://dex.example.com`
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil || strings.ContainsAny(text, "#? ") {
		l.fail(n, hint, "%q is not an issuer's URL", text)
		return text, ""
	}
	if u.Scheme != "https" && !(u.Scheme == "http" && loopbackHost(u.Hostname())) {
		l.fail(n, "use https", "issuer %q: want https, or http on loopback", text)
	}
	return text, u.Host
}

func (l *loader) claims(n *yaml.Node, i *Issuer) {
	l.mapping(n, "claims", fields{
		"groups": func(n *yaml.Node) { i.Groups = l.claim(n) },
		"person": func(n *yaml.Node) { i.Person = l.claim(n) },
	})
}

// claim reads the path of a claim: dotted, or a list of names.
func (l *loader) claim(n *yaml.Node) []string {
	if n.Kind == yaml.SequenceNode {
		var path []string
		l.list(n, "names of claims", func(c *yaml.Node) {
			if s, ok := l.text(c, "a claim's name"); ok {
				path = append(path, s)
			}
		})
		return path
	}
	s, ok := l.text(n, "a claim's path")
	if !ok {
		return nil
	}
	path := strings.Split(s, ".")
	if slices.Contains(path, "") {
		l.fail(n, `write a.b.c, or a list of names`, "%q is not the path of a claim", s)
	}
	return path
}
