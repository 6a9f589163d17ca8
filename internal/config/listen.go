package config

import (
	"strings"

	"go.yaml.in/yaml/v4"

	"cloakroom/internal/secret"
)

func (l *loader) listen(n *yaml.Node) {
	if n == nil {
		return
	}
	to := &l.cfg.Listen
	var grpc, agent *yaml.Node
	l.mapping(n, "listen", fields{
		"grpc":  func(n *yaml.Node) { grpc = n; to.GRPC = l.address(n, true) },
		"admin": func(n *yaml.Node) { to.Admin = l.adminAddress(n) },
		"agent": func(n *yaml.Node) { agent = n; to.Agent = l.address(n, true) },
		"tls":   func(n *yaml.Node) { to.TLS = l.serverTLS(n) },
		"key":   func(n *yaml.Node) { to.Key = l.callerKey(n) },
		"peer_uids": func(n *yaml.Node) {
			l.list(n, "user ids", func(n *yaml.Node) { to.PeerUIDs = append(to.PeerUIDs, uint32(l.integer(n, 0, 1<<32-1))) })
		},
	})
	named := to.TLS != nil && len(to.TLS.Clients) > 0
	if onTCP(to.Agent) && !named {
		l.fail(agent, "add tls with client_ca and clients, or listen on a Unix socket",
			"anybody who can connect to %q could pass for Envoy", to.Agent)
	}
	if onTCP(to.GRPC) && len(l.cfg.Credentials) > 0 && to.Key == nil && !named {
		l.fail(grpc, "add tls with client_ca and clients, or key, or listen on a Unix socket",
			"anybody who can connect to %q could ask for values", to.GRPC)
	}
}

func (l *loader) adminAddress(n *yaml.Node) string {
	s := l.address(n, true)
	if onTCP(s) && !isLoopback(s) {
		l.warn(n, "use loopback, or put TLS before it", "the admin listener on %q would carry operators' tokens in plaintext", s)
	}
	return s
}

func onTCP(address string) bool { return address != "" && !strings.HasPrefix(address, "unix:") }

// callerKey reads where the key is that Envoy sends. It is judged as a value.
func (l *loader) callerKey(n *yaml.Node) *secret.Source {
	source := &secret.Source{}
	l.value(n, source)
	l.read(n, *source)
	return source
}

func (l *loader) serverTLS(n *yaml.Node) *ServerTLS {
	t := &ServerTLS{}
	var cert, key *yaml.Node
	if !l.mapping(n, "tls", fields{
		"cert": keep(&cert), "key": keep(&key),
		"client_ca": func(n *yaml.Node) { t.ClientCAFile = l.certificates(n) },
		"clients":   func(n *yaml.Node) { t.Clients = l.texts(n, "clients", l.client) },
	}) {
		return t
	}
	l.pair(n, cert, key, t)
	if (t.ClientCAFile == "") != (len(t.Clients) == 0) {
		l.fail(n, "give both client_ca and clients, or neither", "client_ca and clients need each other")
	}
	return t
}

// client reads one client's identity. A pattern is refused: it would let in
// whoever else the certificate authority knows.
func (l *loader) client(n *yaml.Node, s string) bool {
	id, spiffe := strings.CutPrefix(s, "spiffe://")
	_, workload, _ := strings.Cut(id, "/")
	if strings.ContainsAny(s, "* \t") || spiffe && workload == "" {
		l.fail(n, "name each client in full, such as spiffe://example.org/gateway", "%q is not one client's identity", s)
		return false
	}
	return true
}

// keyPair reads {cert: FILE, key: FILE}.
func (l *loader) keyPair(n *yaml.Node) *ServerTLS {
	t := &ServerTLS{}
	var cert, key *yaml.Node
	if l.mapping(n, "tls", fields{"cert": keep(&cert), "key": keep(&key)}) {
		l.pair(n, cert, key, t)
	}
	return t
}
