package integration

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// TestAnEnvoyElsewhere: the bootstrap as it is printed for an Envoy that shares no
// socket with the service. It finds it by a name of two addresses, at one of
// which nobody listens.
func TestAnEnvoyElsewhere(t *testing.T) {
	t.Parallel()
	x := newExposed(t)
	pki := newPKI(t, x.dir)
	agents := freePort(t)
	_, grpcPort, _ := strings.Cut(x.address, ":")
	_, agentPort, _ := strings.Cut(agents, ":")
	x.rewrite(x.open, strings.Replace(x.open, "}", `, agent: "`+agents+`", tls: {cert: server.pem, key: server.key, client_ca: ca.pem, clients: ["spiffe://test.example/gateway"]}}`, 1))
	x.rewrite("envoy:\n", fmt.Sprintf("envoy:\n  service: {grpc: \"localhost:%s\", agent: \"localhost:%s\", tls: {cert: %s, key: %s, ca: %s, name: 127.0.0.1}}\n",
		grpcPort, agentPort, x.path("gateway.pem"), x.path("gateway.key"), x.path("ca.pem")))
	x.rewrite(`admin: "127.0.0.1:0"`, `admin: "`+freePort(t)+`"`)
	if stdout, stderr, code := command(t, x.dir, x.env, "ready"); code != 1 {
		t.Errorf("ready, of a service that does not run: %d %s%s", code, stdout, stderr)
	}
	x.serve()
	if _, stderr, code := command(t, x.dir, x.env, "ready"); code != 0 {
		t.Errorf("ready: %d %s", code, stderr)
	}
	if _, stderr, code := command(t, x.dir, x.env, "envoy", "bootstrap", "--output", x.path("made.json")); code != 0 {
		t.Errorf("envoy bootstrap: %s", stderr)
	}
	x.envoy(asPrinted)
	ticket := x.ticket(agentClient, "demo")
	for range 8 {
		if got := x.try("/api/v1/x", "x-cloakroom-token", x.token(agentClient), "authorization", "Bearer "+ticket); got.status() != http.StatusOK || got.shows(x.key) {
			t.Errorf("through Envoy: %d %v %s", got.status(), got.err, got.body)
		}
	}
	stranger := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pki.pool}}}
	if answer, err := stranger.Get("https://" + agents + "/.well-known/cloakroom"); err == nil {
		answer.Body.Close()
		t.Errorf("a caller without a certificate got %d at the agents' endpoint", answer.StatusCode)
	}
}
