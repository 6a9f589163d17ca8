package integration

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestReload changes the configuration under a running service: by a changed
// file and by SIGHUP, for good and for bad.
func TestReload(t *testing.T) {
	t.Parallel()
	m := echoing(t)
	ask := func() int {
		answer, _ := m.get("/api/v1/x", m.agent...)
		return answer.StatusCode
	}
	if got := ask(); got != http.StatusOK {
		t.Fatalf("at first: status %d", got)
	}
	m.rewrite(`["/v1/**"]`, `["/v2/**"]`) // of the credential demo
	m.eventually("a changed file takes away", func() bool { return ask() == http.StatusForbidden })

	m.rewrite(`["/v2/**"]`, `["/v1/**"]`)
	m.eventually("a changed file gives back", func() bool { return ask() == http.StatusOK })

	m.rewrite("[ai-agents]\n", "[ai-agent]\n    bad: true\n")
	m.eventually("a bad file is told of", func() bool {
		return strings.Contains(m.up.out.String(), "THE NEW CONFIGURATION IS BAD") && strings.Contains(m.up.out.String(), `unknown key`)
	})
	if got := ask(); got != http.StatusOK {
		t.Errorf("behind a bad file: status %d", got)
	}
	refused := m.metrics(t)[`cloakroom_reloads_total{result="refused"}`]
	if refused < 1 {
		t.Errorf("refused reloads in the metrics: %v", refused)
	}
	if err := m.up.signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	m.eventually("SIGHUP reads the file again", func() bool {
		return m.metrics(t)[`cloakroom_reloads_total{result="refused"}`] > refused
	})
	m.rewrite("[ai-agent]\n    bad: true\n", "[sre]\n")
	if err := m.up.signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	m.eventually("SIGHUP puts new groups in force", func() bool { return ask() == http.StatusForbidden })

	applied := m.metrics(t)[`cloakroom_reloads_total{result="applied"}`]
	m.rewrite("prefix: /api", "prefix: /other")
	m.eventually("what needs a restart is told", func() bool {
		return strings.Contains(m.up.out.String(), "cannot change without a restart")
	})
	if now := m.metrics(t)[`cloakroom_reloads_total{result="applied"}`]; now != applied {
		t.Errorf("a change that needs a restart was applied (%v, %v before)", now, applied)
	}
}

// TestRotation changes a value's file under a running service: the new one goes
// up at once, and the old one is masked still. In an answer under way both are.
func TestRotation(t *testing.T) {
	t.Parallel()
	first, second := value(), value()
	file := filepath.Join(t.TempDir(), "key")
	keep(t, file, first)
	more := make(chan bool)
	b := backend(t, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "now "+r.Header.Get("authorization")+"\n")
		if r.URL.Path == "/v1/slow" {
			http.NewResponseController(w).Flush()
			<-more
		}
		io.WriteString(w, "before "+first)
		if r.URL.Path == "/v1/slow" {
			io.WriteString(w, " after "+second)
		}
	})
	w := newWorld(t, setup{Config: strings.Replace(oneCredential, "{env: DEMO_KEY}", "{file: "+file+"}", 1),
		Upstreams: []string{`{host: api.test, prefix: /api, address: "` + b.address() + `"}`}})
	placeholder := w.placeholder("demo")
	agent := []string{"x-cloakroom-token", w.token(agentClient), "authorization", "Bearer " + placeholder}
	want := "now Bearer " + placeholder + "\nbefore " + placeholder
	slow := w.open("/api/v1/slow", agent...)
	defer slow.Body.Close()

	next := file + ".next" // replaced in one step, as a secret's manager does
	keep(t, next, second)
	if err := os.Rename(next, file); err != nil {
		t.Fatal(err)
	}
	w.eventually("the new value goes up", func() bool {
		_, body := w.get("/api/v1/x", agent...)
		if body != want {
			t.Fatalf("the agent got %q", body)
		}
		return b.last().Header.Get("authorization") == "Bearer "+second
	})
	close(more)
	if body, err := io.ReadAll(slow.Body); err != nil || string(body) != want+" after "+placeholder {
		t.Errorf("an answer under way: %q, %v", body, err)
	}
}
