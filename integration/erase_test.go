package integration

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// personal is what an agent sends about somebody, in a place that no line of the log
// has.
var personal = []string{"x-about", "Ann of Example Street"}

// erases erases what is recorded of a session, and returns how it went.
func (w *world) erases(t *testing.T, name string, arguments ...string) (said string, code int) {
	t.Helper()
	stdout, stderr, code := command(t, w.dir, w.env, append([]string{"session", "erase", name, "--reason", "asked for by Ann"}, arguments...)...)
	return stdout + stderr, code
}

// wantErased wants that nothing is shown of a session's n exchanges but who erased it,
// and that nobody is accused of it.
func (w *world) wantErased(t *testing.T, state, name string, n int) {
	t.Helper()
	stdout, stderr, code := command(t, w.dir, w.env, "session", "show", name)
	if code != 0 || strings.Contains(stdout, personal[1]) || strings.Count(stdout, "asked for by Ann") != n || !strings.Contains(stdout, "by cli:") {
		t.Errorf("%s: session show %s: exit %d: %s%s", state, name, code, stdout, stderr)
	}
	stdout, stderr, code = command(t, w.dir, w.env, "session", "verify", name, "--json")
	var v struct{ Sessions struct{ Erased, Found int } }
	if err := json.Unmarshal([]byte(stdout), &v); err != nil || code != 0 || v.Sessions.Erased != n || v.Sessions.Found != 0 {
		t.Errorf("%s: session verify %s: exit %d: %s%s", state, name, code, stdout, stderr)
	}
	w.logVerify(t, 0)
}

func (w *world) wantShown(t *testing.T, state, name string) {
	t.Helper()
	if stdout, stderr, code := command(t, w.dir, w.env, "session", "show", name); code != 0 || !strings.Contains(stdout, personal[1]) {
		t.Errorf("%s: session show %s: exit %d: %s%s", state, name, code, stdout, stderr)
	}
}

// says lets an agent say something about somebody in a session, and waits for its end.
func (m *masking) says(t *testing.T, session string, n int) {
	t.Helper()
	for range n {
		m.get("/api/v1/x", append(append([]string{"x-cloakroom-session", session}, personal...), m.agent...)...)
	}
	m.session(t, session, n, true)
}

// TestErase erases sessions while a service records in the same pack, and while none
// runs, and proves the rest.
func TestErase(t *testing.T) {
	t.Parallel()
	m := echoing(t)
	for _, s := range []string{"s1", "s2", "s3"} {
		m.says(t, s, 2)
	}
	if said, code := m.erases(t, "s1"); code != 2 || !strings.Contains(said, "--yes") {
		t.Errorf("unasked: exit %d: %s", code, said)
	}
	m.up.signal(syscall.SIGSTOP)
	said, code := m.erases(t, "s1", "--yes")
	m.up.signal(syscall.SIGCONT)
	if code != 1 || !strings.Contains(said, "nothing is erased") {
		t.Errorf("while the service stands still: exit %d: %s", code, said)
	}
	m.wantShown(t, "unasked", "s1")
	if said, code := m.erases(t, "s1", "--yes"); code != 0 || !strings.Contains(said, "erased what was recorded of 2 exchanges") {
		t.Errorf("running: exit %d: %s", code, said)
	}
	m.wantErased(t, "running", "s1", 2)
	m.wantShown(t, "running", "s2")
	m.says(t, "s4", 1)
	m.up.stop(t)
	m.wantErased(t, "stopped", "s1", 2)
	one := m.session(t, "s2", 2, true)[0].Decision.Decision.Exchange
	if said, code := m.erases(t, one, "--yes", "--json"); code != 0 || !strings.Contains(said, `"erased": 1`) {
		t.Errorf("stopped: exit %d: %s", code, said)
	}
	m.wantErased(t, "stopped", one, 1)
	m.wantShown(t, "stopped", "s2")
	m.start()
	m.wantShown(t, "running again", "s3")
	m.wantShown(t, "running again", "s4")
	m.isTold(t)
	m.isProved(t, "s2")
}

// isProved wants that evidence holds of a session of which something was erased, and
// that it has nothing of that.
func (m *masking) isProved(t *testing.T, session string) {
	t.Helper()
	key, _, _ := command(t, m.dir, m.env, "log", "key")
	file := m.path("erased.evidence")
	if _, stderr, code := command(t, m.dir, m.env, "session", "verify", session, "--evidence", file, "--contents"); code != 0 {
		t.Errorf("session verify: exit %d: %s", code, stderr)
	}
	stdout, stderr, code := command(t, t.TempDir(), nil, "log", "verify", file, "--key", strings.TrimSpace(key))
	if code != 0 || !strings.Contains(stdout, "1 recording, as acts say") {
		t.Errorf("the evidence: exit %d: %s%s", code, stdout, stderr)
	}
	text, err := os.ReadFile(file)
	if err != nil || strings.Count(string(text), personal[1]) != 1 || !strings.Contains(string(text), `"act":{"name":"erase"`) {
		t.Errorf("%v: what was erased is there, or what says so is not: %s", err, text)
	}
}

// isTold wants that the log tells of an erasure before it is one, and of nothing that
// was erased.
func (m *masking) isTold(t *testing.T) {
	t.Helper()
	told := map[string]bool{}
	for _, a := range m.acts() {
		if a.Name != "erase" {
			continue
		}
		if !strings.HasPrefix(a.By, "cli:") || a.Exchange != "" && a.Detail != "asked for by Ann" || a.Target != "" && len(told) == 0 {
			t.Errorf("the log tells of %+v", a)
		}
		told[a.Exchange] = true
	}
	if len(told) != 4 || strings.Contains(m.logText(), personal[1]) {
		t.Errorf("the log tells of %v", told)
	}
}

// TestEraseOutside erases what an outside store has.
func TestEraseOutside(t *testing.T) {
	t.Parallel()
	m := echoing(t)
	m.up.stop(t)
	m.rewrite("listen: {", `record: {store: "file://`+m.path("outside")+`?create_dir=true"}`+"\nlisten: {")
	m.start()
	m.says(t, "s1", 2)
	m.says(t, "s2", 1)
	m.up.stop(t) // which closes the pack
	m.start()
	m.eventually("the pack is stored outside", func() bool { return len(m.packs(t, "record/packs/*.pack")) == 0 })
	before := m.packs(t, "outside/*.pack")
	if said, code := m.erases(t, "s1", "--yes"); code != 0 {
		t.Errorf("exit %d: %s", code, said)
	}
	m.wantErased(t, "outside", "s1", 2)
	m.wantShown(t, "outside", "s2")
	if after := m.packs(t, "outside/*.pack"); len(after) != len(before) || fmt.Sprint(after) == fmt.Sprint(before) {
		t.Errorf("objects %q, and before %q", after, before)
	}
}

func (m *masking) packs(t *testing.T, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(m.path(pattern))
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

// TestEraseInObjectStores erases what each object store has.
func TestEraseInObjectStores(t *testing.T) {
	t.Parallel()
	for name, make := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStored(t, make)
			s.rewrite("listen: {", fmt.Sprintf("record: {store: %q}\nlisten: {", s.out.url("recordings")))
			s.env = append(slices.Clone(s.env), s.out.env...)
			s.start()
			s.says(t, "s1", 2)
			s.says(t, "s2", 1)
			s.up.stop(t)
			s.start()
			s.eventually("the pack is stored", func() bool { return len(s.objects("recordings")) > 0 && s.packs() == 0 })
			before := s.objects("recordings")
			for range 2 {
				if said, code := s.erases(t, "s1", "--yes"); code != 0 {
					t.Errorf("exit %d: %s", code, said)
				}
			}
			s.wantErased(t, "outside", "s1", 2)
			s.wantShown(t, "outside", "s2")
			if after := s.objects("recordings"); len(after) != len(before) || slices.Equal(after, before) {
				t.Errorf("objects %q, and before %q", after, before)
			}
		})
	}
}

// TestEraseKilled kills who erases in the middle of it, and the service too. Nobody is
// accused, nothing else is lost, and done again it comes to its end.
func TestEraseKilled(t *testing.T) {
	t.Parallel()
	m := echoing(t)
	const n = 40
	m.says(t, "s1", n)
	m.says(t, "s2", 1)
	for round, far := range []int{n / 4, n / 2, n + 1} { // the last: the first pack is told of
		told := strings.Count(m.logText(), `"act":{"name":"erase"`)
		p := start(t, m.dir, "cloakroom", m.env, "session", "erase", "s1", "--reason", "asked for by Ann", "--yes")
		m.eventually("it has come so far", func() bool {
			return strings.Count(m.logText(), `"act":{"name":"erase"`) >= told+far || p.signal(0) != nil
		})
		p.kill()
		if round == 1 {
			m.up.kill()
			m.start()
		}
		m.wantShown(t, "killed", "s2")
		m.logVerify(t, 0)
	}
	if said, code := m.erases(t, "s1", "--yes"); code != 0 {
		t.Errorf("exit %d: %s", code, said)
	}
	m.wantErased(t, "in the end", "s1", n)
	m.up.stop(t)
	m.wantErased(t, "stopped", "s1", n)
	m.wantShown(t, "stopped", "s2")
}

// TestEraseInAFleet erases a session over three replicas where each has its packs: what
// others have is said to be left, and all logs together prove that it is all erased.
func TestEraseInAFleet(t *testing.T) {
	t.Parallel()
	b := backend(t, func(http.ResponseWriter, *http.Request) {})
	f := newFleet(t, setup{Config: `
tiers: {low: {lease: 5m}}
credentials:
  - {name: demo, tier: low, groups: [ai-agents], value: {env: DEMO_KEY}, allow: [{hosts: [api.test], methods: [GET], paths: ["/v1/**"]}]}
`, Values: map[string]string{"DEMO_KEY": value()}, Upstreams: []string{`{host: api.test, prefix: /api, address: "` + b.address() + `"}`}})
	first, others := f.replicas[0], []string{}
	for _, r := range f.replicas[1:] {
		others = append(others, "--log", r.path("record"))
	}
	headers := []string{"x-cloakroom-session", "s1", "x-cloakroom-token", f.token(agentClient), "authorization", "Bearer " + first.placeholder("demo")}
	const n = 12
	for range n {
		f.get("/api/v1/x", headers...)
	}
	first.session(t, "s1", n, true)
	for _, r := range f.replicas {
		if said, code := r.erases(t, "s1", "--yes"); code != 1 || !strings.Contains(said, "on another machine") || strings.Contains(said, "of 0 exchanges") {
			t.Errorf("exit %d: %s", code, said)
		}
	}
	stdout, stderr, code := command(t, first.dir, first.env, append([]string{"session", "verify", "s1"}, others...)...)
	if code != 0 || !strings.Contains(stdout, fmt.Sprintf("erased      %d recordings", n)) {
		t.Errorf("session verify: exit %d: %s%s", code, stdout, stderr)
	}
	if r := first.logVerify(t, 0, others...); r.Erased < n {
		t.Errorf("log verify: %+v", r)
	}
}
