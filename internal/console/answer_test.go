package console

import (
	"net/url"
	"strings"
	"testing"

	"cloakroom/internal/lease"
)

// TestAnswer answers a question: by a form, a login, and the way back.
func TestAnswer(t *testing.T) {
	alice := human("alice", "oncall")
	elsewhere := human("alice", "oncall")
	elsewhere.Principal.Subject = "alice2"
	unnamed := human("alice", "oncall")
	unnamed.Principal.Person = ""
	tests := []struct {
		name   string
		form   []string // beside seen
		meet   func(b *browser)
		form0  int // status of the form
		back   int // status of the way back
		state  lease.State
		scope  lease.Scope
		reason string
	}{
		{"approve this request", []string{"answer", "approve", "scope", "operation"}, nil, 200, 303, lease.Active, lease.ScopeOperation, ""},
		{"approve all", []string{"answer", "approve", "scope", "credential"}, nil, 200, 303, lease.Active, lease.ScopeCredential, ""},
		{"deny", []string{"answer", "deny", "reason", " too\u202e much\n"}, nil, 200, 303, lease.Ended, 0, "too much"},
		{"approve nothing", []string{"answer", "approve"}, nil, 400, 0, lease.Pending, 0, ""},
		{"approve something else", []string{"answer", "approve", "scope", "everything"}, nil, 400, 0, lease.Pending, 0, ""},
		{"deny without a reason", []string{"answer", "deny", "reason", " \u202e "}, nil, 400, 0, lease.Pending, 0, ""},
		{"deny at length", []string{"answer", "deny", "reason", strings.Repeat("x", 501)}, nil, 400, 0, lease.Pending, 0, ""},
		{"neither", []string{"answer", "", "scope", "operation"}, nil, 400, 0, lease.Pending, 0, ""},
		{"of another question than shown", []string{"answer", "approve", "scope", "operation", "seen", "other"}, nil, 200, 409, lease.Pending, 0, ""},
		{"somebody else logs in", []string{"answer", "approve", "scope", "operation"}, func(b *browser) { b.in = human("bob", "oncall") }, 200, 403, lease.Pending, 0, ""},
		{"the same person by another account", []string{"answer", "approve", "scope", "operation"}, func(b *browser) { b.in = elsewhere }, 200, 403, lease.Pending, 0, ""},
		{"nobody knows who logs in", []string{"answer", "approve", "scope", "operation"}, func(b *browser) { b.in = unnamed }, 200, 403, lease.Pending, 0, ""},
		{"the session is over", []string{"answer", "approve", "scope", "operation"}, func(b *browser) { delete(b.cookies, "__Host-cloakroom") }, 200, 401, lease.Pending, 0, ""},
		{"another session began", []string{"answer", "approve", "scope", "operation"}, func(b *browser) {
			b.cookies["__Host-cloakroom"] = b.loggedIn(alice).cookies["__Host-cloakroom"]
		}, 200, 403, lease.Pending, 0, ""},
		{"too late", []string{"answer", "approve", "scope", "operation"}, func(b *browser) { b.clock = b.clock.Add(flowLength) }, 200, 400, lease.Pending, 0, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			l := w.ask(refund, "please")
			b := w.loggedIn(alice)
			got := b.post("/approvals/"+l.ID, append([]string{"seen", "seen-" + l.ID}, tt.form...)...)
			if got.Code != tt.form0 {
				t.Fatalf("the form: status %d, want %d: %s", got.Code, tt.form0, got.Body)
			}
			if tt.form0 == 200 {
				if w.attempt.Fresh.IsZero() || w.attempt.Hint != "alice@example.com" {
					t.Errorf("the login asked for: %+v", w.attempt)
				}
				b.in = alice
				state := w.attempt.State
				if tt.meet != nil {
					tt.meet(b)
				}
				if got := b.get("/login/callback?code=c&state=" + state); got.Code != tt.back {
					t.Errorf("the way back: status %d, want %d: %s", got.Code, tt.back, got.Body)
				}
			}
			now := w.leases[0]
			if now.State != tt.state || now.Scope != tt.scope {
				t.Errorf("the lease is %s for %q", now.State, now.Scope)
			}
			if tt.state == lease.Pending {
				return
			}
			a := w.answers[0]
			if a.By.ID() != alice.Principal.ID() || a.Via != "page" || a.Asked.IsZero() || a.Reason != tt.reason {
				t.Errorf("the desk heard %+v", a)
			}
			if page := b.get("/approvals/" + l.ID).Body.String(); !strings.Contains(page, `data-page="outcome"`) || !strings.Contains(page, "alice@example.com") {
				t.Errorf("the page does not tell the outcome: %s", page)
			}
		})
	}
}

// TestChoices looks at what is chosen beforehand.
func TestChoices(t *testing.T) {
	tests := []struct{ scopes, sent, want string }{
		{"operation path credential", "", "operation"},
		{"path credential", "", "path"},
		{"credential", "", ""},
		{"operation path credential", "credential", "credential"},
		{"operation path credential", "nonsense", ""},
	}
	for _, tt := range tests {
		got := ""
		for _, c := range choices(strings.Fields(tt.scopes), tt.sent) {
			if c.Chosen {
				got += c.String()
			}
		}
		if got != tt.want {
			t.Errorf("of %q after %q: %q, want %q", tt.scopes, tt.sent, got, tt.want)
		}
	}
}

// TestOwnQuestion shows no form to whom the agent works for.
func TestOwnQuestion(t *testing.T) {
	w := newWorld(t)
	l := w.ask(refund, "please")
	page := w.loggedIn(human("erin", "oncall")).get("/approvals/" + l.ID).Body.String()
	if strings.Contains(page, `name="answer"`) || !strings.Contains(page, "nobody answers their own question") {
		t.Errorf("%s", page)
	}
}

// TestForms sends forms that no page of the session has.
func TestForms(t *testing.T) {
	w := newWorld(t)
	l := w.ask(refund, "please")
	b := w.loggedIn(human("bob", "sre", "oncall"))
	good := b.token()
	form := func(token string) url.Values {
		return url.Values{formToken: {token}, "what": {"all"}, "sure": {"yes"}, "reason": {"test"}, "answer": {"approve"}, "scope": {"operation"}, "seen": {"seen-" + l.ID}}
	}
	tests := []struct {
		name    string
		token   string
		headers []string
		body    url.Values
		status  int
	}{
		{"without the token", "", nil, nil, 403},
		{"with another session's", w.loggedIn(human("bob", "sre")).token(), nil, nil, 403},
		{"from another site", good, []string{"sec-fetch-site", "cross-site"}, nil, 403},
		{"from a sister site", good, []string{"sec-fetch-site", "same-site"}, nil, 403},
		{"from another origin, of an old browser", good, []string{"sec-fetch-site", "", "origin", "https://evil.test"}, nil, 403},
		{"from an origin that is hidden", good, []string{"sec-fetch-site", "", "origin", "null"}, nil, 403},
		{"to another name of this address", good, []string{"host", "evil.test"}, nil, 421},
		{"too large", good, nil, url.Values{"reason": {strings.Repeat("x", maxBody)}}, 403},
	}
	for _, path := range []string{"/revoke", "/approvals/" + l.ID, "/bars/x/lift", "/logout"} {
		for _, tt := range tests {
			t.Run(tt.name+" to "+path, func(t *testing.T) {
				body := form(tt.token)
				for k, v := range tt.body {
					body[k] = v
				}
				if got := b.send("POST", path, body, tt.headers...); got.Code != tt.status {
					t.Errorf("status %d, want %d", got.Code, tt.status)
				}
			})
		}
	}
	if len(w.revoked) > 0 || w.attempt.Fresh.After(w.clock.Add(-1)) && !w.attempt.Fresh.IsZero() {
		t.Errorf("something was done: %v", w.revoked)
	}
	if got := b.send("POST", "/revoke", form(good), "sec-fetch-site", "", "origin", home); got.Code != 303 || len(w.revoked) != 1 {
		t.Errorf("the page's own form: status %d", got.Code)
	}
}

func TestRevoke(t *testing.T) {
	w := newWorld(t)
	l := w.ask(refund, "please")
	b := w.loggedIn(human("bob", "sre"))
	tests := []struct {
		name   string
		form   []string
		status int
	}{
		{"nothing", []string{"reason", "x"}, 404},
		{"nothing, of a lease's page", []string{"reason", "x", "lease", l.ID}, 400},
		{"without a reason", []string{"what", "principal", "principal", l.Principal}, 400},
		{"everything, not sure", []string{"what", "all", "reason", "x", "all", ""}, 400},
		{"one", []string{"what", "lease", "lease", l.ID}, 303},
		{"a principal's", []string{"what", "principal", "principal", l.Principal, "credential", "c", "reason", "x", "for", "1 hour"}, 303},
		{"everything", []string{"what", "all", "sure", "yes", "reason", "x", "for", "until it is lifted"}, 303},
	}
	for _, tt := range tests {
		if got := b.post("/revoke", tt.form...); got.Code != tt.status {
			t.Errorf("%s: status %d, want %d: %s", tt.name, got.Code, tt.status, got.Body)
		}
	}
	if len(w.revoked) != 3 || w.revoked[0].Lease != l.ID || w.revoked[1].Principal != l.Principal || w.revoked[1].Credential != "" ||
		w.revoked[1].Until.IsZero() || !w.revoked[2].All || !w.revoked[2].Until.IsZero() {
		t.Errorf("the desk heard %+v", w.revoked)
	}
	if page := b.get("/leases").Body.String(); strings.Count(page, "/lift") != 2 {
		t.Errorf("the bars are not shown: %s", page)
	}
	if got := b.post("/bars/" + w.bars[1].ID + "/lift"); got.Code != 303 || len(w.bars) != 1 {
		t.Errorf("lifting: status %d", got.Code)
	}
	if got := w.loggedIn(human("alice", "oncall")).post("/bars/" + w.bars[0].ID + "/lift"); got.Code != 403 {
		t.Errorf("an approver lifts a bar: status %d", got.Code)
	}
}
