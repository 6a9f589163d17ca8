package config

import (
	"strings"

	"go.yaml.in/yaml/v4"

	"cloakroom/internal/inventory"
)

const (
	defaultListen = "127.0.0.1:8080"
	ownPath       = "/.well-known/cloakroom" // what Envoy routes to the service
)

func (l *loader) envoy(n *yaml.Node) {
	if n == nil {
		return
	}
	e := &l.cfg.Envoy
	e.Listen = defaultListen
	l.mapping(n, "envoy", fields{
		"listen":    func(n *yaml.Node) { e.Listen = l.address(n, false) },
		"tls":       func(n *yaml.Node) { e.TLS = l.keyPair(n) },
		"service":   func(n *yaml.Node) { e.Service = l.reach(n) },
		"upstreams": func(n *yaml.Node) { l.list(n, "upstreams", l.upstream) },
	})
}

func (l *loader) upstream(n *yaml.Node) {
	var u Upstream
	var host, prefix, address *yaml.Node
	if !l.mapping(n, "an upstream", fields{
		"host": keep(&host), "prefix": keep(&prefix), "address": keep(&address),
		"tls":       func(n *yaml.Node) { l.upstreamTLS(n, &u) },
		"plaintext": l.flag(&u.Plaintext),
		"http2":     l.flag(&u.HTTP2),
	}) {
		return
	}
	if l.present(n, host, "an upstream", "host", "add host: api.example.com") {
		if s, ok := l.text(host, "a host"); ok {
			u.Host = s
			l.hosts[s] = true
			if err := inventory.CheckHost(s); err != nil {
				l.fail(host, "", "%v", err)
			}
		}
	}
	if prefix != nil {
		if u.Prefix = l.upstreamPrefix(prefix); u.Prefix == "" {
			return // told already; without it the upstream would be another
		}
	}
	u.Address = l.dial(n, address, u)
	if u.TLS && u.Plaintext {
		l.fail(n, "remove one of them", "an upstream with both tls and plaintext")
	}
	l.overlap(n, u)
	l.cfg.Envoy.Upstreams = append(l.cfg.Envoy.Upstreams, u)
	l.upstreams = append(l.upstreams, n)
}

func (l *loader) upstreamTLS(n *yaml.Node, u *Upstream) {
	if n.Kind != yaml.MappingNode {
		if n.ShortTag() != "!!bool" {
			l.wrong(n, "true, or a mapping with ca and sni", "")
			u.TLS = true // so that no other error follows from it
			return
		}
		u.TLS = l.boolean(n)
		return
	}
	u.TLS = true
	l.mapping(n, "tls", fields{
		"ca": func(n *yaml.Node) { u.CAFile = l.certificates(n) },
		"sni": func(n *yaml.Node) {
			u.SNI, _ = l.text(n, "a server's name")
			if err := inventory.CheckHost(u.SNI); err != nil && u.SNI != "" {
				l.fail(n, "", "%v", err)
			}
		},
	})
}

func (l *loader) upstreamPrefix(n *yaml.Node) string {
	s, ok := l.text(n, "a path prefix")
	if !ok {
		return ""
	}
	if err := inventory.CheckPrefixPath(s); err != nil {
		l.fail(n, "", "%v", err)
		return ""
	}
	if within(s, ownPath) || within(ownPath, s) {
		l.fail(n, "choose another", "prefix %q overlaps with %s, which the service answers itself", s, ownPath)
	}
	return s
}

// dial is the address of an upstream, which needs none if it speaks TLS.
func (l *loader) dial(parent, n *yaml.Node, u Upstream) string {
	if n == nil {
		if !u.TLS {
			l.fail(parent, `add address: "host:port"`, "an upstream without tls has no address")
		}
		return u.Host + ":443"
	}
	return l.dialled(n)
}

// overlap refuses an upstream whose requests another one would get.
func (l *loader) overlap(n *yaml.Node, u Upstream) {
	for i, other := range l.cfg.Envoy.Upstreams {
		line := l.upstreams[i].Line
		switch {
		case u.Prefix == "" && other.Prefix == "":
			if u.Host == other.Host && u.Host != "" {
				l.fail(n, "remove one of them, or give one a prefix", "two upstreams for host %q; the first is on line %d", u.Host, line)
			}
		case u.Prefix != "" && other.Prefix != "" && (within(u.Prefix, other.Prefix) || within(other.Prefix, u.Prefix)):
			l.fail(n, "choose prefixes of which none begins with another", "prefix %q overlaps with %q on line %d", u.Prefix, other.Prefix, line)
		}
	}
}

// within tells whether path is prefix or below it.
func within(path, prefix string) bool {
	return path == prefix || strings.HasPrefix(path, prefix+"/")
}

// plaintext refuses upstreams that would get values in the clear.
func (l *loader) plaintext() {
	for i, u := range l.cfg.Envoy.Upstreams {
		if !u.TLS && !u.Plaintext && l.receiving[u.Host] && u.Address != "" && !isLoopback(u.Address) {
			l.fail(l.upstreams[i], "add tls: true, or plaintext: true if the network is trusted", "upstream %q would receive values in plaintext", u.Host)
		}
	}
}
