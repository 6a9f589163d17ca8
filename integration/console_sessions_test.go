package integration

import (
	"fmt"
	"net/url"
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

// session is the path of the page of erin's session.
func (h *house) sessionPath() string {
	return "/session?" + url.Values{"principal": {h.issuer + "#erins"}, "id": {"one-task"}}.Encode()
}

// sees waits until the session's page shows a number of exchanges that ended.
func (h *house) sees(b *browser, exchanges int) {
	h.t.Helper()
	h.eventually(fmt.Sprintf("%d exchanges are on the timeline", exchanges), func() bool {
		b.open(h.admin + h.sessionPath())
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
	h, _ := newSession(t)
	alice := h.enters(t, "alice")
	alice.open(h.admin + "/sessions")
	alice.has(".problem", "operators and auditors")
	alice.open(h.admin + "/leases")
	alice.click("td a")
	alice.click("dd a")
	alice.has("h1", "one-task")
	if shown := evaluate[[]int](alice, `[".timeline ol .row", ".timeline circle.refused"].map((s) => document.querySelectorAll(s).length)`); shown[0] != 2 || shown[1] != 0 {
		t.Errorf("an approver sees %v: %s", shown, alice.text(".timeline ol"))
	}
	alice.click(".timeline ol a")
	alice.has("main", "What was said is for auditors")
}
