package integration

import (
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestCheck reads a bad file and a good one.
func TestCheck(t *testing.T) {
	t.Parallel()
	key := value()
	w := newWorld(t, setup{Values: map[string]string{"DEMO_KEY": key, "OTHER_KEY": key}, Config: twoCredentials, NoStart: true,
		Upstreams: []string{`{host: api.test, prefix: /api, address: "127.0.0.1:9"}`}})
	w.write("bad.yaml", `tiers: {low: {lease: 15m}}
credentials:
  - name: demo
    teir: low
    groups: [nobody]
    value: {env: NOT_SET}
    allow: [{hosts: [api.tset], methods: [GET], paths: ["/**"]}]
envoy:
  upstreams:
    - {host: api.test, prefix: /a, address: "127.0.0.1:9"}
    - {host: other.test, prefix: /a/b, address: "127.0.0.1:9"}
`)
	stdout, stderr, code := command(t, w.dir, w.env, "check", "--config", "bad.yaml")
	for _, want := range []string{`bad.yaml:4:`, `did you mean "tier"`, "nobody", "bad.yaml:6:", "NOT_SET", "bad.yaml:7:", "api.test", "bad.yaml:11:", "/a/b"} {
		if !strings.Contains(stderr, want) {
			t.Errorf("a bad file: no %q in %s", want, stderr)
		}
	}
	if code != 1 || stdout != "" {
		t.Errorf("a bad file: exit %d, %s", code, stdout)
	}
	if stdout, _, code = command(t, w.dir, w.env, "check", "--config", "bad.yaml", "--json"); code != 1 || !json.Valid([]byte(stdout)) {
		t.Errorf("--json: exit %d, %s", code, stdout)
	}
	_, stderr, code = command(t, w.dir, w.env, "check")
	if code != 1 || !strings.Contains(stderr, "demo") || !strings.Contains(stderr, "other") {
		t.Errorf("two credentials with one value: exit %d, %s", code, stderr)
	}
	page(stdout, stderr)

	good := []string{"DEMO_KEY=" + key, "OTHER_KEY=" + value()}
	stdout, stderr, code = command(t, w.dir, good, "check")
	if code != 0 || !strings.Contains(stdout, "is good: 2 credentials") {
		t.Errorf("a good file: exit %d, %s%s", code, stdout, stderr)
	}
	stdout, stderr, code = command(t, w.dir, good, "check", "--print")
	page(stdout, stderr)
	if code != 0 || !strings.Contains(stdout, "api.test") || !strings.Contains(stdout, "(made on the first start)") || strings.Contains(stdout, key) {
		t.Errorf("--print: exit %d, %s%s", code, stdout, stderr)
	}
	w.env = good
	if stdout, _, _ = command(t, w.dir, good, "check", "--print"); strings.Contains(stdout, w.placeholder("demo")) {
		t.Error("a placeholder before its key was made")
	}
	if stdout, _, _ = command(t, w.dir, good, "check", "--print"); !strings.Contains(stdout, w.placeholder("demo")) {
		t.Error("--print does not show the placeholder")
	}
	if _, err := os.Stat(filepath.Join(w.dir, "cloakroom.db")); err == nil {
		t.Error("looking made a store")
	}
}

// TestCommands runs the commands beside a running service, and pins what they
// print and how they exit.
func TestCommands(t *testing.T) {
	t.Parallel()
	m := echoing(t)
	token := append([]string{"CLOAKROOM_TOKEN=" + m.token(agentClient)}, m.env...)
	gateway := "--gateway=" + m.gateway
	for _, tt := range []struct {
		name      string
		env       []string
		arguments string
		code      int
		want      string
	}{
		{"version", nil, "version", 0, "cloakroom "},
		{"an unknown command", nil, "nonsense", 2, "nonsense"},
		{"an unknown flag", nil, "check --nonsense", 2, "nonsense"},
		{"no configuration", nil, "check --config none.yaml", 1, "none.yaml"},
		{"no token", m.env, "lease request demo " + gateway, 2, "CLOAKROOM_TOKEN"},
		{"no credential", token, "lease request", 2, "argument"},
		{"another group's", token, "lease request other " + gateway, 3, "not_granted"},
		{"an unknown credential", token, "lease request none " + gateway, 3, ""},
		{"no gateway", token, "lease request demo --gateway=http://127.0.0.1:1", 1, "gateway"},
		{"listing", m.env, "credential ls", 0, m.placeholder},
		{"leases", m.env, "lease ls --json", 0, "["},
		{"no session", m.env, "session show none", 1, "session ls"},
		{"no socket", m.env, "envoy bootstrap", 1, "listen.grpc"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			stdout, stderr, code := command(t, m.dir, tt.env, strings.Fields(tt.arguments)...)
			page(stdout, stderr)
			if code != tt.code || !strings.Contains(stdout+stderr, tt.want) {
				t.Errorf("exit %d, want %d and %q in %s%s", code, tt.code, tt.want, stdout, stderr)
			}
		})
	}
	stdout, stderr, code := command(t, m.dir, token, "lease", "request", "demo", "--reason", "a test", gateway)
	ticket := strings.TrimSpace(stdout)
	canary(ticket)
	if answer, body := m.get("/api/v1/x", "x-api-key", ticket); code != 0 || answer.StatusCode != http.StatusOK {
		t.Errorf("a ticket: exit %d, %s; status %d: %s", code, stderr, answer.StatusCode, body)
	}
	if stdout, _, _ = command(t, m.dir, m.env, "lease", "ls"); strings.Count(stdout, "\n") != 2 || strings.Contains(stdout, ticket) {
		t.Errorf("lease ls: %s", stdout)
	}
	m.rewrite(listenOn, `listen: {admin: "127.0.0.1:0", grpc: "unix://`+m.path("grpc.sock")+`"}`)
	if stdout, stderr, code = command(t, m.dir, m.env, "envoy", "bootstrap"); code != 0 || !json.Valid([]byte(stdout)) || strings.Contains(stdout, m.key) {
		t.Errorf("envoy bootstrap: exit %d: %s", code, stderr)
	}
	page(stdout)
}

// TestInterrupt ends a run as Ctrl-C in a terminal does: nothing stays, no
// process and no socket.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	m := echoing(t)
	envoy := children(t, m.up.cmd.Process.Pid)
	if len(envoy) != 1 {
		t.Fatalf("children of the service: %v", envoy)
	}
	for _, pid := range append(envoy, m.up.cmd.Process.Pid) { // a terminal tells the whole group
		if err := unix.Kill(pid, syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
	}
	<-m.up.done
	if m.up.err != nil {
		t.Errorf("exit: %v", m.up.err)
	}
	gone(t, envoy[0])
	if left, err := filepath.Glob(filepath.Join(m.dir, "cloakroom-*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if out := m.up.out.String(); strings.Contains(out, "panic") || strings.Contains(out, "envoy ended") {
		t.Error("an interrupt was told as a failure")
	}
}

// TestTakenPort starts on ports that somebody else has: one clear line, and no
// Envoy stays.
func TestTakenPort(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, line := range []string{`listen: "127.0.0.1:0"`, listenOn} {
		w := newWorld(t, setup{Values: map[string]string{"DEMO_KEY": value()}, Config: oneCredential, NoStart: true,
			Upstreams: []string{`{host: api.test, prefix: /api, address: "127.0.0.1:9"}`}})
		w.rewrite(line, strings.Replace(line, "127.0.0.1:0", taken.Addr().String(), 1))
		stdout, stderr, code := command(t, w.dir, append(w.env, "ENVOY_BIN="+os.Getenv("ENVOY_BIN"), "CLOAKROOM_TOOLS="+tools()), "up", "--quiet")
		if code != 1 || stdout != "" || strings.Count(stderr, taken.Addr().String()) != 1 || !strings.Contains(stderr, "in use") || strings.Count(stderr, "\n") != 1 {
			t.Errorf("exit %d: %s%s", code, stdout, stderr)
		}
	}
}

// TestOperators asks the operators' listener as everybody who may not and as
// one who may.
func TestOperators(t *testing.T) {
	t.Parallel()
	m := echoing(t)
	for _, tt := range []struct {
		path, token string
		status      int
	}{
		{"/healthz", "", 200}, {"/readyz", "", 200}, {"/metrics", "", 401}, {"/metrics", "x", 401}, {"/metrics", m.token(agentClient), 403},
		{"/metrics", m.token(sreClient), 200}, {"/", m.token(sreClient), 303}, {"/debug/pprof/", m.token(sreClient), 404},
	} {
		r, err := http.NewRequest(http.MethodGet, m.admin+tt.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if answer, body := m.do(r, "authorization", "Bearer "+tt.token); answer.StatusCode != tt.status {
			t.Errorf("%s: status %d, want %d: %s", tt.path, answer.StatusCode, tt.status, body)
		}
	}
	m.get("/api/v1/x", m.agent...)
	m.get("/api/v2/x", m.agent...)
	m.eventually("the metrics count", func() bool {
		all := m.metrics(t)
		return all[`cloakroom_decisions_total{outcome="allow"}`] == 1 && all[`cloakroom_decisions_total{outcome="deny"}`] == 1 &&
			all[`cloakroom_substitutions_total{credential="demo"}`] == 1 && all[`cloakroom_masks_total{credential="demo"}`] == 1 &&
			all[`cloakroom_streams_open`] == 0 && all[`cloakroom_exchange_seconds_count`] >= 1
	})
	m.get("/api/v1/x", append([]string{"x-foo", m.key}, m.agent...)...) // an agent that knows what it should not
	if m.metrics(t)[`cloakroom_values_sent_total{credential="demo"}`] != 1 {
		t.Error("no alarm at an agent that sends a value itself")
	}
	var offers bytes.Buffer
	r, err := http.NewRequest(http.MethodGet, m.gateway+"/.well-known/cloakroom", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, body := m.do(r, "x-cloakroom-token", m.agent[1])
	if err := json.Indent(&offers, []byte(body), "", " "); err != nil || answer.StatusCode != 200 || !strings.Contains(body, m.placeholder) || strings.Contains(body, "ckr_other") {
		t.Errorf("what the agent may use: status %d: %s", answer.StatusCode, body)
	}
}
