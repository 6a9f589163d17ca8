package integration

import (
	"encoding/json"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// again is what `session replay --policy --json` prints.
type again struct {
	Decided, Unchanged int
	FromLog            int `json:"from_log"`
	Differences        []decidedAgain
	Undecidable        []decidedAgain
}

type decidedAgain struct {
	Method, Host, Path, Grounds, Reason string
	Before, After                       struct{ Decision, Code, Uses string }
}

// again decides what was recorded again; code is the exit code that it must have.
func (w *world) again(code int, arguments ...string) (out again) {
	w.t.Helper()
	stdout, stderr, got := command(w.t, w.dir, w.env, append([]string{"session", "replay", "--json"}, arguments...)...)
	page(stdout, stderr)
	if got != code {
		w.t.Errorf("%v: exit %d, want %d: %s%s", arguments, got, code, stdout, stderr)
	}
	if err := json.Unmarshal([]byte(stdout), &out); err != nil {
		w.t.Fatalf("%v: %v: %s", arguments, err, stdout)
	}
	return out
}

// allEnded waits until n exchanges of a session, refused ones too, have what is recorded
// of them in the index.
func (w *world) allEnded(name string, n int) {
	w.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		all := w.session(w.t, name, n, true)
		if !slices.ContainsFunc(all, func(x shown) bool { return x.End == nil }) {
			return
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("session %s: ends are missing: %+v", name, all)
		}
	}
}

// TestWhatIf decides a real session again: by the rules that it was decided by, by a
// changed policy, and by a changed inventory.
func TestWhatIf(t *testing.T) {
	t.Parallel()
	m := echoing(t)
	in := []string{"x-cloakroom-session", "s1"}
	token := m.agent[:2]
	m.get("/api/v1/x?a=1", append(in, m.agent...)...)
	m.get("/api/v1/x?a=2", append(append(in, "x-purpose", "test"), m.agent...)...)
	m.get("/api/v1/x?a=3", append(in, "authorization", "Bearer "+m.ticket(agentClient, "demo"))...)
	m.get("/api/v1/x?a=4", append(append(in, token...), "authorization", "Bearer "+m.world.placeholder("other"))...)
	m.get("/api/v1/x?a=5", append(append(in, token...), "authorization", "Bearer ckr_demo_00000000000000000000000000")...)
	m.allEnded("s1", 5)

	author := "package cloakroom.author\n\nimport rego.v1\n\n"
	for name, text := range map[string]string{
		"same":    author + "deny contains \"never\" if false\n",
		"purpose": author + "deny contains \"no tests\" if input.attributes.request.http.headers[\"x-purpose\"] == \"test\"\n",
		"method":  author + "deny contains \"no reading today\" if input.target.method == \"GET\"\n",
	} {
		m.policyIn(name, text)
	}
	for _, which := range [][]string{{"s1"}, {"--all"}, {"--since", "1h"}} {
		if same := m.again(0, append(which, "--policy", "same")...); same.Decided != 5 || same.Unchanged != 5 || same.FromLog != 0 || len(same.Undecidable) != 0 {
			t.Errorf("%v by the same rules: %+v", which, same)
		}
	}
	purpose := m.again(1, "s1", "--policy", "purpose")
	if len(purpose.Differences) != 1 || purpose.Unchanged != 4 || purpose.Differences[0].Path != "/v1/x?a=2" || purpose.Differences[0].Grounds != "recording" ||
		purpose.Differences[0].Before.Uses != "demo" || purpose.Differences[0].After.Decision != "deny" || purpose.Differences[0].Reason != "no tests" {
		t.Errorf("by a header: %+v", purpose)
	}
	if method := m.again(1, "s1", "--policy", "method"); len(method.Differences) != 3 {
		t.Errorf("by the method: %+v", method)
	}

	m.byAnotherInventory()
	m.byAsking()
	reads := 0
	for _, a := range m.acts() {
		if a.Name == "read" && a.Detail == "what if" {
			reads++
		}
	}
	if reads != 8 {
		t.Errorf("the log tells of %d readings", reads)
	}
}

// byAnotherInventory decides the session again where other paths are permitted.
func (m *masking) byAnotherInventory() {
	t := m.t
	t.Helper()
	m.write("changed.yaml", strings.Replace(m.read("cloakroom.yaml"), "paths: [\"/v1/**\"]", "paths: [\"/v2/**\"]", 1))
	changed := m.again(1, "s1", "--rules", "changed.yaml")
	if len(changed.Differences) != 3 || changed.Differences[0].After.Code != "not_granted" {
		t.Errorf("by another inventory: %+v", changed)
	}
	stdout, _, code := command(t, m.dir, m.env, "session", "replay", "s1", "--rules", "changed.yaml")
	if page(stdout); code != 1 || !strings.Contains(stdout, "5 decided again: 2 unchanged, 3 would differ") || !strings.Contains(stdout, "allow (demo)") {
		t.Errorf("the table: exit %d: %s", code, stdout)
	}
}

// byAsking decides by a policy that asks a server: nobody is asked, and nothing decided.
func (m *masking) byAsking() {
	t := m.t
	t.Helper()
	asked := backend(t, func(http.ResponseWriter, *http.Request) {})
	m.policyIn("asks", "package cloakroom.author\n\nimport rego.v1\n\n"+
		`deny contains "no" if http.send({"method": "GET", "url": "http://`+asked.address()+`"}).status_code != 200`+"\n")
	m.write("asks.yaml", m.read("cloakroom.yaml")+"\npolicy: {dir: asks, allow_net: [127.0.0.1]}\n")
	if all := m.again(0, "s1", "--rules", "asks.yaml"); len(all.Undecidable) != 4 || !strings.Contains(all.Undecidable[0].Reason, "asks a server") || asked.count() != 0 {
		t.Errorf("by a policy that asks: %+v, %d were asked", all, asked.count())
	}
}

// policyIn writes a policy into a folder of its own.
func (w *world) policyIn(name, text string) {
	w.t.Helper()
	if err := os.Mkdir(w.path(name), 0o700); err != nil {
		w.t.Fatal(err)
	}
	w.write(name+"/author.rego", text)
}

// TestWhatIfUsage pins what it does not guess.
func TestWhatIfUsage(t *testing.T) {
	t.Parallel()
	m := echoing(t)
	m.policyIn("own", "package cloakroom.author\n")
	m.write("further.yaml", m.read("cloakroom.yaml")+"\npolicy: {allow_net: [evil.example]}\n")
	for _, tt := range []struct {
		arguments string
		code      int
		want      string
	}{
		{"session replay --all", 2, "belong to --policy or --rules"},
		{"session replay s1 --ask", 2, "belong to --policy or --rules"},
		{"session replay s1 --json", 2, "belong to --policy or --rules"},
		{"session replay --policy .", 2, "which sessions"},
		{"session replay s1 --all --policy .", 2, "one is named"},
		{"session replay s1 --policy . --curl", 2, "play nothing back"},
		{"session replay s1 --policy nowhere", 1, "nowhere"},
		{"session replay s1 --rules nowhere.yaml", 1, "nowhere.yaml"},
		{"session replay s1 --ask --rules further.yaml", 1, `could send what is recorded to "evil.example"`},
		{"session replay --all --policy own", 1, "nothing could be decided"},
		{"session replay none --policy own", 1, `no session or exchange "none"`},
	} {
		stdout, stderr, code := command(t, m.dir, m.env, strings.Fields(tt.arguments)...)
		page(stdout, stderr)
		if code != tt.code || !strings.Contains(stderr, tt.want) {
			t.Errorf("%s: exit %d: %s", tt.arguments, code, stderr)
		}
	}
}
