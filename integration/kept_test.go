package integration

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// partsOfRules are the parts that the log's reloads name, as they are written.
func (w *world) partsOfRules(t *testing.T) (all []string) {
	t.Helper()
	segments, err := filepath.Glob(w.path("record/*.log"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range segments {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(b)) {
			var e struct {
				Reload *struct{ Rules json.RawMessage }
			}
			if json.Unmarshal([]byte(line), &e) == nil && e.Reload != nil {
				all = append(all, string(e.Reload.Rules))
			}
		}
	}
	return all
}

// TestRulesAreNamedAgain where a value alone was changed. A service that is killed then,
// and those who verify, take two entries that name one part.
func TestRulesAreNamedAgain(t *testing.T) {
	t.Parallel()
	b := backend(t, func(w http.ResponseWriter, r *http.Request) {})
	file := filepath.Join(t.TempDir(), "demo.value") // not where values are looked for
	puts := func(v string) {
		canary(v)
		if err := os.WriteFile(file, []byte(v), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w := newWorld(t, setup{NoStart: true, Values: map[string]string{"OTHER_KEY": value()},
		Config:    strings.Replace(twoCredentials, "{env: DEMO_KEY}", "{file: "+file+"}", 1),
		Upstreams: []string{`{host: api.test, prefix: /api, address: "` + b.address() + `"}`}})
	puts(value())
	w.start()
	w.eventually("the rules are kept", func() bool { return len(w.partsOfRules(t)) == 1 })
	puts(value())
	w.eventually("the value is in force", func() bool { return len(w.partsOfRules(t)) == 2 })
	w.up.kill()
	w.start()
	w.get("/api/v1/x", "x-cloakroom-session", "s1", "x-cloakroom-token", w.token(agentClient), "authorization", "Bearer "+w.placeholder("demo"))
	v, stderr, code := w.verifies(t, "s1", 1)
	if s := v.Sessions; code != 0 || s.Found != 0 || s.Substitutions != 1 || s.Unjudged != 0 {
		t.Errorf("exit %d: %+v%s", code, s, stderr)
	}
	all := w.partsOfRules(t)
	if len(all) != 3 || len(all[0]) < 10 || all[1] != all[0] || all[2] == all[0] { // a new process keeps them anew
		t.Errorf("named: %q", all)
	}
}
