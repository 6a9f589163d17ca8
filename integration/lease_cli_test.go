package integration

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// done is what `lease revoke --json` prints.
type done struct {
	Revoked []shownLease
	Bar     *struct{ Bar, Principal, Credential, By, Reason, Until string }
}

// run runs a command that must succeed, and reads its JSON.
func (w *world) run(into any, arguments ...string) {
	w.t.Helper()
	stdout, stderr, code := command(w.t, w.dir, w.env, append(arguments, "--json")...)
	page(stdout, stderr)
	if code != 0 {
		w.t.Fatalf("%v: exit %d: %s", arguments, code, stderr)
	}
	if err := json.Unmarshal([]byte(stdout), into); err != nil {
		w.t.Fatalf("%v: %v: %s", arguments, err, stdout)
	}
}

// answers waits until the agent's request has this status and code.
func (m *masking) answers(status int, code string, headers ...string) {
	m.t.Helper()
	m.eventually("the answer is "+code, func() bool {
		answer, body := m.get("/api/v1/x", headers...)
		return answer.StatusCode == status && errorCode(body) == code
	})
}

// TestLeaseRevoke ends leases from the command line beside a running service, one
// and many, and lets them be opened again.
func TestLeaseRevoke(t *testing.T) {
	t.Parallel()
	m := echoing(t)
	other := []string{"x-cloakroom-token", m.token(otherClient), "authorization", "Bearer " + m.placeholder}
	m.answers(http.StatusOK, "", m.agent...)
	m.answers(http.StatusOK, "", other...)

	var one done
	m.run(&one, "lease", "revoke", m.leases()[0].Lease)
	if len(one.Revoked) != 1 || one.Revoked[0].State != "ended" || one.Bar == nil || one.Bar.Until == "" || !strings.HasPrefix(one.Bar.By, "cli:") {
		t.Errorf("one lease: %+v", one)
	}
	m.answers(http.StatusForbidden, "lease_expired", other...) // whose lease was the latest
	m.answers(http.StatusOK, "", m.agent...)

	var all done
	m.run(&all, "lease", "revoke", "--all", "--yes", "--reason", "a drill")
	if len(all.Revoked) != 1 || all.Bar == nil || all.Bar.Reason != "a drill" || all.Bar.Until != "" {
		t.Errorf("everything: %+v", all)
	}
	m.answers(http.StatusForbidden, "lease_expired", m.agent...)
	if _, body := m.get("/api/v1/x", m.agent...); !strings.Contains(body, "a drill") {
		t.Errorf("the agent is not told why: %s", body)
	}
	if stdout, _, code := command(t, m.dir, m.env, "lease", "bars"); code != 0 || strings.Count(stdout, "\n") != 3 || !strings.Contains(stdout, "a drill") {
		t.Errorf("lease bars: exit %d: %s", code, stdout)
	}
	for _, bar := range []string{one.Bar.Bar, all.Bar.Bar} {
		if stdout, stderr, code := command(t, m.dir, m.env, "lease", "lift", bar); code != 0 || !strings.Contains(stdout, bar) {
			t.Errorf("lease lift: exit %d: %s%s", code, stdout, stderr)
		}
	}
	m.answers(http.StatusOK, "", m.agent...)
	m.answers(http.StatusOK, "", other...)

	var principal, credential done
	m.run(&principal, "lease", "revoke", "--principal", m.issuer+"#agent", "--for", "1h")
	m.answers(http.StatusForbidden, "lease_expired", m.agent...)
	m.run(&credential, "lease", "revoke", "--credential", "demo")
	m.answers(http.StatusForbidden, "lease_expired", other...)
	if len(principal.Revoked) != 1 || len(credential.Revoked) != 1 || principal.Bar.Until == "" {
		t.Errorf("all of a principal: %+v, of a credential: %+v", principal, credential)
	}
	m.eventually("the log tells who ended leases, and which bars were put up and lifted", func() bool {
		log := m.logText()
		return strings.Count(log, `"ending":"revoked"`) >= 4 && strings.Count(log, `"by":"cli:`) >= 8 && strings.Count(log, `"lifted":true`) == 2
	})
}

// TestLeaseRevokeUsage pins what the commands refuse to guess.
func TestLeaseRevokeUsage(t *testing.T) {
	t.Parallel()
	m := echoing(t)
	for _, tt := range []struct {
		arguments string
		code      int
		want      string
	}{
		{"lease revoke", 2, "nothing to revoke"},
		{"lease revoke none", 1, `no lease "none"`},
		{"lease revoke a b", 2, "one lease at a time"},
		{"lease revoke a --all", 2, "more than that lease"},
		{"lease revoke a --for 1h", 2, "belong to a bar"},
		{"lease revoke --all --credential demo", 2, "not all"},
		{"lease revoke --all", 2, "--yes"},
		{"lease revoke --credential demo --for -1h", 2, "a time to come"},
		{"lease lift none", 1, `no bar "none"`},
		{"lease ls --state gone", 2, "pending, active or ended"},
		{"approval show none", 1, "approval ls"},
		{"approval deny none", 2, "--reason"},
		{"store restore none", 2, "--yes"},
		{"store backup cloakroom.db", 1, "is there already"},
		{"store backup nowhere/x", 1, "no such file"},
	} {
		stdout, stderr, code := command(t, m.dir, m.env, strings.Fields(tt.arguments)...)
		page(stdout, stderr)
		if code != tt.code || !strings.Contains(stderr, tt.want) {
			t.Errorf("%s: exit %d, want %d and %q in %s%s", tt.arguments, code, tt.code, tt.want, stdout, stderr)
		}
	}
	if _, body := m.get("/api/v1/x", m.agent...); errorCode(body) != "" {
		t.Errorf("something was revoked after all: %s", body)
	}
}

// logText is all that the log holds.
func (w *world) logText() string {
	w.t.Helper()
	files, err := filepath.Glob(w.path("record/*.log"))
	if err != nil || len(files) == 0 {
		w.t.Fatalf("the log's files: %v, %v", files, err)
	}
	var all strings.Builder
	for _, f := range files {
		all.WriteString(w.read(filepath.Join("record", filepath.Base(f))))
	}
	return all.String()
}

func (w *world) read(name string) string {
	w.t.Helper()
	b, err := os.ReadFile(w.path(name))
	if err != nil {
		w.t.Fatal(err)
	}
	return string(b)
}

// TestLeaseCommandsOnPostgres runs the same against a database that replicas share,
// whose password stands in no file.
func TestLeaseCommandsOnPostgres(t *testing.T) {
	t.Parallel()
	p := newPostgres(t)
	b := backend(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "done") })
	w := newWorld(t, setup{Values: map[string]string{"DEMO_KEY": value(), "STORE_PASSWORD": value()},
		Config:    oneCredential + fmt.Sprintf("\nstore: {url: %q, password: {env: STORE_PASSWORD}}\n", p.URL()),
		Upstreams: []string{`{host: api.test, prefix: /api, address: "` + b.address() + `"}`}})
	agent := []string{"x-cloakroom-token", w.token(agentClient), "authorization", "Bearer " + w.placeholder("demo")}
	code := func() string { _, body := w.get("/api/v1/x", agent...); return errorCode(body) }
	if got := code(); got != "" {
		t.Fatalf("before: %s", got)
	}
	var one, all done
	w.run(&one, "lease", "revoke", w.leases()[0].Lease)
	w.eventually("it is refused", func() bool { return code() == "lease_expired" })
	w.run(&all, "lease", "revoke", "--all", "--yes", "--for", "1h")
	for _, bar := range []string{one.Bar.Bar, all.Bar.Bar} {
		if _, stderr, exit := command(t, w.dir, w.env, "lease", "lift", bar); exit != 0 {
			t.Errorf("lease lift: exit %d: %s", exit, stderr)
		}
	}
	w.eventually("it is served again", func() bool { return code() == "" })
	var questions []question
	w.run(&questions, "approval", "ls", "--all")
	w.run(&questions, "lease", "bars")
	if len(questions) != 0 {
		t.Errorf("questions or bars: %+v", questions)
	}
	stdout, stderr, exit := command(t, w.dir, w.env, "check", "--print")
	page(stdout, stderr)
	if exit != 0 || !strings.Contains(stdout, "store: postgres:///postgres\n") {
		t.Errorf("check --print: exit %d: %s%s", exit, stdout, stderr)
	}
	w.up.stop(t)
	if _, stderr, exit = command(t, w.dir, w.env, "lease", "revoke", "--all", "--yes"); exit != 0 {
		t.Errorf("while no service runs: exit %d: %s", exit, stderr)
	}
	w.start()
	w.eventually("the log tells of it", func() bool {
		return slices.ContainsFunc(w.acts(), func(a act) bool { return a.Name == "revoke" && strings.HasPrefix(a.By, "cli:") })
	})
}
