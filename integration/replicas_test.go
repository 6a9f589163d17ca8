package integration

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

const fleetConfig = `
tiers:
  held: {lease: 5m, approval: {approvers: [people/oncall, others/oncall], wait: 1m}}
  asked: {lease: 5m, reuse: true, approval: {approvers: [people/oncall, others/oncall]}}
  double: {lease: 5m, approval: {approvers: [people/oncall, others/oncall], count: 2}}
credentials:
  - {name: held, tier: held, groups: [ai-agents], value: {env: HELD_KEY}, allow: [{hosts: [api.test], methods: [GET], paths: ["/v1/**"]}]}
  - {name: asked, tier: asked, groups: [ai-agents], value: {env: ASKED_KEY}, allow: [{hosts: [api.test], methods: [GET], paths: ["/v1/**"]}]}
  - {name: double, tier: double, groups: [ai-agents], value: {env: DOUBLE_KEY}, allow: [{hosts: [api.test], methods: [GET], paths: ["/v1/**"]}]}
`

// answering is a fleet with an agent, on alice's behalf, and the people.
type answering struct {
	*fleet
	*pausing
	token             string
	alice, bob        *member
	robert, erin      *member
	held, asked, both string // the values
}

func newAnswering(t *testing.T) *answering {
	t.Helper()
	a := &answering{pausing: newPausing(t), held: value(), asked: value(), both: value()}
	a.fleet = newFleet(t, setup{Config: fleetConfig, Values: map[string]string{"HELD_KEY": a.held, "ASKED_KEY": a.asked, "DOUBLE_KEY": a.both},
		Upstreams: []string{`{host: api.test, prefix: /api, address: "` + a.address() + `"}`}})
	a.token = a.fleet.token(agentClient)
	a.alice, a.bob = a.member("alice", a.people), a.member("bob", a.people)
	a.robert, a.erin = a.member("robert", a.others), a.member("erin", a.others)
	return a
}

// with is what the agent sends to use a credential.
func (a *answering) with(credential string) []string {
	a.t.Helper()
	return []string{"x-cloakroom-token", a.token, "authorization", "Bearer " + a.replicas[0].placeholder(credential), "x-cloakroom-session", "s1"}
}

// everywhere sends so many requests that every replica gets its part, and checks
// that they end alike.
func (a *answering) everywhere(path string, status int, code string, headers ...string) {
	a.t.Helper()
	before := a.count()
	for range 4 * len(a.replicas) {
		answer, body := a.get(path, headers...)
		if answer.StatusCode != status || errorCode(body) != code {
			a.t.Errorf("%s: %d %s, want %d %q", path, answer.StatusCode, body, status, code)
		}
	}
	if heard := a.count() - before; (heard != 0) != (status == http.StatusOK) {
		a.t.Errorf("%s: the backend heard %d requests", path, heard)
	}
}

// holder is the replica at which the only held request waits, and its place.
func (a *answering) holder() (i int) {
	a.t.Helper()
	a.eventually("a replica holds the request", func() bool {
		for i = range a.replicas {
			if a.replicas[i].metrics(a.t)["cloakroom_requests_held"] == 1 {
				return true
			}
		}
		return false
	})
	return i
}

// TestReplicasApprove: a request that one replica holds goes on when it is
// approved at another, on the page, every page of which a replica of its own
// serves; the lease is good at all of them.
func TestReplicasApprove(t *testing.T) {
	t.Parallel()
	a := newAnswering(t)
	headers := a.with("held")
	held := make(chan outcome, 1)
	go func() { held <- a.try("/api/v1/x?n=1", headers...) }()
	at := a.holder()
	q := a.waiting(a.nth(at+1), a.alice, "held")
	if status, text, _ := a.answer(a.alice, a.nth(at+1), a.nth(at+2), q, "operation"); status != http.StatusForbidden || errorCode(text) != "own_request" {
		t.Errorf("the human behind the agent approves: %d %s", status, text)
	}
	answer := url.Values{"answer": {"approve"}, "scope": {"operation"}}
	if text := a.browser("bob").answers(t, "http://"+a.fleet.page, q.ID, answer); !strings.Contains(text, ">approved</span>") {
		t.Errorf("approved: %s", text)
	}
	if got := <-held; got.status() != http.StatusOK || a.last().Header.Get("authorization") != "Bearer "+a.held {
		t.Errorf("the held request: %d %s %v", got.status(), got.body, got.err)
	}
	a.everywhere("/api/v1/x?n=1", http.StatusOK, "", headers...)
	for i, r := range a.replicas {
		if !strings.Contains(r.logText(), `"outcome":"allow"`) {
			t.Errorf("replica %d decided nothing", i)
		}
	}
	if all := a.replicas[0].session(t, "s1", 1+4*len(a.replicas), true); all[0].Decision.Decision.Outcome != "allow" {
		t.Errorf("the held request's record: %+v", all[0])
	}
}

// TestReplicasCount: of two people who are needed, one who comes from two issuers
// is one, and each may answer where they like.
func TestReplicasCount(t *testing.T) {
	t.Parallel()
	a := newAnswering(t)
	headers := a.with("double")
	a.everywhere("/api/v1/x", http.StatusForbidden, "approval_pending", headers...)
	q := a.waiting(a.replicas[0], a.bob, "double")
	if l := a.approves(a.bob, a.replicas[0], a.replicas[1], q, "path"); l.State != "pending" {
		t.Errorf("with one approval the lease is %s", l.State)
	}
	for n, again := range []*member{a.bob, a.robert} {
		if status, text, _ := a.answer(again, a.nth(n), a.nth(n+2), q, "path"); status != http.StatusConflict || errorCode(text) != "answered_already" {
			t.Errorf("%s approves too: %d %s", again.name, status, text)
		}
	}
	a.everywhere("/api/v1/x", http.StatusForbidden, "approval_pending", headers...)
	if l := a.approves(a.erin, a.replicas[1], a.replicas[2], q, "operation"); l.State != "active" || l.Scope != "operation" || len(l.Answers) != 2 {
		t.Errorf("with two approvals: %+v", l)
	}
	a.everywhere("/api/v1/x", http.StatusOK, "", headers...)
	a.everywhere("/api/v1/x?n=1", http.StatusForbidden, "approval_pending", headers...)
}

// TestReplicasRevoke: a revoke at one replica, of a lease or of all over a
// credential, cuts what is in flight at all of them, and nothing is substituted
// from then on.
func TestReplicasRevoke(t *testing.T) {
	t.Parallel()
	a := newAnswering(t)
	headers := a.with("asked")
	a.everywhere("/api/v1/pause", http.StatusForbidden, "approval_pending", headers...)
	for _, of := range []string{"lease", "credential"} {
		l := a.approves(a.bob, a.replicas[0], a.replicas[1], a.waiting(a.replicas[0], a.bob, "asked"), "path")
		flows := a.underway(headers)
		began := time.Now()
		what, code := map[string]string{"lease": l.ID, "reason": "a drill"}, "approval_pending"
		if of == "credential" {
			what, code = map[string]string{"credential": "asked", "reason": "a drill"}, "lease_expired"
		}
		if status, text := a.call(a.replicas[2], "POST", "/revocations", a.bob.bearer, what, nil); status != http.StatusOK {
			t.Fatalf("revoking a %s: %d %s", of, status, text)
		}
		var cut sync.WaitGroup
		for _, f := range flows {
			cut.Go(func() {
				if got := f.end(); got.hung || got.err == nil || got.shows(a.asked) {
					t.Errorf("an exchange in flight got %v after %q, want it cut", got.err, got.body)
				}
			})
		}
		cut.Wait()
		t.Logf("all of %d exchanges were cut within %v of the revoke of a %s", len(flows), time.Since(began), of)
		a.everywhere("/api/v1/pause", http.StatusForbidden, code, headers...)
	}
}

// underway begins exchanges at every replica.
func (a *answering) underway(headers []string) (flows []*flow) {
	a.t.Helper()
	a.eventually("every replica knows of the lease", func() bool {
		for _, r := range a.replicas {
			if r.metrics(a.t)["cloakroom_leases_active"] == 0 {
				return false
			}
		}
		return true
	})
	for range 2 * len(a.replicas) {
		flows = append(flows, a.begin(headers...))
	}
	for i, r := range a.replicas {
		if r.metrics(a.t)["cloakroom_streams_open"] == 0 {
			a.t.Errorf("replica %d has no exchange under way", i)
		}
	}
	return flows
}
