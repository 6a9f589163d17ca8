package config

import (
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v4"

	"cloakroom/internal/inventory"
)

// reach reads how an Envoy elsewhere reaches the service.
func (l *loader) reach(n *yaml.Node) *Reach {
	r := &Reach{}
	var grpc, tls *yaml.Node
	if !l.mapping(n, "service", fields{
		"grpc": keep(&grpc), "tls": keep(&tls),
		"agent": func(n *yaml.Node) { r.Agent = l.dialled(n) },
	}) {
		return r
	}
	if l.present(n, grpc, "service", "grpc", `add grpc: "cloakroom:9191"`) {
		r.GRPC = l.dialled(grpc)
	}
	if l.present(n, tls, "service", "tls", "add tls with cert, key, ca and name: Envoy and the service know each other by certificates") {
		l.reachTLS(tls, r)
	}
	return r
}

func (l *loader) reachTLS(n *yaml.Node, r *Reach) {
	var cert, key, ca, name *yaml.Node
	if !l.mapping(n, "tls", fields{"cert": keep(&cert), "key": keep(&key), "ca": keep(&ca), "name": keep(&name)}) {
		return
	}
	for _, f := range []struct {
		name string
		n    *yaml.Node
		to   *string
	}{{"cert", cert, &r.CertFile}, {"key", key, &r.KeyFile}, {"ca", ca, &r.CAFile}} {
		if l.present(n, f.n, "tls", f.name, "add "+f.name+": /path/of/Envoy's/file.pem") {
			*f.to = l.elsewhere(f.n)
		}
	}
	if l.present(n, name, "tls", "name", "add name: the name in the service's certificate") {
		r.Name, _ = l.text(name, "a server's name")
		if err := inventory.CheckHost(r.Name); err != nil && r.Name != "" {
			l.fail(name, "", "%v", err)
		}
	}
}

// dialled reads an address to connect to.
func (l *loader) dialled(n *yaml.Node) string {
	s, ok := l.text(n, "an address")
	if ok && (!isHostPort(s, 1) || strings.HasPrefix(s, ":")) {
		l.fail(n, `write "host:port"`, "%q is not an address", s)
	}
	return s
}

// elsewhere reads a path of another machine's, which must be whole: it starts
// from no folder that is known here.
func (l *loader) elsewhere(n *yaml.Node) string {
	s, ok := l.text(n, "a file's path")
	if ok && !filepath.IsAbs(s) {
		l.fail(n, "write the path as Envoy sees it, from /", "%q is not an absolute path", s)
	}
	return s
}
