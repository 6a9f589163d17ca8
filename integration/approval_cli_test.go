package integration

import (
	"io"
	"maps"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
)

// question is what `approval ls --json` and `approval show --json` print.
type question struct {
	ID, Credential, State, Reason, Seen string
	Needs                               int
	Scopes                              []string
	Answers                             []struct{ Person, Scope, Reason, Via string }
}

// desk is a world in which people approve.
type desk struct {
	*world
	agent map[string][]string // headers, by credential
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	return newDeskWith(t, setup{}, func(config string) string { return config })
}

// newDeskWith is one with more values and variables, and another configuration.
func newDeskWith(t *testing.T, more setup, change func(config string) string) *desk {
	t.Helper()
	all := map[string]string{"ONE": value(), "TWO": value()}
	maps.Copy(all, more.Values)
	b := backend(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "done") })
	d := &desk{agent: map[string][]string{}, world: newWorld(t, setup{Humans: true, Values: all, Env: more.Env,
		Upstreams: []string{`{host: api.test, prefix: /api, address: "` + b.address() + `"}`}, Config: change(`
tiers:
  high: {lease: 5m, approval: {approvers: [oncall], cooldown: 0s}}
  top: {lease: 5m, approval: {approvers: [oncall], count: 2}}
credentials:
  - {name: one, tier: high, groups: [ai-agents], value: {env: ONE}, allow: [{hosts: [api.test], methods: [GET], paths: ["/**"]}]}
  - {name: two, tier: top, groups: [ai-agents], value: {env: TWO}, allow: [{hosts: [api.test], methods: [GET], paths: ["/**"]}]}
`)})}
	for _, name := range []string{"one", "two"} {
		d.agent[name] = []string{"x-cloakroom-token", d.token(agentClient), "authorization", "Bearer " + d.placeholder(name)}
	}
	return d
}

// attempt sends the agent's request, and returns its status and code.
func (d *desk) attempt(credential, path string) (int, string, string) {
	d.t.Helper()
	answer, body := d.get(path, d.agent[credential]...)
	return answer.StatusCode, errorCode(body), body
}

// asks has the agent ask, and finds the question that comes of it.
func (d *desk) asks(credential, path string) question {
	d.t.Helper()
	if status, code, body := d.attempt(credential, path); status != http.StatusForbidden || code != "approval_pending" {
		d.t.Fatalf("%s: %d %s", path, status, body)
	}
	var all []question
	d.run(&all, "approval", "ls")
	if len(all) == 0 || all[0].State != "pending" || all[0].Credential != credential {
		d.t.Fatalf("approval ls: %+v", all)
	}
	return all[0]
}

// answers runs a command, lets the person log in each time that it sends them to,
// and returns what it printed and how it ended.
func (d *desk) answers(who *person, arguments ...string) (string, int) {
	d.t.Helper()
	asked := who.asked
	p := start(d.t, d.dir, "cloakroom", append([]string{"BROWSER=true"}, d.env...), arguments...)
	for visited := 0; ; visited++ {
		var urls []string
		d.eventually("it ends, or sends somebody to log in", func() bool {
			urls = logins.FindAllString(p.out.String(), -1)
			select {
			case <-p.done:
				return true
			default:
				return len(urls) > visited
			}
		})
		if len(urls) <= visited {
			break
		}
		if _, text := who.visit(d.t, strings.TrimSpace(urls[visited])); !strings.Contains(text, "close this window") {
			d.t.Errorf("the browser ends at %s", text)
		}
	}
	if who.asked == asked {
		d.t.Errorf("%s was not asked for a password", who.name)
	}
	page(p.out.String())
	return p.out.String(), p.cmd.ProcessState.ExitCode()
}

var logins = regexp.MustCompile(`(?m)^  http\S+$`)

// TestApprovalCommands asks, looks, and answers from the command line, as those
// who may and as those who may not.
func TestApprovalCommands(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	alice, bob, carol := newPerson("alice"), newPerson("bob"), newPerson("carol")

	q := d.asks("one", "/api/a?x=1")
	stdout, _, code := command(t, d.dir, d.env, "approval", "show", q.ID[:6])
	for _, want := range []string{q.ID, "GET api.test/a?x=1", "alice@example.com", "this very operation", "0 of 1", "never asked"} {
		if code != 0 || !strings.Contains(stdout, want) {
			t.Errorf("approval show: exit %d, no %q in %s", code, want, stdout)
		}
	}
	if out, code := d.answers(alice, "approval", "approve", q.ID, "--yes"); code != 3 || !strings.Contains(out, "own_request") {
		t.Errorf("by the human behind the agent: exit %d: %s", code, out)
	}
	if out, code := d.answers(carol, "approval", "approve", q.ID, "--yes"); code != 3 || !strings.Contains(out, "denied") {
		t.Errorf("by an auditor: exit %d: %s", code, out)
	}
	if status, code, body := d.attempt("one", "/api/a?x=1"); code != "approval_pending" {
		t.Errorf("after answers that do not count: %d %s", status, body)
	}
	if out, code := d.answers(bob, "approval", "approve", q.ID, "--yes"); code != 0 || strings.Contains(out, "hint:") {
		t.Errorf("by an approver: exit %d: %s", code, out)
	}
	d.eventually("the request goes on", func() bool {
		status, _, _ := d.attempt("one", "/api/a?x=1")
		return status == http.StatusOK
	})

	q = d.asks("one", "/api/a?x=2") // another operation than the one that was approved
	if out, code := d.answers(bob, "approval", "deny", q.ID, "--reason", "not on a Friday", "--yes"); code != 0 {
		t.Errorf("a denial: exit %d: %s", code, out)
	}
	q = d.asks("two", "/api/a")
	if out, code := d.answers(bob, "approval", "approve", q.ID, "--scope", "path", "--yes"); code != 4 {
		t.Errorf("the first of two: exit %d: %s", code, out)
	}
	if out, code := d.answers(bob, "approval", "approve", q.ID, "--yes"); code != 3 || !strings.Contains(out, "answered_already") {
		t.Errorf("the same person twice: exit %d: %s", code, out)
	}
	var all []question
	d.run(&all, "approval", "ls", "--all")
	if len(all) != 3 || all[0].State != "pending" || len(all[0].Answers) != 1 || all[0].Answers[0].Scope != "path" || all[1].State != "denied" ||
		all[1].Answers[0].Reason != "not on a Friday" || all[2].State != "approved" || all[2].Answers[0].Via != "cli" || all[2].Answers[0].Person != "bob@example.com" {
		t.Errorf("approval ls --all: %+v", all)
	}
}

// TestApprovalFromElsewhere looks and answers where the store is not: with a login
// to look, which the issuer's audiences must provide for, and one to answer.
func TestApprovalFromElsewhere(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	q := d.asks("one", "/api/a")
	alice, bob := newPerson("alice"), newPerson("bob")
	if out, code := d.answers(bob, "approval", "ls", "--admin", d.admin); code != 3 || !strings.Contains(out, "audiences") {
		t.Errorf("with a login for another: exit %d: %s", code, out)
	}
	d.rewrite("audiences: [cloakroom]\n      claims: {groups: groups, person: email}", "audiences: [cloakroom, cloakroom-cli]\n      claims: {groups: groups, person: email}")
	d.logged(d.up, "the new configuration is in force", "file")
	if err := os.Mkdir(d.path("far"), 0o700); err != nil { // neither store nor key is there
		t.Fatal(err)
	}
	d.write("far/cloakroom.yaml", d.read("cloakroom.yaml"))
	far := []string{"--config", "far/cloakroom.yaml", "--admin", d.admin}
	if out, code := d.answers(alice, append(far, "approval", "ls")...); code != 0 || !strings.Contains(out, q.ID) || !strings.Contains(out, "0 of 1") {
		t.Errorf("approval ls: exit %d: %s", code, out)
	}
	if out, code := d.answers(bob, append(far, "approval", "approve", q.ID[:8], "--yes")...); code != 0 || !strings.Contains(out, "GET api.test/a") || bob.asked != 2 {
		t.Errorf("approval approve: exit %d, a password asked for %d times: %s", code, bob.asked, out)
	}
	if status, _, body := d.attempt("one", "/api/a"); status != http.StatusOK {
		t.Errorf("after the approval: %d %s", status, body)
	}
}

// TestApprovalOnPage answers where the configuration has no client for the command
// line: the page is opened, and waited for.
func TestApprovalOnPage(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	q := d.asks("one", "/api/a")
	d.write("page.yaml", strings.Replace(d.read("cloakroom.yaml"), ", cli_client_id: cloakroom-cli", "", 1))
	p := start(t, d.dir, "cloakroom", append([]string{"BROWSER=true"}, d.env...), "approval", "approve", q.ID, "--yes", "--config", "page.yaml")
	if at := "http" + p.says(t, "  http"); at != d.admin+"/approvals/"+q.ID {
		t.Errorf("it opens %s", at)
	}
	if _, stderr, code := command(t, d.dir, d.env, "lease", "revoke", q.ID); code != 0 {
		t.Fatalf("lease revoke: exit %d: %s", code, stderr)
	}
	<-p.done
	if code := p.cmd.ProcessState.ExitCode(); code != 3 || !strings.Contains(p.out.String(), q.ID+": revoked") {
		t.Errorf("a question that was revoked: exit %d: %s", code, p.out)
	}
	for _, tt := range []struct{ arguments, want string }{
		{"approval approve " + q.ID, "no question"},
		{"approval show " + q.ID[:3], "no question"},
	} {
		if _, stderr, code := command(t, d.dir, d.env, strings.Fields(tt.arguments)...); code != 1 || !strings.Contains(stderr, tt.want) {
			t.Errorf("%s: exit %d: %s", tt.arguments, code, stderr)
		}
	}
	q = d.asks("one", "/api/b")
	for _, tt := range []struct{ arguments, want string }{
		{"approval approve " + q.ID, "--yes"},
		{"approval approve --yes --scope all " + q.ID, "operation"},
		{"approval approve --yes --issuer nobody " + q.ID, "cannot log in"},
		{"approval approve --yes --admin http://example.com " + q.ID, "want https"},
	} {
		if _, stderr, code := command(t, d.dir, d.env, strings.Fields(tt.arguments)...); code != 2 || !strings.Contains(stderr, tt.want) {
			t.Errorf("%s: exit %d: %s", tt.arguments, code, stderr)
		}
	}
}
