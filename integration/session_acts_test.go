package integration

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// act is an act as the log tells of it.
type act struct {
	Name, By, Principal, Session, Exchange, Target, Detail string
	N                                                      int
}

// acts are those in the log, in order.
func (w *world) acts() (all []act) {
	w.t.Helper()
	for line := range strings.Lines(w.logText()) {
		var e struct{ Act *act }
		if json.Unmarshal([]byte(line), &e) == nil && e.Act != nil {
			all = append(all, *e.Act)
		}
	}
	return all
}

// names are the acts' names since the n-th.
func (w *world) names(n int) []string {
	names := []string{}
	for _, a := range w.acts() {
		if a.Name != "pack" { // whose time depends
			names = append(names, a.Name)
		}
	}
	return names[n:]
}

// TestReadingIsAnEntry shows a session while the service runs, while it does not,
// and where the entry cannot be made: then nothing is shown.
func TestReadingIsAnEntry(t *testing.T) {
	t.Parallel()
	m := echoing(t)
	m.get("/api/v1/x", append([]string{"x-cloakroom-session", "s1"}, m.agent...)...)
	d := m.session(t, "s1", 1, true)[0].Decision.Decision
	if _, stderr, code := command(t, m.dir, m.env, "session", "show", d.Exchange, "--principal", d.Issuer+"#another"); code != 1 || len(m.acts()) > 1 {
		t.Errorf("another's exchange: exit %d: %s, and the log tells of %+v", code, stderr, m.acts())
	}
	show := func(state string, read int) {
		t.Helper()
		stdout, stderr, code := command(t, m.dir, m.env, "session", "show", "s1")
		if code != 0 || !strings.Contains(stdout, "decision allow") {
			t.Errorf("%s: exit %d: %s%s", state, code, stdout, stderr)
		}
		reads := slices.DeleteFunc(m.acts(), func(a act) bool { return a.Name != "read" })
		if len(reads) != read || !strings.HasPrefix(reads[0].By, "cli:") || reads[0].Principal != d.Issuer+"#"+d.Subject || reads[0].Session != "s1" || reads[0].N != 1 || reads[0].Detail != "show" {
			t.Errorf("%s: the log tells of %+v", state, reads)
		}
	}
	show("running", 1)
	m.up.stop(t)
	show("stopped", 2)
	m.start()
	show("running again", 3)

	// A service that does not answer holds the log, and writes nothing.
	m.up.signal(syscall.SIGSTOP)
	stdout, stderr, code := command(t, m.dir, m.env, "session", "show", "s1")
	m.up.signal(syscall.SIGCONT)
	if code != 1 || stdout != "" || !strings.Contains(stderr, "is not shown") {
		t.Errorf("while the service stands still: exit %d: %s%s", code, stdout, stderr)
	}
	if _, stderr, code := command(t, m.dir, m.env, "session", "show", "s1", "--brief", "--limit", "1"); code != 0 || !strings.Contains(stderr, "may be more") {
		t.Errorf("the log's own entries: exit %d: %s", code, stderr)
	}
}

// TestCommandsAreEntries gives the commands that change something, with and without
// a service, and reads in the log who gave them.
func TestCommandsAreEntries(t *testing.T) {
	t.Parallel()
	m := echoing(t)
	m.get("/api/v1/x", m.agent...)
	if got := m.names(0); !slices.Equal(got, []string{"start"}) {
		t.Fatalf("at the start: %q", got)
	}
	lease := m.leases()[0].Lease
	var one done
	m.run(&one, "lease", "revoke", lease)
	command(t, m.dir, m.env, "lease", "lift", one.Bar.Bar)
	command(t, m.dir, m.env, "store", "backup", "copy.db")
	m.eventually("the log tells of what was done", func() bool {
		return slices.Equal(m.names(1), []string{"revoke", "lift", "backup"})
	})
	for i, target := range []string{lease, one.Bar.Bar, "copy.db"} {
		if a := m.acts()[1+i]; a.Target != target || !strings.HasPrefix(a.By, "cli:") {
			t.Errorf("the act: %+v, want target %s", a, target)
		}
	}
	m.up.stop(t)
	command(t, m.dir, m.env, "lease", "revoke", "--all", "--yes", "--for", "1ms")
	if _, stderr, code := command(t, m.dir, m.env, "store", "restore", "copy.db", "--yes"); code != 0 {
		t.Errorf("store restore: exit %d: %s", code, stderr)
	}
	m.start()
	m.eventually("the log tells of what was done while no service ran", func() bool {
		names := m.names(4)
		return len(names) > 2 && names[0] == "stop" && slices.Contains(names, "start") && slices.Contains(names, "restore")
	})
}

// TestSessionList finds sessions by what they were about.
func TestSessionList(t *testing.T) {
	t.Parallel()
	m := echoing(t)
	m.get("/api/v1/x", append([]string{"x-cloakroom-session", "allowed"}, m.agent...)...)
	other := []string{"x-cloakroom-token", m.token(agentClient), "authorization", "Bearer " + m.world.placeholder("other")}
	m.get("/api/v1/x", append([]string{"x-cloakroom-session", "refused"}, other...)...)
	m.get("/api/v1/x?"+url.QueryEscape("\x1b[2J"), append([]string{"x-cloakroom-session", "plain"}, m.agent[:2]...)...)
	m.session(t, "plain", 1, true)
	for arguments, want := range map[string]string{
		"":                                       "plain refused allowed",
		"--credential demo":                      "allowed",
		"--credential other":                     "refused",
		"--outcome allow":                        "plain allowed",
		"--outcome refused":                      "refused",
		"--outcome deny --host api.test":         "refused",
		"--outcome needs_approval":               "",
		"--host none.test":                       "",
		"--since 1h --limit 1":                   "plain",
		"--until 1h":                             "",
		"--since 2020-01-01 --until 2020-01-02":  "",
		"--since 2020-01-01T00:00:00Z":           "plain refused allowed",
		"--principal " + m.issuer + "#agent":     "plain refused allowed",
		"--principal " + m.issuer + "#other":     "",
		"--credential demo --outcome deny":       "",
		"--credential demo --since 1h":           "allowed",
		"--host api.test --outcome allow --json": "plain allowed",
	} {
		var all []struct{ Session string }
		m.run(&all, strings.Fields("session ls --json "+arguments)...)
		var names []string
		for _, s := range all {
			names = append(names, s.Session)
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%s: got %q, want %q", arguments, got, want)
		}
	}
	for arguments, want := range map[string]string{"--outcome maybe": "refused", "--since yesterday": "24h"} {
		_, stderr, code := command(t, m.dir, m.env, strings.Fields("session ls "+arguments)...)
		if code != 2 || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit %d: %s", arguments, code, stderr)
		}
	}
	brief, _, _ := command(t, m.dir, m.env, "session", "show", "plain", "--brief")
	if strings.Contains(brief, "\x1b") || !strings.Contains(brief, fmt.Sprint(http.StatusOK)) {
		t.Errorf("session show --brief: %q", brief)
	}
}
