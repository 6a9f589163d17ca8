package integration

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// verified is what `session verify --json` prints.
type verified struct {
	Sessions struct {
		Exchanges, Refused, Unfinished, Substitutions, Uncertain, Unjudged int
		Recorded, Partly, Off, Found                                       int
		Searched, Trusted                                                  int64
		Findings                                                           []finding
	}
}

type finding struct{ What, Exchange, Where, Credential, Form string }

// verifies verifies a session, once its n exchanges have ended.
func (w *world) verifies(t *testing.T, name string, n int, arguments ...string) (v verified, stderr string, code int) {
	t.Helper()
	w.session(t, name, n, true)
	w.eventually("the log is signed", func() bool {
		_, _, code := command(t, w.dir, w.env, "log", "checkpoint")
		return code == 0
	})
	stdout, stderr, code := command(t, w.dir, w.env, append([]string{"session", "verify", name, "--json"}, arguments...)...)
	page(stdout, stderr)
	if err := json.Unmarshal([]byte(stdout), &v); err != nil {
		t.Fatalf("%v: %s%s", err, stdout, stderr)
	}
	return v, stderr, code
}

// TestSessionVerify verifies a session in which all went well, and hands the
// evidence to somebody who has nothing but the key.
func TestSessionVerify(t *testing.T) {
	t.Parallel()
	m := echoing(t)
	in := []string{"x-cloakroom-session", "s1"}
	m.get("/api/v1/x?a="+m.placeholder, append(in, m.agent...)...)
	m.get("/api/v1/x", append(in, "authorization", "Bearer "+m.ticket(agentClient, "demo"))...)
	m.get("/api/v1/x", append(in, "x-cloakroom-token", m.token(agentClient), "authorization", "Bearer "+m.world.placeholder("other"))...)
	more := []string{"--contents"} // once
	for _, state := range []string{"running", "stopped"} {
		file := filepath.Join(m.dir, state+".evidence")
		v, stderr, code := m.verifies(t, "s1", 3, append(more, "--evidence", file)...)
		s := v.Sessions
		if code != 0 || s.Found != 0 || s.Exchanges != 3 || s.Refused != 1 || s.Substitutions != 2 || s.Unjudged != 0 ||
			s.Recorded != 3 || s.Searched == 0 || s.Trusted != 0 {
			t.Errorf("%s: exit %d: %+v%s", state, code, v, stderr)
		}
		m.evidence(t, file, 3*len(more))
		if state == "running" {
			m.up.stop(t)
		}
		more = nil
	}
	if _, stderr, code := command(t, m.dir, m.env, "session", "verify", "none"); code != 1 || !strings.Contains(stderr, "nothing was decided") {
		t.Errorf("no such session: exit %d: %s", code, stderr)
	}
	if _, stderr, code := command(t, m.dir, m.env, "session", "verify", "--since", "2099-01-01"); code != 0 {
		t.Errorf("a time in which nothing happened: exit %d: %s", code, stderr)
	}
	if _, stderr, code := command(t, m.dir, m.env, "session", "verify"); code != 2 {
		t.Errorf("no session: exit %d: %s", code, stderr)
	}
}

// evidence checks a file where there is nothing of the instance but its key, and
// what becomes of it once a byte is another.
func (m *masking) evidence(t *testing.T, file string, contents int) {
	t.Helper()
	key, stderr, code := command(t, m.dir, m.env, "log", "key")
	if code != 0 {
		t.Fatalf("log key: %s", stderr)
	}
	check := func(file string) (string, int) {
		stdout, stderr, code := command(t, t.TempDir(), nil, "log", "verify", file, "--key", strings.TrimSpace(key))
		return stdout + stderr, code
	}
	if said, code := check(file); code != 0 || !strings.Contains(said, "findings    none") || !strings.Contains(said, "proved") ||
		!strings.Contains(said, fmt.Sprintf("contents    of %d exchanges", contents)) ||
		!strings.Contains(said, fmt.Sprintf("%d recordings, %d of them proved", contents, contents)) || !strings.Contains(said, "judged here 2 values") || !strings.Contains(said, "2 of them by the rules in force too") {
		t.Errorf("the evidence: exit %d: %s", code, said)
	}
	text, err := os.ReadFile(file)
	if err != nil || strings.Contains(string(text), "> > GET /api/v1/x") != (contents > 0) {
		t.Fatalf("what was recorded is not as asked for: %v\n%s", err, text)
	}
	forged := filepath.Join(t.TempDir(), "forged")
	if err := os.WriteFile(forged, []byte(strings.Replace(string(text), `"outcome":"deny"`, `"outcome":"allow"`, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if said, code := check(forged); code != 1 || !strings.Contains(said, "not evidence that holds") {
		t.Errorf("forged evidence: exit %d: %s", code, said)
	}
}

// leaky is a world whose credential's value stands in a file that the test may
// change, and whose backend answers with what it is told to. No value in it is a
// canary: the test is about values that leak.
type leaky struct {
	*masking
	file, answer string
}

func newLeaky(t *testing.T, program string) *leaky {
	t.Helper()
	l := &leaky{masking: &masking{key: value()}}
	l.b = backend(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, l.answer) })
	l.world = newWorld(t, setup{NoStart: true, Config: strings.Replace(oneCredential, "{env: DEMO_KEY}", "{file: demo.key}", 1),
		Upstreams: []string{`{host: api.test, prefix: /api, address: "` + l.b.address() + `"}`}})
	l.file = filepath.Join(l.dir, "demo.key")
	exempt(l.file)
	l.rotate(t, l.key)
	l.up = start(t, l.dir, program, l.env, "up", "--envoy-concurrency", "2")
	l.gateway = l.up.says(t, "cloakroom: agents: ")
	l.admin = l.up.says(t, "cloakroom: operators: ")
	l.hideKey()
	l.agent = []string{"x-cloakroom-token", l.token(agentClient), "authorization", "Bearer " + l.world.placeholder("demo"), "x-cloakroom-session", "s1"}
	return l
}

func (l *leaky) rotate(t *testing.T, value string) {
	t.Helper()
	if err := os.WriteFile(l.file, []byte(value), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestALeakIsFound switches the masking off, lets a value through in several forms,
// rotates it, and looks for it.
func TestALeakIsFound(t *testing.T) {
	t.Parallel()
	build := exec.Command("go", "build", "-tags", "unmasked", "-o", filepath.Join(bin, "unmasked"), "./cmd/cloakroom")
	build.Dir = ".."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building without masking: %v\n%s", err, out)
	}
	l := newLeaky(t, "unmasked")
	forms := map[string]string{l.key: "text", percent(l.key, "%%%02X", false): "text", percent(l.key, `\u%04x`, false): "text",
		base64.StdEncoding.EncodeToString([]byte("user:" + l.key)): "base64"}
	n := 0
	for text := range forms {
		l.answer = `{"got":"` + text + `"}`
		if _, body := l.get("/api/v1/x", l.agent...); body != l.answer {
			t.Fatalf("masking is on: %s", body)
		}
		n++
	}
	for _, state := range []string{"in force", "rotated"} {
		v, stderr, code := l.verifies(t, "s1", n)
		if code != 1 || v.Sessions.Found != n {
			t.Fatalf("%s: exit %d: %+v%s", state, code, v, stderr)
		}
		for _, f := range v.Sessions.Findings {
			if f.What != "leak" || f.Credential != "demo" || f.Where != "response body" {
				t.Errorf("%s: found %+v", state, f)
			}
		}
		l.rotate(t, value())
	}
}

// TestASecretThatWasDeclaredLater stood in an answer before anybody said that it is
// one.
func TestASecretThatWasDeclaredLater(t *testing.T) {
	t.Parallel()
	l := newLeaky(t, "cloakroom")
	later := value()
	l.answer = `{"token":"` + later + `"}`
	if _, body := l.get("/api/v1/x", l.agent...); body != l.answer {
		t.Fatalf("got %s", body)
	}
	file, given := filepath.Join(l.dir, "before.evidence"), filepath.Join(t.TempDir(), "later.txt")
	if v, stderr, code := l.verifies(t, "s1", 1, "--contents", "--evidence", file); code != 0 || v.Sessions.Found != 0 {
		t.Fatalf("before: exit %d: %+v%s", code, v, stderr)
	}
	if err := os.WriteFile(given, []byte(later+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		arguments []string
		code      int
		says      string
	}{
		{nil, 0, "1 recording, 1 of them proved"},
		{[]string{"--value-file", given}, 1, `NOT SAID    leak of credential "later.txt" as text in the response body`},
	} {
		stdout, stderr, code := command(t, l.dir, l.env, append([]string{"log", "verify", file}, tt.arguments...)...)
		if code != tt.code || !strings.Contains(stdout, tt.says) || strings.Contains(stdout+stderr, later) {
			t.Errorf("evidence of before, %q: exit %d: %s%s", tt.arguments, code, stdout, stderr)
		}
	}
	l.rotate(t, later)
	v, stderr, code := l.verifies(t, "s1", 1)
	if code != 1 || v.Sessions.Found != 1 || v.Sessions.Findings[0].What != "leak" || strings.Contains(stderr, later) {
		t.Errorf("after: exit %d: %+v%s", code, v, stderr)
	}
}

// TestPolicyAloneAsksPeople has no tier that wants an approval: that people gave it is
// judged all the same, by the instance and by whoever has the key alone.
func TestPolicyAloneAsksPeople(t *testing.T) {
	t.Parallel()
	b := backend(t, func(http.ResponseWriter, *http.Request) {})
	w := newWorld(t, setup{Humans: true, NoStart: true, Values: map[string]string{"READ_KEY": value(), "WRITE_KEY": value()},
		Config: askingConfig + "policy: {dir: policy, decision: author/decision}\n", Upstreams: []string{`{host: api.test, prefix: /api, address: "` + b.address() + `"}`}})
	if err := os.Mkdir(filepath.Join(w.dir, "policy"), 0o700); err != nil {
		t.Fatal(err)
	}
	w.write("policy/author.rego", "package author\n\ndecision := {\"allowed\": false, \"approval\": true}\n")
	w.start()
	a := asking{w, b, w.token(agentClient)}
	agent := []string{"x-cloakroom-token", a.token, "authorization", "Bearer " + a.placeholder("read")}
	answer, refused := a.use(agent...)
	if answer.StatusCode != http.StatusForbidden || refused.Error.Code != "approval_pending" {
		t.Fatalf("at first: %d %+v", answer.StatusCode, refused.Error)
	}
	a.answers("bob", "approve", refused.Error.Approval)
	if answer, _ := a.use(agent...); answer.StatusCode != http.StatusOK {
		t.Fatalf("once it was approved: %d", answer.StatusCode)
	}
	w.up.stop(t)
	file := filepath.Join(w.dir, "all.evidence")
	if _, stderr, code := command(t, w.dir, w.env, "session", "verify", "--all", "--evidence", file); code != 0 {
		t.Errorf("session verify: exit %d: %s", code, stderr)
	}
	text, err := os.ReadFile(file)
	if err != nil || strings.Count(string(text), `"needs":1`) < 2 {
		t.Errorf("the decision and the lease do not say that people were needed: %v", err)
	}
	said, stderr, code := command(t, w.dir, w.env, "log", "verify", file)
	if code != 0 || !strings.Contains(said, "judged here 1 value that") || !strings.Contains(said, "1 of them by the rules in force too") {
		t.Errorf("the evidence: exit %d: %s%s", code, said, stderr)
	}
}
