package integration

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// shown is one exchange as `session show --json` prints it: the two entries of
// the log.
type shown struct {
	Decision struct{ Decision decision }
	End      *struct{ End end }
}

type decision struct {
	Exchange, Issuer, Subject, Session, Source, Method, Host, Authority, Path, Route string
	Outcome, Code, Reason, Revision                                                  string
	Ticket                                                                           bool
	Uses, Seen                                                                       []use
}

type use struct {
	Credential, Placeholder, Location, Lease string
	LeaseEnds                                time.Time `json:"lease_ends"`
}

type end struct {
	Exchange, Code, Error string
	Status                int
	ResponseBytes         int `json:"response_bytes"`
	Substitutions, Masks  []struct {
		Credential, Location, Name string
		N                          int
	}
	Phases []struct {
		Name string
		Ms   float64
	}
	Set, Kept string
	Recording []struct {
		Pack     string
		At, Size int64
		SHA256   string
	}
	Lost bool
}

// session is what `session show` tells of a session, once all its n exchanges
// are there; with ended, once those that were allowed have ended.
func (w *world) session(t *testing.T, name string, n int, ended bool) []shown {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		stdout, stderr, code := command(t, w.dir, w.env, "session", "show", name, "--json", "--limit", "0")
		var all []shown
		if code == 0 {
			if err := json.Unmarshal([]byte(stdout), &all); err != nil {
				t.Fatal(err)
			}
		}
		missing := n - len(all)
		for _, x := range all {
			if ended && x.Decision.Decision.Outcome == "allow" && x.End == nil {
				missing++
			}
		}
		if missing == 0 {
			page(stdout)
			return all
		}
		if time.Now().After(deadline) {
			t.Fatalf("session %s: %d exchanges or ends are missing: %s%s", name, missing, stdout, stderr)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// echoing is a world whose backend says what key it got.
func echoing(t *testing.T) *masking {
	t.Helper()
	return newMasking(t, map[string]http.HandlerFunc{"/v1/x": func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "you sent "+r.Header.Get("authorization"))
	}})
}

// TestRecords looks at the records of an allowed exchange, one by ticket and a
// refused one, while the service runs and after it has stopped.
func TestRecords(t *testing.T) {
	t.Parallel()
	m := echoing(t)
	in := []string{"x-cloakroom-session", "s1"}
	_, body := m.get("/api/v1/x?a="+m.placeholder, append(in, m.agent...)...)
	m.get("/api/v1/x", append(in, "authorization", "Bearer "+m.ticket(agentClient, "demo"))...)
	other := m.world.placeholder("other")
	_, refusal := m.get("/api/v1/x?key="+url.QueryEscape(m.key), append(in, "x-cloakroom-token", m.token(agentClient), "authorization", "Bearer "+other)...)
	for _, state := range []string{"running", "stopped"} {
		all := m.session(t, "s1", 3, true)
		checkAllowed(t, m, all[0], len(body))
		if d := all[1].Decision.Decision; !d.Ticket || d.Subject != "agent" || len(d.Uses) != 1 || d.Uses[0].Placeholder != "ckr_demo_[ticket]" {
			t.Errorf("%s: by ticket: %+v", state, d)
		}
		d := all[2].Decision.Decision
		if d.Outcome != "deny" || d.Code != "not_granted" || d.Reason == "" || !strings.Contains(refusal, `"record":"`+d.Exchange+`"`) ||
			!strings.HasSuffix(d.Path, "?key=[masked]") || len(d.Seen) != 1 || d.Seen[0].Placeholder != other || len(d.Uses) != 0 {
			t.Errorf("%s: refused: %+v for %s", state, d, refusal)
		}
		table, _, _ := command(t, m.dir, m.env, "session", "show", "s1", "--brief")
		if strings.Count(table, "\n") != 4 || !strings.Contains(table, "deny (not_granted)") {
			t.Errorf("%s: the table: %s", state, table)
		}
		ls, _, _ := command(t, m.dir, m.env, "session", "ls", "--json")
		if !strings.Contains(ls, `"exchanges": 3`) || !strings.Contains(ls, `"refused": 1`) || !strings.Contains(ls, m.issuer+"#agent") {
			t.Errorf("%s: session ls: %s", state, ls)
		}
		m.up.stop(t)
	}
}

func checkAllowed(t *testing.T, m *masking, x shown, size int) {
	t.Helper()
	d, e := x.Decision.Decision, x.End.End
	if d.Outcome != "allow" || d.Issuer != m.issuer || d.Subject != "agent" || d.Method != "GET" || d.Host != "api.test" ||
		d.Authority != strings.TrimPrefix(m.gateway, "http://") || !strings.HasPrefix(d.Source, "127.0.0.1:") ||
		d.Route != "prefix:/api" || d.Revision == "" || !strings.HasSuffix(d.Path, "/v1/x?a="+m.placeholder) {
		t.Errorf("the decision: %+v", d)
	}
	if len(d.Uses) != 1 || d.Uses[0].Credential != "demo" || d.Uses[0].Placeholder != m.placeholder ||
		d.Uses[0].Location != "header:authorization" || d.Uses[0].Lease == "" || time.Until(d.Uses[0].LeaseEnds) < time.Minute {
		t.Errorf("the use: %+v", d.Uses)
	}
	if len(d.Seen) != 1 || d.Seen[0].Placeholder != m.placeholder || d.Seen[0].Location != "query:a" {
		t.Errorf("inert: %+v", d.Seen)
	}
	if e.Exchange != d.Exchange || e.Status != 200 || e.ResponseBytes != size || len(e.Substitutions) != 1 || e.Error != "" ||
		len(e.Masks) != 1 || e.Masks[0].Name != "demo" || e.Masks[0].N != 1 || len(e.Phases) != 2 {
		t.Errorf("the end: %+v", e)
	}
}

// TestKilled kills the service with no warning, right behind an answer: the
// decision on it is in the log, and the next start goes on from there.
func TestKilled(t *testing.T) {
	t.Parallel()
	m := echoing(t)
	envoy := children(t, m.up.cmd.Process.Pid)
	if len(envoy) != 1 {
		t.Fatalf("children of the service: %v", envoy)
	}
	for range 3 {
		m.get("/api/v1/x", append([]string{"x-cloakroom-session", "s1"}, m.agent...)...)
	}
	m.up.kill()
	m.session(t, "s1", 3, false)
	gone(t, envoy[0])
	m.start()
	m.get("/api/v1/x", append([]string{"x-cloakroom-session", "s1"}, m.agent...)...)
	all := m.session(t, "s1", 4, false)
	if all[3].Decision.Decision.Outcome != "allow" {
		t.Errorf("after the restart: %+v", all[3].Decision)
	}
}

// TestFullDisk lets the service's disk be full for a while: nothing goes that
// cannot be recorded, and all is well again once there is room.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	m := echoing(t)
	in := append([]string{"x-cloakroom-session", "s1"}, m.agent...)
	if answer, body := m.get("/api/v1/x", in...); answer.StatusCode != 200 {
		t.Fatalf("before: %d %s", answer.StatusCode, body)
	}
	m.session(t, "s1", 1, true)
	var limit unix.Rlimit
	pid := m.up.cmd.Process.Pid
	if err := unix.Prlimit(pid, unix.RLIMIT_FSIZE, nil, &limit); err != nil {
		t.Fatal(err)
	}
	full := unix.Rlimit{Cur: 0, Max: limit.Max} // no file can grow
	if err := unix.Prlimit(pid, unix.RLIMIT_FSIZE, &full, nil); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		answer, body := m.get("/api/v1/x", in...)
		if answer.StatusCode != http.StatusForbidden || errorCode(body) != "unavailable" {
			t.Errorf("with a full disk: status %d: %s", answer.StatusCode, body)
		}
	}
	if m.b.count() != 1 {
		t.Errorf("the backend was called %d times", m.b.count())
	}
	if err := unix.Prlimit(pid, unix.RLIMIT_FSIZE, &limit, nil); err != nil {
		t.Fatal(err)
	}
	m.eventually("with room again all is well", func() bool {
		answer, _ := m.get("/api/v1/x", in...)
		return answer.StatusCode == http.StatusOK
	})
	if m.metrics(t)["cloakroom_log_failures_total"] == 0 {
		t.Error("no metric tells of the log's failures")
	}
}
