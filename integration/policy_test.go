package integration

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestAuthorsPolicy extends the built-in policy by a file of the author's, and
// changes that file under a running service.
func TestAuthorsPolicy(t *testing.T) {
	t.Parallel()
	key := value()
	b := backend(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "here") })
	s := setup{Values: map[string]string{"DEMO_KEY": key}, Config: oneCredential + "policy: {dir: policy}\n",
		Upstreams: []string{`{host: api.test, prefix: /api, address: "` + b.address() + `"}`}, NoStart: true}
	w := newWorld(t, s)
	if err := os.Mkdir(filepath.Join(w.dir, "policy"), 0o700); err != nil {
		t.Fatal(err)
	}
	w.write("policy/author.rego", `package cloakroom.author

deny contains "not on this path" if input.parsed_path[_] == "closed"
`)
	w.start()
	agent := []string{"x-cloakroom-token", w.token(agentClient), "authorization", "Bearer " + w.placeholder("demo")}
	ask := func(path string) int {
		answer, _ := w.get(path, agent...)
		return answer.StatusCode
	}
	if open, closed := ask("/api/v1/open"), ask("/api/v1/closed"); open != http.StatusOK || closed != http.StatusForbidden {
		t.Fatalf("at first: %d and %d, want 200 and 403", open, closed)
	}
	w.write("policy/author.rego", `package cloakroom.author

deny contains "not on this path" if input.parsed_path[_] == "open"
`)
	w.eventually("a changed policy is in force", func() bool {
		return ask("/api/v1/open") == http.StatusForbidden && ask("/api/v1/closed") == http.StatusOK
	})
	w.write("policy/author.rego", "package cloakroom.author\n\nthis is no Rego\n")
	w.eventually("a bad policy is told of", func() bool {
		return strings.Contains(w.up.out.String(), "THE NEW CONFIGURATION IS BAD")
	})
	if got := ask("/api/v1/closed"); got != http.StatusOK {
		t.Errorf("behind a bad policy: status %d", got)
	}
}
