package integration

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// asking is a world with a credential of a tier whose leases people must
// approve, and one whose leases can be extended.
type asking struct {
	*world
	b     *seen
	token string
}

const askingConfig = `
tiers:
  low: {lease: 5m, extend: 2m}
  high: {lease: 5m, approval: {approvers: [oncall]}}
credentials:
  - name: read
    tier: low
    groups: [ai-agents]
    value: {env: READ_KEY}
    allow: [{hosts: [api.test], methods: [GET], paths: ["/v1/**"]}]
  - name: write
    tier: high
    groups: [ai-agents]
    value: {env: WRITE_KEY}
    allow: [{hosts: [api.test], methods: [GET, POST], paths: ["/v1/**"]}]
`

func newAsking(t *testing.T) asking {
	t.Helper()
	b := backend(t, func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("done")) })
	w := newWorld(t, setup{Humans: true, Values: map[string]string{"READ_KEY": value(), "WRITE_KEY": value()}, Config: askingConfig,
		Upstreams: []string{`{host: api.test, prefix: /api, address: "` + b.address() + `"}`}})
	return asking{w, b, w.token(agentClient)}
}

// lease is what the gateway says of a lease, or why it refuses.
type lease struct {
	Ticket, Lease, State, Ending, Scope, Message string
	ApprovalURL                                  string `json:"approval_url"`
	ExtendSeconds                                int    `json:"extend_seconds"`
	Error                                        struct {
		Code, Message, Approval string
		ApprovalURL             string `json:"approval_url"`
		RetryAfter              int    `json:"retry_after"` // seconds
	}
}

// ask asks the agent's endpoint.
func (a asking) ask(method, path, body string) (*http.Response, lease) {
	a.t.Helper()
	r, err := http.NewRequest(method, a.gateway+"/.well-known/cloakroom/leases"+path, strings.NewReader(body))
	if err != nil {
		a.t.Fatal(err)
	}
	r.Header.Set("x-cloakroom-token", a.token)
	answer, err := a.client.Do(r)
	if err != nil {
		a.t.Fatal(err)
	}
	defer answer.Body.Close()
	var l lease
	if err := json.NewDecoder(answer.Body).Decode(&l); err != nil {
		a.t.Fatalf("%s %s: %v", method, path, err)
	}
	if l.Ticket != "" {
		canary(l.Ticket)
	}
	return answer, l
}

// use sends a request with a key through the gateway.
func (a asking) use(headers ...string) (*http.Response, lease) {
	a.t.Helper()
	answer, text := a.get("/api/v1/x", headers...)
	var l lease
	if answer.StatusCode != http.StatusOK {
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			a.t.Fatalf("%v in %s", err, text)
		}
	}
	return answer, l
}

// TestPending asks for a lease that people must approve, as an agent does that
// knows how, and as one that only sends its placeholder.
func TestPending(t *testing.T) {
	t.Parallel()
	a := newAsking(t)
	const question = `{"credential":"write","reason":"close the ticket","operation":{"method":"GET","host":"api.test","path":"/v1/x"}}`
	answer, first := a.ask("POST", "", question)
	if answer.StatusCode != http.StatusAccepted || first.State != "pending" || !strings.HasSuffix(first.ApprovalURL, "/approvals/"+first.Lease) {
		t.Fatalf("status %d, %s at %q: %+v", answer.StatusCode, first.State, first.ApprovalURL, first.Error)
	}
	_, again := a.ask("POST", "", question)
	if again.Lease != first.Lease || again.Ticket == first.Ticket {
		t.Errorf("asked again: lease %s, was %s; the same ticket: %v", again.Lease, first.Lease, again.Ticket == first.Ticket)
	}
	for name, headers := range map[string][]string{
		"the ticket":      {"authorization", "Bearer " + again.Ticket},
		"the placeholder": {"x-cloakroom-token", a.token, "authorization", "Bearer " + a.placeholder("write")},
	} {
		answer, refused := a.use(headers...)
		e := refused.Error
		if answer.StatusCode != http.StatusForbidden || e.Code != "approval_pending" || e.RetryAfter == 0 || answer.Header.Get("retry-after") == "" ||
			e.Approval == "" || !strings.HasSuffix(e.ApprovalURL, "/approvals/"+e.Approval) {
			t.Errorf("%s: status %d: %+v", name, answer.StatusCode, e)
		}
		if _, status := a.ask("GET", "/"+e.Approval, ""); status.State != "pending" {
			t.Errorf("%s: its question is %q: %+v", name, status.State, status.Error)
		}
	}
	if a.b.count() > 0 {
		t.Error("the backend was called")
	}
}

// TestHeldStatus waits for news of a pending lease, which come when it is handed
// back.
func TestHeldStatus(t *testing.T) {
	t.Parallel()
	a := newAsking(t)
	_, l := a.ask("POST", "", `{"credential":"write","reason":"close the ticket"}`)
	held := make(chan lease, 1)
	go func() {
		defer close(held)
		_, s := a.ask("GET", "/"+l.Lease+"?wait=50s", "")
		held <- s
	}()
	a.eventually("the status is held", func() bool { return a.metrics(t)["cloakroom_requests_held"] == 1 })
	if answer, ended := a.ask("DELETE", "/"+l.Lease, ""); answer.StatusCode != http.StatusOK || ended.State != "ended" {
		t.Errorf("handed back: status %d: %+v", answer.StatusCode, ended)
	}
	if s := <-held; s.State != "ended" || s.Ending != "revoked" || s.Message == "" {
		t.Errorf("the held status: %+v", s)
	}
}

// answers lets a person answer a question, by the command line and a login in
// the browser.
func (a asking) answers(who, verb, question string, flags ...string) {
	a.t.Helper()
	p := start(a.t, a.dir, "cloakroom", append([]string{"BROWSER=true"}, a.env...), append([]string{"approval", verb, question, "--yes"}, flags...)...)
	newPerson(who).visit(a.t, "http"+p.says(a.t, "  http"))
	if <-p.done; p.err != nil {
		a.t.Fatalf("%s could not %s: %v", who, verb, p.err)
	}
}

// question waits until one question is held, and returns its id.
func (a asking) question() string {
	a.t.Helper()
	a.eventually("a request is held", func() bool { return a.metrics(a.t)["cloakroom_requests_held"] == 1 })
	stdout, stderr, _ := command(a.t, a.dir, a.env, "approval", "ls", "--json")
	var all []struct{ ID string }
	if err := json.Unmarshal([]byte(stdout), &all); err != nil || len(all) != 1 {
		a.t.Fatalf("approval ls: %v in %s%s", err, stdout, stderr)
	}
	return all[0].ID
}

// TestApproved is held until a person approves the one operation that it names.
func TestApproved(t *testing.T) {
	t.Parallel()
	a := newAsking(t)
	held := make(chan lease, 1)
	go func() {
		defer close(held)
		answer, l := a.ask("POST", "", `{"credential":"write","reason":"look","wait":50,"operation":{"method":"GET","host":"api.test","path":"/v1/x"}}`)
		if answer.StatusCode != http.StatusCreated {
			t.Errorf("status %d: %+v", answer.StatusCode, l.Error)
		}
		held <- l
	}()
	a.answers("bob", "approve", a.question())
	l := <-held
	if l.State != "active" || l.Scope != "operation" {
		t.Fatalf("approved: %s, for the %s", l.State, l.Scope)
	}
	if answer, _ := a.use("authorization", "Bearer "+l.Ticket); answer.StatusCode != http.StatusOK {
		t.Errorf("the operation that was approved: status %d", answer.StatusCode)
	}
	if answer, body := a.get("/api/v1/y", "authorization", "Bearer "+l.Ticket); answer.StatusCode != http.StatusForbidden || !strings.Contains(body, "not_granted") {
		t.Errorf("another: status %d: %s", answer.StatusCode, body)
	}
}

// TestDenied asks by the tools, is denied, and may not ask again.
func TestDenied(t *testing.T) {
	t.Parallel()
	a := newAsking(t)
	s := a.mcpOver(t, a.mcpHTTP(a.token))
	var l, now, again lease
	if callTool(t, s, "request_lease", map[string]any{"credential": "write", "reason": "clean up"}, &l); l.State != "pending" {
		t.Fatalf("asked: %s, %+v", l.State, l.Error)
	}
	canary(l.Ticket)
	done := make(chan bool)
	go func() {
		defer close(done)
		callTool(t, s, "lease_status", map[string]any{"lease": l.Lease, "wait": 50}, &now)
	}()
	a.answers("bob", "deny", a.question(), "--reason", "not on a Friday")
	<-done
	if now.State != "ended" || now.Ending != "denied" || !strings.Contains(now.Message, "not on a Friday") {
		t.Errorf("its status: %+v", now)
	}
	if !callTool(t, s, "request_lease", map[string]any{"credential": "write", "reason": "please"}, &again) ||
		again.Error.Code != "approval_denied" || again.Error.RetryAfter == 0 || !strings.Contains(again.Error.Message, "not on a Friday") {
		t.Errorf("asked again: %+v", again)
	}
}

// TestLeaseCommands drives the command line's agent side through the lives of
// two leases.
func TestLeaseCommands(t *testing.T) {
	t.Parallel()
	a := newAsking(t)
	env := append([]string{"CLOAKROOM_TOKEN=" + a.token}, a.env...)
	run := func(arguments ...string) (string, string, int) {
		stdout, stderr, code := command(t, a.dir, env, append(arguments, "--gateway", a.gateway)...)
		page(stderr)
		return stdout, stderr, code
	}
	request := func(arguments ...string) (l lease, stderr string, code int) {
		stdout, stderr, code := run(append([]string{"lease", "request", "--json", "--reason", "a test"}, arguments...)...)
		if err := json.Unmarshal([]byte(stdout), &l); err != nil {
			t.Fatalf("%v in %s%s", err, stdout, stderr)
		}
		canary(l.Ticket)
		return l, stderr, code
	}
	read, stderr, code := request("read")
	if code != 0 || read.State != "active" || stderr != "" {
		t.Errorf("read: exit %d: %s", code, stderr)
	}
	write, stderr, code := request("write", "--method", "POST", "--host", "api.test", "--path", "/v1/x", "--wait", "1s")
	if code != 4 || write.State != "pending" || !strings.Contains(stderr, write.ApprovalURL) || !strings.Contains(stderr, write.Lease) {
		t.Errorf("write: exit %d: %+v, %s", code, write, stderr)
	}
	stdout, _, code := run("lease", "request", "write", "--reason", "another")
	ticket := strings.TrimSuffix(stdout, "\n")
	canary(ticket)
	if code != 4 || !strings.HasPrefix(ticket, "ckr_write_") || strings.ContainsAny(ticket, " \n") {
		t.Errorf("without --json: exit %d: %s", code, stdout)
	}
	for _, tt := range []struct {
		arguments string
		code      int
		want      string
	}{
		{"lease status " + read.Lease, 0, "active"},
		{"lease status --json " + read.Lease, 0, `"extend_seconds":120`},
		{"lease extend --by 1m " + read.Lease, 0, "active"},
		{"lease extend --by 2m " + read.Lease, 3, "not_granted"},
		{"lease extend " + write.Lease, 4, "approval_pending"},
		{"lease status --wait 1s " + write.Lease, 4, write.ApprovalURL},
		{"lease end " + read.Lease, 0, "ended"},
		{"lease end " + read.Lease, 0, "ended"},
		{"lease status " + read.Lease, 3, "revoked"},
		{"lease extend " + read.Lease, 3, "lease_expired"},
		{"lease status nothing", 3, "not_granted"},
		{"lease status", 2, "argument"},
		{"lease end ../x", 3, "want an id"},
		{"lease request none", 3, "not_granted"},
		{"lease request write --method GET", 3, "operation"},
		{"lease request write", 3, "reason"},
		{"lease request write --reason x --method DELETE --host api.test --path /v1/x", 3, "not_granted"},
	} {
		stdout, stderr, code := run(strings.Fields(tt.arguments)...)
		if code != tt.code || !strings.Contains(stdout+stderr, tt.want) {
			t.Errorf("%s: exit %d, want %d and %q in %s%s", tt.arguments, code, tt.code, tt.want, stdout, stderr)
		}
	}
}

// TestMCPPending asks by the tools for what people must approve.
func TestMCPPending(t *testing.T) {
	t.Parallel()
	a := newAsking(t)
	s := a.mcpOver(t, a.mcpHTTP(a.token))
	var l, now lease
	if callTool(t, s, "request_lease", map[string]any{"credential": "write", "reason": "close the ticket", "wait": 1}, &l) ||
		l.State != "pending" || l.ApprovalURL == "" {
		t.Fatalf("asked: %s at %q, %+v", l.State, l.ApprovalURL, l.Error)
	}
	canary(l.Ticket)
	if callTool(t, s, "lease_status", map[string]any{"lease": l.Lease, "wait": 1}, &now) || now.State != "pending" || now.ApprovalURL != l.ApprovalURL {
		t.Errorf("its status: %+v", now)
	}
	if !callTool(t, s, "request_lease", map[string]any{"credential": "write", "reason": ""}, &now) || now.Error.Code != "denied" {
		t.Errorf("without a reason: %+v", now)
	}
}

// TestATokenInAReason reaches neither the log nor the people who are asked.
func TestATokenInAReason(t *testing.T) {
	t.Parallel()
	a := newAsking(t)
	for name, body := range map[string]string{
		"reason": `{"credential":"write","reason":"` + a.token[strings.Index(a.token, "."):strings.LastIndex(a.token, ".")] + `"}`, // no more than a reason may have
		"path":   `{"credential":"write","reason":"why","operation":{"method":"GET","host":"api.test","path":"/v1/x?token=` + a.token + `"}}`,
	} {
		if answer, l := a.ask("POST", "", body); answer.StatusCode != http.StatusForbidden || l.Error.Code != "denied" || !strings.Contains(l.Error.Message, "identity token") {
			t.Errorf("%s: status %d: %+v", name, answer.StatusCode, l.Error)
		}
	}
}
