package integration

import (
	"encoding/json"
	"maps"
	"net"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
)

// freePort is a port of loopback that nobody listens on now.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// onTCP makes the printed bootstrap call the service on TCP, which `envoy
// bootstrap` leaves to the operator.
func onTCP(address string, cluster node, service node) func(node) {
	host, port, _ := net.SplitHostPort(address)
	n, _ := strconv.Atoi(port)
	return func(b node) {
		for _, c := range at(b, "static_resources", "clusters").([]any) {
			if c := c.(node); c["name"] == "cloakroom" {
				at(c, "load_assignment", "endpoints", 0, "lb_endpoints", 0, "endpoint").(node)["address"] = node{
					"socket_address": node{"address": host, "port_value": n}}
				maps.Copy(c, cluster)
			}
		}
		for _, name := range []string{authzFilter, procFilter} {
			maps.Copy(filter(b, name)["grpc_service"].(node), service)
		}
	}
}

// exposed is a service on TCP that is not started yet: open is the line of its
// configuration, with nobody named who may call.
type exposed struct {
	*rig
	b              *seen
	key, callerKey string
	address, open  string
	printed        node
}

func newExposed(t *testing.T) *exposed {
	t.Helper()
	x := &exposed{key: value(), callerKey: value(), b: backend(t, echo), address: freePort(t)}
	s := demo(x.key, x.b.address())
	s.NoStart, s.Values["CALLER_KEY"] = true, x.callerKey
	x.rig = &rig{world: newWorld(t, s)}
	x.printed = x.bootstrapOf(t)
	x.open = `listen: {admin: "127.0.0.1:0", grpc: "` + x.address + `"}`
	x.rewrite(listenOn, x.open)
	return x
}

// TestOpenListener: on TCP, without a key or a list of clients, the service does
// not start.
func TestOpenListener(t *testing.T) {
	t.Parallel()
	x := newExposed(t)
	for _, name := range []string{"check", "serve"} {
		if _, stderr, code := command(t, x.dir, x.env, name); code != 1 || !strings.Contains(stderr, "anybody who can connect") {
			t.Errorf("%s of an open listener: %d %s", name, code, stderr)
		}
	}
}

// TestCallersWithKey: only who sends the key gets through.
func TestCallersWithKey(t *testing.T) {
	t.Parallel()
	x := newExposed(t)
	x.rewrite(x.open, strings.Replace(x.open, "}", ", key: {env: CALLER_KEY}}", 1))
	x.serve()
	for name, c := range map[string]struct {
		pairs []string
		want  codes.Code
	}{
		"none":  {nil, codes.PermissionDenied},
		"wrong": {[]string{"x-cloakroom-key", value()}, codes.PermissionDenied},
		"twice": {[]string{"x-cloakroom-key", x.callerKey, "x-cloakroom-key", value()}, codes.PermissionDenied},
		"right": {[]string{"x-cloakroom-key", x.callerKey}, codes.FailedPrecondition},
	} {
		if err := callService(t, x.address, insecure.NewCredentials(), c.pairs...); status.Code(err) != c.want {
			t.Errorf("key %s: %v, want %v", name, err, c.want)
		}
	}
	sending := func(key string) func(node) {
		return onTCP(x.address, nil, node{"initial_metadata": []any{node{"key": "x-cloakroom-key", "value": key}}})
	}
	x.through(t, sending(x.callerKey), 200)
	x.through(t, sending(value()), 503)
}

// TestCallersWithCertificate: only a client that is named gets through, not
// everyone whom the authority knows.
func TestCallersWithCertificate(t *testing.T) {
	t.Parallel()
	x := newExposed(t)
	pki := newPKI(t, x.dir)
	x.rewrite(x.open, strings.Replace(x.open, "}",
		`, tls: {cert: server.pem, key: server.key, client_ca: ca.pem, clients: ["spiffe://test.example/gateway"]}}`, 1))
	x.serve()
	for name, c := range map[string]struct {
		as   credentials.TransportCredentials
		want codes.Code
	}{
		"plaintext":      {insecure.NewCredentials(), codes.Unavailable},
		"no certificate": {pki.client(t, ""), codes.Unavailable},
		"another name":   {pki.client(t, "stranger"), codes.Unavailable},
		"its name":       {pki.client(t, "gateway"), codes.FailedPrecondition},
	} {
		if err := callService(t, x.address, c.as); status.Code(err) != c.want {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	x.through(t, onTCP(x.address, pki.envoy("gateway"), nil), 200)
	x.through(t, onTCP(x.address, pki.envoy("stranger"), nil), 503)
}

// through starts an Envoy from a patched bootstrap and sends a request through
// it.
func (x *exposed) through(t *testing.T, patch func(node), want int) {
	t.Helper()
	bootstrap := clone(x.printed)
	patch(bootstrap)
	p, address := startEnvoy(t, x.dir, bootstrap)
	defer p.stop(t)
	x.gateway = "http://" + address
	before := x.b.count()
	placeholder := x.placeholder("demo")
	got := x.try("/api/v1/x", "x-cloakroom-token", x.token(agentClient), "authorization", "Bearer "+placeholder)
	if got.status() != want || got.shows(x.key) {
		t.Errorf("through Envoy: %d %v %s, want %d", got.status(), got.err, got.body, want)
	}
	if want == 200 && !strings.Contains(got.body, placeholder) || want != 200 && x.b.count() != before {
		t.Errorf("through Envoy: %q; the backend heard %d", got.body, x.b.count()-before)
	}
}

func clone(b node) (out node) {
	text, _ := json.Marshal(b)
	json.Unmarshal(text, &out)
	return out
}
