package integration

import (
	"encoding/base64"
	"encoding/json"
	"net"
	"os"
	"strings"
	"testing"
)

// slowed is a world with a policy that does not come to an end for one path, an
// issuer that takes connections and says nothing, and a value in a file.
type slowed struct {
	*rig
	b               *seen
	key, filed      string
	token, stranger string // one of the silent issuer's, by its looks
}

func newSlowed(t *testing.T) *slowed {
	t.Helper()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { silent.Close() })
	w := &slowed{b: backend(t, echo), key: value(), filed: value()}
	s := demo(w.key, w.b.address())
	s.NoStart = true
	s.Config += `
  - name: filed
    tier: low
    groups: [ai-agents]
    value: {file: filed.value}
    allow: [{hosts: [api.test], methods: [GET], paths: ["/v1/**"]}]
policy: {dir: policy}
`
	w.rig = &rig{world: newWorld(t, s)}
	canary(w.filed)
	exempt(w.path("filed.value"))
	w.write("filed.value", w.filed)
	if err := os.Mkdir(w.path("policy"), 0o700); err != nil {
		t.Fatal(err)
	}
	w.write("policy/slow.rego", slowPolicy)
	w.rewrite(listenOn, `listen: {admin: "127.0.0.1:0", grpc: "unix://`+w.path("grpc.sock")+`"}`)
	issuer := "http://" + silent.Addr().String()
	w.rewrite("  issuers:\n", "  issuers:\n    - {issuer: \""+issuer+"\", audiences: [cloakroom]}\n")
	w.serve()
	w.envoy(asPrinted)
	w.token, w.stranger = w.rig.token(agentClient), unsigned(issuer)
	return w
}

// check sends a request with a credential's placeholder.
func (w *slowed) check(name, path, token, placeholder string, status int, code string) {
	w.t.Helper()
	got := w.try(path, "x-cloakroom-token", token, "authorization", "Bearer "+placeholder)
	if got.hung || got.status() != status || !strings.Contains(got.body, code) {
		w.t.Errorf("%s: got %d %v %s, want %d %s", name, got.status(), got.err, got.body, status, code)
	}
	if got.shows(w.key) || got.shows(w.filed) {
		w.t.Errorf("%s: a value came back", name)
	}
}

// TestSlowParts: a policy that does not end and an issuer that does not answer
// are refused in time, and delay nobody else.
func TestSlowParts(t *testing.T) {
	t.Parallel()
	w := newSlowed(t)
	demo := w.placeholder("demo")
	w.check("all is well", "/api/v1/x", w.token, demo, 200, "you sent")
	before := w.b.count()
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.check("a policy without end", "/api/v1/slow", w.token, demo, 403, "unavailable")
		w.check("an issuer that says nothing", "/api/v1/x", w.stranger, demo, 401, "unauthenticated")
	}()
	served := 0
	for waiting := true; waiting || served == 0; served++ {
		select {
		case <-done:
			waiting = false
		default:
		}
		w.check("beside them", "/api/v1/x", w.token, demo, 200, "you sent")
	}
	if n := w.b.count() - before; n != served {
		t.Errorf("the backend heard of %d refused requests", n-served)
	}
	if served < 3 {
		t.Errorf("only %d requests were served while others waited", served)
	}
}

// TestValueGone: a credential whose value cannot be read any more is refused,
// others are not, and it comes back with its value.
func TestValueGone(t *testing.T) {
	t.Parallel()
	w := newSlowed(t)
	demo, filed := w.placeholder("demo"), w.placeholder("filed")
	w.check("a value in a file", "/api/v1/x", w.token, filed, 200, "you sent")
	if err := os.Remove(w.path("filed.value")); err != nil {
		t.Fatal(err)
	}
	w.eventually("a credential without its value is refused", func() bool {
		got := w.try("/api/v1/x", "x-cloakroom-token", w.token, "authorization", "Bearer "+filed)
		return got.status() == 403 && strings.Contains(got.body, `"unavailable"`)
	})
	w.check("beside it", "/api/v1/x", w.token, demo, 200, "you sent")
	w.write("filed.value", w.filed)
	w.eventually("it is served again", func() bool {
		return w.try("/api/v1/x", "x-cloakroom-token", w.token, "authorization", "Bearer "+filed).status() == 200
	})
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
