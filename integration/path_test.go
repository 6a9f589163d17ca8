package integration

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// oneCredential is a world with one backend behind the prefix /api.
const oneCredential = `
tiers: {low: {lease: 15m}}
credentials:
  - name: demo
    tier: low
    groups: [ai-agents]
    value: {env: DEMO_KEY}
    allow:
      - hosts: [api.test]
        methods: [GET, POST]
        paths: ["/v1/**"]
`

// TestMainPath is the promise of the whole: the value goes up, the placeholder
// comes back.
func TestMainPath(t *testing.T) {
	key := value()
	b := backend(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("x-echo", r.Header.Get("authorization"))
		io.WriteString(w, "you sent "+r.Header.Get("authorization")+"\n")
	})
	w := newWorld(t, setup{Values: map[string]string{"DEMO_KEY": key}, Config: oneCredential,
		Upstreams: []string{`{host: api.test, prefix: /api, address: "` + b.address() + `"}`}})
	placeholder := w.placeholder("demo")

	answer, body := w.get("/api/v1/x?y=z", "x-cloakroom-token", w.token(agentClient), "authorization", "Bearer "+placeholder)
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("status %d: %s", answer.StatusCode, body)
	}
	if got := b.last().Header.Get("authorization"); got != "Bearer "+key {
		t.Errorf("the backend got another key than the value")
	}
	if got := b.last().URL.String(); got != "/v1/x?y=z" {
		t.Errorf("the backend got path %q", got)
	}
	if b.last().Header.Get("x-cloakroom-token") != "" {
		t.Error("the identity token reached the backend")
	}
	want := "you sent Bearer " + placeholder + "\n"
	if body != want || answer.Header.Get("x-echo") != "Bearer "+placeholder {
		t.Errorf("the agent got %q and %q, want the placeholder in both", body, answer.Header.Get("x-echo"))
	}
	if strings.Contains(body, key) {
		t.Error("the value came back")
	}
}
