package console

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"cloakroom/internal/lease"
)

// everyPath are all pages, for a world with one lease.
func everyPath(l lease.Lease) []string {
	return []string{"/", "/approvals/" + l.ID, "/leases", "/revoke?all", "/revoke?lease=" + l.ID, "/inventory", "/sessions", "/session?id=s1",
		"/denials", "/health", "/login", "/elsewhere", "/session?id=broken", "/exchanges/x1", "/exchanges/none", "/sessions?since=never&host=%3Cimg%3E"}
}

// inline is what the policy forbids; a page must do without.
var inline = regexp.MustCompile(`(?i)<script(>|\s[^>]*>[^<])|<style|<[^>]*\s(?:style|on[a-z]+)=|javascript:|https?://(?:[^"]*\.(?:js|css|png|svg))`)

// TestEveryPage looks at what is so of every page: its headers, that nothing is
// inline or from elsewhere, and that asking for it changes nothing.
func TestEveryPage(t *testing.T) {
	w := newWorld(t)
	l := w.ask(refund, `<script>alert(1)</script><img src=x onerror=alert(1)> "quoted" `+"\u202etxt.exe")
	before := fmt.Sprint(w.leases, w.bars)
	b := w.loggedIn(human("bob", "sre", "oncall", "security"))
	for _, path := range everyPath(l) {
		got := b.get(path)
		h := got.Header()
		for name, want := range map[string]string{"content-security-policy": policy, "x-content-type-options": "nosniff", "referrer-policy": "same-origin",
			"cache-control": "no-store", "cross-origin-opener-policy": "same-origin", "cross-origin-resource-policy": "same-origin"} {
			if h.Get(name) != want {
				t.Errorf("%s: %s is %q", path, name, h.Get(name))
			}
		}
		page := got.Body.String()
		if found := inline.FindString(page); found != "" {
			t.Errorf("%s has %q", path, found)
		}
		if strings.Contains(page, "<img") || strings.Contains(page, "\u202e") || strings.Contains(page, "/secret/") {
			t.Errorf("%s shows what it must not: %s", path, page)
		}
		if strings.Contains(page, "ZgotmplZ") {
			t.Errorf("%s: the template gave up on something", path)
		}
	}
	if got := fmt.Sprint(w.leases, w.bars); got != before || len(w.revoked)+len(w.answers) > 0 {
		t.Error("looking changed something")
	}
}

func TestWhatPagesShow(t *testing.T) {
	w := newWorld(t)
	l := w.ask(refund, "two charges")
	w.bars = append(w.bars, lease.NewBar(lease.Bar{Credential: "payments-write", Reason: "leaked?"}, w.clock))
	b := w.loggedIn(human("bob", "sre", "oncall"))
	for path, wants := range map[string][]string{
		"/": {"1 question waits", "payments-write", "api.pay.test", "/v1/refunds", "two charges", "refund-bot", "erin@example.com", "15 min", "(1) Inbox"},
		"/approvals/" + l.ID: {"May <bdi>refund-bot</bdi> use", "Nobody verified", "two charges", "SHA-256", refund.Body.String(), "3 approved, 1 denied", "erin@example.com",
			`value="operation" required checked`, "exactly this request", "/v1/refunds/**", "0</b> of 1", "5 min from the last approval, 3 uses"},
		"/leases":               {"0 active, 1 pending", "leaked?", "until it is lifted", "Stop everything"},
		"/revoke?all":           {"<b>0</b> active", "Yes, stop everything"},
		"/revoke?lease=" + l.ID: {"this lease", "every lease of <bdi>refund-bot</bdi>", "every lease over <bdi>payments-write</bdi>"},
		"/inventory":            {"payments-write", "ckr_payments-write_", "high", "ai-agents", "2 of oncall", "a request is held 30 s"},
		"/sessions":             {"s1", "refund-bot", ">3<", ">1<"},
		"/sessions?since=2001-01-01T00:00&outcome=refused": {"refund-bot", `<option value="refused" selected>`},
		"/sessions?host=other":                             {"None is in the record"},
		"/session?id=s1":                                   {"allow", "denied", "the path is not permitted", "header:authorization", "200", "used payments-write", "masked payments-write ×2", "1 h long"},
		"/exchanges/x1":                                    {"payments-write", "header:authorization", "took 1 s", "masked", "What was said is for auditors", "/session?id=s1"},
		"/exchanges/x2":                                    {"the path is not permitted", "for auditors"},
		"/denials":                                         {"the path is not permitted", "/v1/charges"},
		"/health":                                          {"it does not answer", "failing", "v0.0.1"},
	} {
		page := b.get(path).Body.String()
		for _, want := range wants {
			if !strings.Contains(page, want) {
				t.Errorf("%s has no %q:\n%s", path, want, page)
			}
		}
	}
}

// TestAloneCredential chooses nothing where only the widest scope is offered.
func TestAloneCredential(t *testing.T) {
	w := newWorld(t)
	l := w.ask(lease.Operation{}, "a ticket")
	page := w.loggedIn(human("alice", "oncall")).get("/approvals/" + l.ID).Body.String()
	if strings.Contains(page, "checked") || strings.Count(page, `type="radio"`) != 1 {
		t.Errorf("%s", page)
	}
}

func TestDeskIsAway(t *testing.T) {
	w := newWorld(t)
	b := w.loggedIn(human("bob", "sre"))
	w.fail = lease.ErrUnavailable
	for _, path := range []string{"/", "/leases"} {
		if got := b.get(path); got.Code != 503 {
			t.Errorf("%s: status %d", path, got.Code)
		}
	}
}

func TestPlain(t *testing.T) {
	for text, want := range map[string]string{
		"plain": "plain", "a\u202eb": "a\ufffdb", "a\nb": "a\ufffdb", "\u200bx": "\ufffdx", "é 漢": "é 漢", "\x1b[31m": "\ufffd[31m", "a\u00a0b": "a\ufffdb",
		"\u2066x\u2069": "\ufffdx\ufffd", "\U000e0041": "\ufffd",
	} {
		if got := plain(text); got != want {
			t.Errorf("plain(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestSpan(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0 s", 0: "0 s", 59 * time.Second: "59 s", time.Minute: "1 min", 61 * time.Second: "1 min 1 s",
		time.Hour: "1 h", 90 * time.Minute: "1 h 30 min", 49 * time.Hour: "2 d",
	} {
		if got := span(d); got != want {
			t.Errorf("span(%v) = %q, want %q", d, got, want)
		}
	}
}

func TestHosts(t *testing.T) {
	u, _ := url.Parse("https://Cloakroom.test")
	c := &Console{Deps: Deps{URL: u}}
	for host, want := range map[string]bool{"cloakroom.test": true, "CLOAKROOM.test:443": true, "cloakroom.test:8443": false, "evil.test": false,
		"": false, "cloakroom.test.evil.test": false, "127.0.0.1": false} {
		if got := c.here(host); got != want {
			t.Errorf("here(%q) = %v", host, got)
		}
	}
}

// TestLoopback leads from one of its names to the one of the console.
func TestLoopback(t *testing.T) {
	w := newWorld(t)
	w.URL, _ = url.Parse("http://127.0.0.1:9192")
	for host, want := range map[string]int{"127.0.0.1:9192": 303, "localhost:9192": 307, "[::1]:9192": 307, "localhost:80": 421, "evil.test:9192": 421} {
		got := w.browser().send("GET", "/leases", nil, "host", host)
		if to := got.Header().Get("location"); got.Code != want || want == 307 && to != "http://127.0.0.1:9192/leases" {
			t.Errorf("%s: status %d, location %q", host, got.Code, to)
		}
	}
	if got := w.browser().send("POST", "/login", nil, "host", "localhost:9192"); got.Code != 421 {
		t.Errorf("a form by another name: status %d", got.Code)
	}
}

func TestNewNeedsAll(t *testing.T) {
	u, _ := url.Parse(home)
	w := newWorld(t)
	for name, drop := range map[string]func(*Deps){
		"a URL": func(d *Deps) { d.URL = nil }, "a key": func(d *Deps) { d.Key = [32]byte{} }, "the desk": func(d *Deps) { d.Desk = nil },
		"the index": func(d *Deps) { d.Index = nil }, "the log": func(d *Deps) { d.Log = nil }, "logins": func(d *Deps) { d.Logins = nil }, "groups": func(d *Deps) { d.Groups = nil },
		"identity": func(d *Deps) { d.Identify = nil }, "the inventory": func(d *Deps) { d.Inventory = nil }, "changes": func(d *Deps) { d.Changes = nil },
		"health": func(d *Deps) { d.Health = nil }, "an end": func(d *Deps) { d.Done = nil }, "a logger": func(d *Deps) { d.Logger = nil },
		"a scheme": func(d *Deps) { d.URL, _ = url.Parse("//x") },
	} {
		d := w.deps(u)
		drop(&d)
		if _, err := New(d); err == nil {
			t.Errorf("made without %s", name)
		}
	}
}

// TestStoreFails shows neither a person nor a program what the store says of
// itself: the log has it.
func TestStoreFails(t *testing.T) {
	w := newWorld(t)
	b := w.loggedIn(human("bob", "sre"))
	w.fail = fmt.Errorf("listing leases: %w: %w", lease.ErrUnavailable, errors.New("user=keeper host=10.0.0.5"))
	_, program := w.call(readDocument(t), "GET", "/api/v1/leases", "bob:sre", "")
	for who, text := range map[string]string{"a person": b.get("/leases").Body.String(), "a program": fmt.Sprint(program)} {
		if strings.Contains(text, "keeper") || !strings.Contains(text, "does not answer") {
			t.Errorf("%s is told %s", who, text)
		}
	}
	if !strings.Contains(w.logged.String(), "user=keeper") {
		t.Error("the log has nothing of it")
	}
}
