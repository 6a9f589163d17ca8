package integration

import (
	"encoding/base64"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
)

// shownLease is a lease as `lease ls --json` prints it.
type shownLease struct{ Lease, Credential, State string }

func (w *world) leases() (all []shownLease) {
	w.t.Helper()
	stdout, stderr, code := command(w.t, w.dir, w.env, "lease", "ls", "--json")
	if code != 0 {
		w.t.Fatalf("lease ls: %s", stderr)
	}
	if err := json.Unmarshal([]byte(stdout), &all); err != nil {
		w.t.Fatal(err)
	}
	return all
}

// ended waits until no lease is active.
func (w *world) ended() {
	w.t.Helper()
	w.eventually("all leases have ended", func() bool {
		for _, l := range w.leases() {
			if l.State == "active" {
				return false
			}
		}
		return true
	})
}

// TestLeaseEnds: an exchange that an expiry overtakes finishes; the next
// request opens a lease of its own; a ticket is worth nothing from then on, also
// after a restart.
func TestLeaseEnds(t *testing.T) {
	t.Parallel()
	b := newPausing(t)
	key := value()
	s := demo(key, b.address())
	s.Config = strings.Replace(oneCredential, "15m", "2s", 1)
	r := newRig(t, s, asPrinted)
	placeholder := r.placeholder("demo")
	headers := []string{"x-cloakroom-token", r.token(agentClient), "authorization", "Bearer " + placeholder}

	flow := r.begin(headers...)
	first := r.leases()
	r.ended()
	b.proceed <- struct{}{}
	if got := flow.end(); got.err != nil || !strings.HasSuffix(got.body, "data: Bearer "+placeholder+"\n\n") {
		t.Errorf("the exchange under way got %v after %q, want its end, masked", got.err, got.body)
	}
	if answer, body := r.get("/api/v1/x", headers...); answer.StatusCode != http.StatusOK {
		t.Errorf("behind the lease's end: %d %s, want 200 under a new one", answer.StatusCode, body)
	}
	if all := r.leases(); len(first) != 1 || len(all) != 2 {
		t.Errorf("leases %v, then %v: want one, then two", first, all)
	}

	ticket := r.ticket(agentClient, "demo")
	if answer, body := r.get("/api/v1/x", "authorization", "Bearer "+ticket); answer.StatusCode != http.StatusOK || strings.Contains(body, key) {
		t.Fatalf("with a ticket: %d %s", answer.StatusCode, body)
	}
	r.ended()
	before := b.count()
	for range 2 {
		for range 2 {
			answer, body := r.get("/api/v1/x", "authorization", "Bearer "+ticket)
			if answer.StatusCode != http.StatusForbidden || !strings.Contains(body, `"lease_expired"`) {
				t.Errorf("with a ticket that has ended: %d %s, want 403 lease_expired", answer.StatusCode, body)
			}
		}
		r.service.stop(t)
		r.serve()
	}
	if b.count() != before {
		t.Error("a ticket that has ended reached the backend")
	}
}

// TestSlowParts: a policy that does not come to an end, an issuer that does not
// answer and a value that is gone are refused in time, and trouble nobody else.
func TestSlowParts(t *testing.T) {
	t.Parallel()
	b := backend(t, echo)
	silent, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and says nothing
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { silent.Close() })
	key, other := value(), value()
	r := &rig{world: newWorld(t, setup{NoStart: true, Values: map[string]string{"DEMO_KEY": key},
		Config: oneCredential + `
  - name: filed
    tier: low
    groups: [ai-agents]
    value: {file: filed.value}
    allow: [{hosts: [api.test], methods: [GET], paths: ["/v1/**"]}]
policy: {dir: policy}
`, Upstreams: []string{`{host: api.test, prefix: /api, address: "` + b.address() + `"}`}})}
	canary(other)
	exempt(r.path("filed.value"))
	r.write("filed.value", other)
	if err := os.Mkdir(r.path("policy"), 0o700); err != nil {
		t.Fatal(err)
	}
	r.write("policy/slow.rego", slowPolicy)
	r.rewrite(listenOn, `listen: {admin: "127.0.0.1:0", grpc: "unix://`+r.path("grpc.sock")+`"}`)
	slow := "http://" + silent.Addr().String()
	r.rewrite("  issuers:\n", "  issuers:\n    - {issuer: \""+slow+"\", audiences: [cloakroom]}\n")
	r.serve()
	r.envoy(asPrinted)
	token := r.token(agentClient)
	demo := []string{"x-cloakroom-token", token, "authorization", "Bearer " + r.placeholder("demo")}
	filed := []string{"x-cloakroom-token", token, "authorization", "Bearer " + r.placeholder("filed")}
	stranger := []string{"x-cloakroom-token", unsigned(slow), "authorization", "Bearer " + r.placeholder("demo")}
	check := func(name, path string, status int, code string, headers []string) {
		t.Helper()
		got := r.try(path, headers...)
		if got.hung || got.status() != status || !strings.Contains(got.body, code) {
			t.Errorf("%s: got %d %v %s, want %d %s", name, got.status(), got.err, got.body, status, code)
		}
		if got.shows(key) || got.shows(other) {
			t.Errorf("%s: a value came back", name)
		}
	}
	check("all is well", "/api/v1/x", 200, "you sent", demo)
	check("a value in a file", "/api/v1/x", 200, "you sent", filed)
	before := b.count()
	done := make(chan struct{})
	go func() {
		defer close(done)
		check("a policy without end", "/api/v1/slow", 403, "unavailable", demo)
		check("an issuer that says nothing", "/api/v1/x", 401, "unauthenticated", stranger)
	}()
	served := 0
	for waiting := true; waiting || served == 0; {
		select {
		case <-done:
			waiting = false
		default:
			check("beside them", "/api/v1/x", 200, "you sent", demo)
			served++
		}
	}
	if n := b.count() - before; n != served {
		t.Errorf("the backend heard of %d refused requests", n-served)
	}
	if served < 3 {
		t.Errorf("only %d requests were served while others waited", served)
	}
	if err := os.Remove(r.path("filed.value")); err != nil {
		t.Fatal(err)
	}
	r.eventually("a credential without its value is refused", func() bool {
		got := r.try("/api/v1/x", filed...)
		return got.status() == 403 && strings.Contains(got.body, `"unavailable"`)
	})
	check("beside it", "/api/v1/x", 200, "you sent", demo)
	r.write("filed.value", other)
	r.eventually("it is served again", func() bool { return r.try("/api/v1/x", filed...).status() == 200 })
}

// slowPolicy looks at every pair of many numbers, for one path.
const slowPolicy = `package cloakroom.author

import rego.v1

deny contains "a pair was found" if {
	endswith(input.attributes.request.http.path, "/slow")
	some a in numbers.range(1, 100000)
	some b in numbers.range(1, 100000)
	a * b == 0
}
`

// unsigned is what looks like a token of an issuer.
func unsigned(issuer string) string {
	part := func(v any) string {
		b, _ := json.Marshal(v)
		return base64.RawURLEncoding.EncodeToString(b)
	}
	return part(node{"alg": "RS256", "kid": "a"}) + "." +
		part(node{"iss": issuer, "aud": "cloakroom", "sub": "x", "exp": 4102444800, "iat": 1}) + "." + part("signature")
}
