package envoy

import (
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// longestHold bounds how long Envoy waits for a service that says nothing.
const longestHold = time.Hour

// check refuses options that Envoy would accept and that would then route
// otherwise than they read.
func (b *builder) check() {
	if _, _, err := splitAddress(b.o.Listen); err != nil {
		b.fail("listen %q: want host:port", b.o.Listen)
	}
	b.checkService()
	if t := b.o.Timeouts; min(t.Check, t.Hold, t.Message, t.Connect, t.Headers, t.Idle) < 0 || t.Hold > longestHold {
		b.fail("timeouts: want none below zero, and hold at most %s", longestHold)
	}
	seen := map[string]string{}
	once := func(kind, name, upstream string) {
		key := kind + " " + name
		if other, ok := seen[key]; ok {
			b.fail("upstream %q: %s %q is upstream %q's already", upstream, kind, name, other)
		}
		seen[key] = upstream
	}
	once("cluster", serviceCluster, "cloakroom")
	once("cluster", agentCluster, "cloakroom")
	once("route", agentRoute, "cloakroom")
	once("route", noRouteName, "cloakroom")
	for _, u := range b.o.Upstreams {
		b.checkUpstream(u)
		once("route", u.Route, u.Host)
		once("cluster", u.Cluster, u.Host)
		if u.Prefix == "" {
			once("host", u.Host, u.Host)
		} else {
			once("prefix", u.Prefix, u.Host)
		}
	}
}

func (b *builder) checkService() {
	s := b.o.Service
	if a := b.o.Agent; a != "" && !strings.HasPrefix(a, "/") {
		if _, _, err := splitAddress(a); err != nil {
			b.fail("agent %q: want a Unix socket's absolute path or host:port", a)
		} else if s.TLS == nil {
			b.fail("agent %q: on TCP Envoy needs a client certificate", a)
		}
	}
	if path, ok := strings.CutPrefix(s.Address, "unix://"); ok {
		if !strings.HasPrefix(path, "/") {
			b.fail("service %q: want unix:///absolute/path", s.Address)
		}
		if s.TLS != nil {
			b.fail("service %q: TLS is for TCP", s.Address)
		}
		return
	}
	if _, _, err := splitAddress(s.Address); err != nil {
		b.fail("service %q: want unix:///path or host:port", s.Address)
	}
	if s.Key == "" && s.TLS == nil {
		b.fail("service %q: on TCP Envoy needs a key or a client certificate", s.Address)
	}
}

func (b *builder) checkUpstream(u Upstream) {
	host := u.Host
	_, notIP := parseIP(host)
	switch {
	case host == "", host != strings.ToLower(host), strings.HasSuffix(host, "."),
		strings.ContainsAny(host, "*/?#@ "), strings.Contains(host, ":") && notIP != nil:
		b.fail("upstream %q: want a host's name in lower case, without port or final dot", host)
	}
	if u.Route == "" || u.Cluster == "" {
		b.fail("upstream %q: route and cluster need names", host)
	}
	if _, _, err := splitAddress(u.Address); err != nil {
		b.fail("upstream %q: address %q: want host:port", host, u.Address)
	}
	if !u.TLS && (u.CAFile != "" || u.SNI != "") {
		b.fail("upstream %q: a CA or a server name needs TLS", host)
	}
	for _, o := range slices.Concat(u.Bodies, u.Approvals) {
		if _, err := regexp.Compile(o.Path); err != nil || o.Method == "" || o.Path == "" {
			b.fail("upstream %q: operation %q %q: want a method and an expression for the path", host, o.Method, o.Path)
		}
	}
	b.checkPrefix(u)
}

func (b *builder) checkPrefix(u Upstream) {
	p := u.Prefix
	if p == "" {
		return
	}
	if p[0] != '/' || p == "/" || strings.HasSuffix(p, "/") ||
		strings.ContainsAny(p, "?#%\\;+ ") || strings.Contains(p, "//") || strings.Contains(p, "/.") {
		b.fail("upstream %q: prefix %q: want a plain path such as /github", u.Host, p)
	}
	if p == AgentPath || strings.HasPrefix(p, AgentPath+"/") {
		b.fail("upstream %q: prefix %q is Cloakroom's own", u.Host, p)
	}
	for _, other := range b.o.Upstreams {
		if other.Prefix != "" && strings.HasPrefix(p, other.Prefix+"/") {
			b.fail("upstream %q: prefix %q lies below %q", u.Host, p, other.Prefix)
		}
	}
}

func splitAddress(s string) (host string, port uint32, err error) {
	host, p, err := net.SplitHostPort(s)
	if err != nil {
		return "", 0, err
	}
	n, err := strconv.ParseUint(p, 10, 16)
	return host, uint32(n), err
}

// parseIP takes the bracketed form of IPv6, as it stands in a Host header.
func parseIP(host string) (netip.Addr, error) {
	return netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"))
}
