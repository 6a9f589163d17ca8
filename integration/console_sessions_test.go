package integration

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"
)

// newSession is a house in which erin's agent was approved once by bob, read once,
// and was refused once, all in one session; bob looks at the question's outcome.
func newSession(t *testing.T) (h *house, bob *browser) {
	t.Helper()
	h = newHouse(t)
	bob = h.enters(t, "bob")
	held := h.asks(erinClient, "/v1/refunds", `{"amount": 1}`)
	bob.click(".inbox h2 a")
	bob.click(".approve button")
	bob.typesPassword("bob")
	bob.has(".sum", "active")
	if got := <-held; got.status != 200 {
		t.Fatalf("the held request: %d %s", got.status, got.body)
	}
	with := []string{"x-cloakroom-token", h.token(erinClient), "x-cloakroom-session", "one-task", "authorization", "Bearer "}
	h.get("/pay/v1/echo", append(with[:5:5], "Bearer "+h.read)...)
	h.get("/pay/v1/echo", append(with[:5:5], "Bearer "+h.pay)...)
	return h, bob
}

// sessionPath is the path of the page of an agent's session.
func (h *house) sessionPath(agent, session string) string {
	return "/session?" + url.Values{"principal": {h.issuer + "#" + agent}, "id": {session}}.Encode()
}

// sees waits until the session's page shows a number of exchanges that ended.
func (h *house) sees(b *browser, exchanges int) {
	h.t.Helper()
	h.eventually(fmt.Sprintf("%d exchanges are on the timeline", exchanges), func() bool {
		b.open(h.admin + h.sessionPath("erins", "one-task"))
		return evaluate[int](b, `document.querySelectorAll(".timeline ol .row").length`) == exchanges
	})
}

// TestPageTimeline looks at a session's timeline with the keyboard: by whom it was
// approved, where a placeholder was used, and where a value was masked.
func TestPageTimeline(t *testing.T) {
	t.Parallel()
	h, bob := newSession(t)
	h.sees(bob, 3)
	bob.open(h.admin + "/sessions?credential=read&outcome=allow&host=pay.test")
	bob.tabTo("td a")
	bob.press(kb.Enter)
	bob.has("h1", "one-task")
	for selector, n := range map[string]int{"rect.pending": 1, "rect.active": 2, "path.yes": 1, "circle.allow": 2, "circle.refused": 1, "path.used": 2, "path.masked": 1} {
		if got := evaluate[int](bob, fmt.Sprintf(`document.querySelectorAll(".row .lane %s").length`, selector)); got != n {
			t.Errorf("the timeline has %d of %s, want %d", got, selector, n)
		}
	}
	for _, want := range []string{"approved by bob@example.com", "used pay in header:authorization", "masked read ×1", "/v1/refunds"} {
		bob.has(".timeline", want)
	}
	bob.tabTo("[data-play]")
	bob.press(kb.Enter)
	bob.has("[data-play]", "Pause")
	bob.tabTo("[data-speed]")
	bob.press("100×")
	bob.has("[data-play]", "Play") // it is over
	bob.tabTo("[data-seek]")
	bob.press(kb.Home)
	if later := evaluate[int](bob, `document.querySelectorAll(".partly .row.later").length`); later != 4 {
		t.Errorf("at its beginning %d rows of the session are still to come, want all but the question", later)
	}
	if wrong := bob.saidOf("Content Security Policy"); len(wrong) > 0 {
		t.Errorf("a page of ours breaks its own policy: %q", wrong)
	}
	bob.shown()
}

// TestPageTimelineOfAnApprover shows an approver what became of leases that they
// may see, and nothing else: not what was refused.
func TestPageTimelineOfAnApprover(t *testing.T) {
	t.Parallel()
	h, bob := newSession(t)
	h.sees(bob, 3)
	alice := h.enters(t, "alice")
	alice.open(h.admin + "/sessions")
	alice.has(".problem", "operators and auditors")
	alice.open(h.admin + "/leases")
	alice.click("td a")
	alice.click("dd a")
	alice.has("h1", "one-task")
	if shown := evaluate[[]int](alice, `[".timeline ol .row", ".row circle.refused"].map((s) => document.querySelectorAll(s).length)`); shown[0] != 2 || shown[1] != 0 {
		t.Errorf("an approver sees %v: %s", shown, alice.text(".timeline ol"))
	}
	alice.click(".timeline ol a")
	alice.has("main", "What was said is for auditors")
}

// hostile would like to be more than text, on a page and in a terminal.
const hostile = "<script>document.title='hit'</script></pre><img src=x onerror=\"document.title='hit'\"><style>*{display:none}</style>\u202eexe.txt\x1b[2J"

// TestPageReads opens what was said: auditors can, the log says so before, and what
// an agent and a backend wrote is nothing but text.
func TestPageReads(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	with := []string{"x-cloakroom-token", h.token(erinClient), "x-cloakroom-session", "one-task", "authorization", "Bearer " + h.read}
	h.get("/pay/v1/echo?note="+url.QueryEscape(hostile), with...)
	h.get("/pay/v1/ticks", with...)
	carol := h.enters(t, "carol")
	h.sees(carol, 2)
	carol.click(".timeline ol a")
	carol.has("main", "Show what was said")
	if strings.Contains(carol.text("main"), h.read) || strings.Contains(h.logText(), `"act":{"name":"read"`) {
		t.Error("the page shows what was said before anybody asked, or the log says so")
	}
	carol.click("form[action^='/exchanges/'] button")
	carol.has(".said", "Bearer "+h.read)
	carol.isText(t)
	for selector, want := range map[string]string{".agent mark.used": h.read, ".back mark.masked": h.read, ".agent .chip.used": "used read in header:authorization",
		".back .chip.masked": "masked read ×1", ".back mark.odd": "U+202E"} {
		carol.has(selector, want)
	}
	id := evaluate[string](carol, `location.pathname.replace("/exchanges/", "")`)
	if log := h.logText(); !strings.Contains(log, `"act":{"name":"read","by":"`+h.people+`#carol"`) || !strings.Contains(log, `"exchange":"`+id+`","n":1,"detail":"page"`) {
		t.Errorf("the log does not say who read exchange %s", id)
	}
	har := evaluate[string](carol, `fetch(location.pathname + "/har", {method: "POST", body: new URLSearchParams({token: document.querySelector("[name=token]").value})})
		.then((r) => r.json()).then((har) => har.log.version + " " + har.log.entries.length + " " + har.log.entries[0].response.content.text)`)
	if !strings.HasPrefix(har, "1.2 1 ") || !strings.Contains(har, h.read) || !strings.Contains(har, hostile[:20]) {
		t.Errorf("the HAR: %s", har)
	}
	h.plays(t, carol)
	bob := h.enters(t, "bob")
	h.sees(bob, 2)
	if strings.Contains(bob.text("main"), "Show what was said") {
		t.Error("an operator may read")
	}
	for _, path := range []string{"/exchanges/" + id, "/exchanges/" + id + "/har", "/session?principal=&id=one-task"} {
		status := evaluate[int](bob, fmt.Sprintf(`fetch(%q, {method: "POST", body: new URLSearchParams({token: document.querySelector("[name=token]").value, id: "one-task"})}).then((r) => r.status)`, path))
		if status != 403 {
			t.Errorf("an operator reads %s: status %d", path, status)
		}
	}
}

// isText tells whether what others wrote is no more than that.
func (b *browser) isText(t *testing.T) {
	t.Helper()
	if evaluate[bool](b, `document.title === "hit" || document.querySelector(".said :is(img, script, style, a)") !== null`) || strings.ContainsAny(b.text("main"), "\u202e\x1b") {
		t.Error("what was said is more than text")
	}
	if wrong := b.saidOf("Content Security Policy"); len(wrong) > 0 {
		t.Errorf("a page of ours breaks its own policy: %q", wrong)
	}
	b.shown()
}

// plays opens all of a session, and goes through it.
func (h *house) plays(t *testing.T, b *browser) {
	t.Helper()
	b.open(h.admin + h.sessionPath("erins", "one-task"))
	b.tabTo("form[action='/session'] button")
	b.press(kb.Enter)
	b.has(".said", "Bearer "+h.read)
	b.isText(t)
	ticks := evaluate[[]int](b, `[...document.querySelectorAll(".block")].filter((e) => e.innerText.includes("· event") && e.innerText.includes("tick")).map((e) => Number(e.dataset.at))`)
	if len(ticks) != 3 || ticks[1] <= ticks[0] || ticks[2] <= ticks[1] {
		t.Errorf("the events of a stream came at %d ms", ticks)
	}
	visible := func() int {
		return evaluate[int](b, `[...document.querySelectorAll(".block")].filter((e) => e.checkVisibility()).length`)
	}
	all := visible()
	b.tabTo("[data-seek]")
	b.press(kb.Home)
	if n := visible(); n >= all || all < 3 {
		t.Errorf("at its beginning %d of %d blocks are shown", n, all)
	}
	b.press(kb.End)
	if n := visible(); n != all {
		t.Errorf("at its end %d of %d blocks are shown", n, all)
	}
}
