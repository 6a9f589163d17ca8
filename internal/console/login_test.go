package console

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"cloakroom/internal/identity"
	"cloakroom/internal/lease"
)

func TestWhoGetsIn(t *testing.T) {
	machine := human("robot", "sre")
	machine.Principal.Human = false
	stranger := human("eve", "oncall")
	stranger.Principal.Issuer = agents // a group of that name of another issuer
	tests := []struct {
		name  string
		who   identity.LoggedIn
		login int
		pages map[string]int
	}{
		{"an operator", human("bob", "sre"), 303, map[string]int{"/": 200, "/leases": 200, "/revoke?all": 200, "/inventory": 200, "/sessions": 200,
			"/session?id=s1": 200, "/denials": 200, "/health": 200, "/elsewhere": 404, "/approvals/none": 404, "/session?id=none": 404}},
		{"an approver", human("alice", "oncall"), 303, map[string]int{"/": 200, "/leases": 200, "/inventory": 403, "/sessions": 403,
			"/session?id=s1": 403, "/exchanges/x1": 403, "/denials": 403, "/health": 403}},
		{"an auditor", human("carol", "security"), 303, map[string]int{"/": 200, "/leases": 200, "/revoke?all": 403, "/inventory": 200, "/health": 200}},
		{"without a role", human("dave"), 403, nil},
		{"a machine", machine, 403, nil},
		{"another issuer's", stranger, 403, nil},
		{"nobody", identity.LoggedIn{}, 403, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			b := w.browser()
			b.send("POST", "/login", url.Values{"issuer": {people}})
			got := b.returns(tt.who)
			if got.Code != tt.login || (b.cookies["__Host-cloakroom"] == "") != (tt.login != 303) {
				t.Fatalf("login: status %d, want %d, cookies %v", got.Code, tt.login, b.cookies)
			}
			if tt.login == 403 && !strings.Contains(got.Body.String(), "<b>oncall</b>") {
				t.Errorf("the refusal does not say which groups may: %s", got.Body)
			}
			for path, status := range tt.pages {
				if got := b.get(path); got.Code != status {
					t.Errorf("%s: status %d, want %d", path, got.Code, status)
				}
			}
		})
	}
}

// TestSessionEnds moves the clock, and tries cookies that are not the session's.
func TestSessionEnds(t *testing.T) {
	w := newWorld(t)
	start := w.clock
	in := func(b *browser) bool { return b.get("/leases").Code == 200 }
	tests := []struct {
		name string
		do   func(b *browser)
		good bool
	}{
		{"at once", func(*browser) {}, true},
		{"idle for less than an hour", func(*browser) { w.clock = start.Add(59 * time.Minute) }, true},
		{"idle for an hour", func(*browser) { w.clock = start.Add(time.Hour) }, false},
		{"used meanwhile", func(b *browser) {
			w.clock = start.Add(50 * time.Minute)
			b.get("/")
			w.clock = start.Add(100 * time.Minute)
		}, true},
		{"only the page asked meanwhile", func(b *browser) {
			w.clock = start.Add(50 * time.Minute)
			b.send("GET", "/", nil, liveHeader, "1")
			b.get("/?refresh")
			w.clock = start.Add(100 * time.Minute)
		}, false},
		{"used for eight hours", func(b *browser) {
			for w.clock = start; w.clock.Before(start.Add(8 * time.Hour)); w.clock = w.clock.Add(50 * time.Minute) {
				b.get("/")
			}
		}, false},
		{"a cookie that was changed", func(b *browser) {
			c := b.cookies["__Host-cloakroom"]
			b.cookies["__Host-cloakroom"] = c[:20] + string(c[20]^1) + c[21:]
		}, false},
		{"a cookie of another name", func(b *browser) {
			b.cookies["cloakroom"] = b.cookies["__Host-cloakroom"]
			delete(b.cookies, "__Host-cloakroom")
		}, false},
		{"the flow's cookie as the session's", func(b *browser) {
			b.send("POST", "/login", url.Values{"issuer": {people}})
			b.cookies["__Host-cloakroom"] = b.cookies["__Host-cloakroom-login"]
		}, false},
		{"logged out", func(b *browser) { b.post("/logout") }, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w.clock = start
			b := w.loggedIn(human("bob", "sre"))
			tt.do(b)
			if got := in(b); got != tt.good {
				t.Errorf("the session is good: %v, want %v", got, tt.good)
			}
		})
	}
}

// TestLogins tries answers that are to no login of this browser's.
func TestLogins(t *testing.T) {
	tests := []struct {
		name   string
		do     func(b *browser)
		status int
	}{
		{"as it should be", func(*browser) {}, 303},
		{"of another browser", func(b *browser) { b.cookies = map[string]string{} }, 400},
		{"another began here since", func(b *browser) {
			mine := b.attempt
			b.send("POST", "/login", url.Values{"issuer": {people}})
			b.attempt = mine
		}, 403},
		{"too late", func(b *browser) { b.clock = b.clock.Add(flowLength) }, 400},
		{"a second time", func(b *browser) { b.returns(human("bob", "sre")) }, 400},
		{"without a state", func(b *browser) { b.attempt.State = "" }, 403},
		{"the issuer refuses", func(b *browser) { b.refused = &identity.Error{Reason: "issuer says access_denied"} }, 403},
		{"the issuer is away", func(b *browser) { b.refused = &identity.Error{Reason: "issuer cannot be asked now", Unavailable: true} }, 503},
		{"something breaks", func(b *browser) { b.refused = errors.New("a path /secret") }, 500},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newWorld(t).browser()
			b.send("POST", "/login", url.Values{"issuer": {people}, "to": {"/leases"}})
			tt.do(b)
			delete(b.cookies, "__Host-cloakroom")
			got := b.returns(human("bob", "sre"))
			if got.Code != tt.status || (b.cookies["__Host-cloakroom"] != "") != (tt.status == 303) {
				t.Errorf("status %d, want %d; cookies %v", got.Code, tt.status, b.cookies)
			}
			if to := got.Header().Get("location"); tt.status == 303 && to != "/leases" {
				t.Errorf("goes to %q", to)
			}
			if strings.Contains(got.Body.String(), "/secret") {
				t.Error("the page tells of an error that nobody foresaw")
			}
		})
	}
	if got := newWorld(t).browser().send("POST", "/login", url.Values{"issuer": {agents}}); got.Code != 400 {
		t.Errorf("an issuer of machines: status %d", got.Code)
	}
}

func TestWithin(t *testing.T) {
	for to, want := range map[string]string{
		"/": "/", "/leases?credential=a": "/leases?credential=a", "": "/", "//evil.test/": "/", `/\evil.test`: "/", "https://evil.test": "/",
		"///evil.test": "/", "/%2Fevil.test": "/", "javascript:alert(1)": "/", "leases": "/", "/logout": "/", "/login": "/", "/login/callback": "/",
		"/approvals/a": "/approvals/a", "\t//evil.test": "/",
		"/.//of-this-host": "/.//of-this-host",
	} {
		if got := within(to); got != want {
			t.Errorf("within(%q) = %q, want %q", to, got, want)
		}
	}
}

// TestAnonymous asks for everything without a session.
func TestAnonymous(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"/", "/leases", "/approvals/a", "/inventory", "/sessions", "/denials", "/health"} {
		got := w.browser().get(path)
		if to := got.Header().Get("location"); got.Code != 303 || to != "/login?to="+url.QueryEscape(path) {
			t.Errorf("%s: status %d, location %q", path, got.Code, to)
		}
	}
	if got := w.browser().get("/events"); got.Code != 401 {
		t.Errorf("/events: status %d", got.Code)
	}
	if got := w.browser().post("/revoke", "what", "all", "sure", "yes", "reason", "x"); got.Code != 401 || len(w.revoked) > 0 {
		t.Errorf("revoking: status %d", got.Code)
	}
}

// TestCookies looks at what is set.
func TestCookies(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	for _, got := range []*http.Response{b.send("POST", "/login", url.Values{"issuer": {people}}).Result(), b.returns(human("bob", "sre")).Result()} {
		for _, c := range got.Cookies() {
			if !strings.HasPrefix(c.Name, "__Host-") || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" {
				t.Errorf("%s", c)
			}
			if strings.Contains(w.logged.String(), c.Value) && c.Value != "" {
				t.Error("a cookie is in the log")
			}
		}
	}
	many := human("bob", "sre")
	for range 500 {
		many.Principal.Groups = append(many.Principal.Groups, "a-group-with-quite-a-long-name")
	}
	if b := w.loggedIn(many); len(b.cookies["__Host-cloakroom"]) > 1500 {
		t.Errorf("a session of many groups takes %d bytes", len(b.cookies["__Host-cloakroom"]))
	}
}

// TestStrangersKeepNobodyOut has somebody without an identity ask for all that
// they can: people log in and answer all the same.
func TestStrangersKeepNobodyOut(t *testing.T) {
	w := newWorld(t)
	l := w.ask(refund, "please")
	document := readDocument(t)
	for range 200 {
		w.browser().send("POST", "/login", url.Values{"issuer": {people}})
		w.call(document, "POST", "/api/v1/approvals/"+l.ID+"/challenges", "", `{"answer":"approve","scope":"operation","seen":"x"}`)
	}
	alice := human("alice", "oncall")
	b := w.loggedIn(alice)

	for range loginsAtOnce { // codes that an issuer takes long to refuse
		w.Console.logins <- struct{}{}
	}
	other := w.browser()
	other.send("POST", "/login", url.Values{"issuer": {people}})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := httptest.NewRequestWithContext(ctx, "GET", home+"/login/callback?code=c&state="+w.attempt.State, nil)
	r.AddCookie(&http.Cookie{Name: "__Host-cloakroom-login", Value: other.cookies["__Host-cloakroom-login"]})
	got := httptest.NewRecorder()
	if w.ServeHTTP(got, r); got.Code != 429 {
		t.Errorf("one login more at once: status %d", got.Code)
	}
	b.post("/approvals/"+l.ID, "answer", "approve", "scope", "operation", "seen", "seen-"+l.ID)
	if got := b.returns(alice); got.Code != 303 || w.leases[0].State != lease.Active {
		t.Errorf("the answer: status %d, the lease is %s", got.Code, w.leases[0].State)
	}
}
