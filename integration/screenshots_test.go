package integration

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"net/http"
	"testing"
)

// The agents of the pictures, and what they may ask for.
const (
	refundBot  = "refund-bot:refund-bot-secret-for-tests:ai-agents:erin@example.com"
	releaseBot = "release-bot:release-bot-secret-for-tests:ai-agents:frank@example.com"
)

const scene = `tiers:
  low: {lease: 15m}
  high: {lease: 5m, uses: 3, approval: {approvers: [oncall], count: 2, wait: 60s, expires: 15m}}
  medium: {lease: 30m, extend: 30m, approval: {approvers: [oncall], wait: 60s, expires: 1h}}
credentials:
  - name: pay
    description: refunds and payouts at the payment provider
    tier: high
    groups: [ai-agents]
    value: {env: PAY_KEY}
    allow:
      - {hosts: [pay.test], methods: [POST], paths: ["/v1/refunds", "/v1/payouts/**"]}
  - name: read
    description: read charges and customers
    tier: low
    groups: [ai-agents]
    value: {env: READ_KEY}
    allow:
      - {hosts: [pay.test], methods: [GET], paths: ["/v1/**"]}
  - name: release
    description: publish releases
    tier: medium
    groups: [ai-agents]
    value: {env: RELEASE_KEY}
    allow:
      - {hosts: [pay.test], methods: [POST, PATCH], paths: ["/repos/acme/*/releases", "/repos/acme/*/releases/*"]}
`

// asksFor asks for a ticket, with a reason.
func (h *house) asksFor(client, credential, reason, operation string) {
	h.t.Helper()
	text := fmt.Sprintf(`{"credential": %q, "reason": %q%s}`, credential, reason, operation)
	r, err := http.NewRequest(http.MethodPost, h.gateway+"/.well-known/cloakroom/leases", bytes.NewReader([]byte(text)))
	if err != nil {
		h.t.Fatal(err)
	}
	r.Header.Set("x-cloakroom-token", h.token(client))
	r.Header.Set("x-cloakroom-session", "task-4711")
	var got struct{ Ticket string }
	h.decode(r, http.StatusAccepted, &got)
	canary(got.Ticket)
}

func newScene(t *testing.T) (*house, *browser) {
	t.Helper()
	h := newHouseOf(t, scene, refundBot, releaseBot)
	body := fmt.Sprintf("%x", sha256.Sum256([]byte(`{"amount": 1290}`)))
	h.asksFor(refundBot, "pay", "Order 4711 was charged twice for one coffee machine. I want to refund the second charge, 12.90 EUR, as the customer asked in ticket 88213.",
		`, "operation": {"method": "POST", "host": "pay.test", "path": "/v1/refunds?charge=ch_3Qx8Lm", "body_sha256": "`+body+`"}`)
	h.asksFor(releaseBot, "release", "Version 2.3.1 passed every check on main; publish it with the notes that were reviewed in pull request 1180.",
		`, "operation": {"method": "POST", "host": "pay.test", "path": "/repos/acme/shop/releases"}`)
	h.asksFor(releaseBot, "pay", "Pay out the bug bounty.", "")
	h.get("/pay/v1/charges", "x-cloakroom-token", h.token(refundBot), "authorization", "Bearer "+h.read, "x-cloakroom-session", "task-4711")
	h.get("/pay/v1/charges", "x-cloakroom-token", h.token(refundBot), "authorization", "Bearer "+h.pay, "x-cloakroom-session", "task-4711")
	return h, h.enters(t, "bob")
}

// TestScreenshots makes the README's pictures; see `make screenshots`.
func TestScreenshots(t *testing.T) {
	t.Parallel()
	h, bob := newScene(t)
	bob.look(1160, 560, "light")
	bob.has(".sum", "3 questions wait")
	bob.shoot("inbox")
	bob.look(1160, 930, "dark")
	bob.click(".inbox h2 a")
	bob.has("h1", "May refund-bot use pay?")
	bob.shoot("question")
	bob.look(390, 844, "light")
	bob.open(h.admin + "/")
	bob.has(".sum", "3 questions wait")
	bob.shoot("phone")
	h.released(bob)
	carol := h.enters(t, "carol")
	carol.look(1160, 1250, "light")
	h.eventually("four exchanges are on the timeline", func() bool {
		carol.open(h.admin + h.sessionPath("release-bot", "one-task"))
		return evaluate[int](carol, `document.querySelectorAll(".timeline ol .row").length`) == 4
	})
	carol.click("form[action='/session'] button")
	carol.has(".said", "Bearer "+h.read)
	carol.shoot("timeline")
}

// released is a session in which bob lets release-bot publish.
func (h *house) released(bob *browser) {
	h.t.Helper()
	with := []string{"x-cloakroom-token", h.token(releaseBot), "x-cloakroom-session", "one-task", "authorization"}
	h.get("/pay/v1/echo", append(with, "Bearer "+h.read)...)
	held := h.asksWith(h.placeholder("release"), releaseBot, "/repos/acme/shop/releases", `{"tag_name": "v2.3.1"}`)
	bob.open(h.admin + "/")
	bob.has(".sum", "4 questions wait")
	bob.click(".inbox li:last-child h2 a")
	bob.has("h1", "May release-bot use release?")
	bob.click("[name=scope][value=operation]")
	bob.click(".approve button")
	bob.typesPassword("bob")
	bob.has(".sum", "active")
	if got := <-held; got.status != 200 {
		h.t.Fatalf("the held request: %d %s", got.status, got.body)
	}
	h.get("/pay/v1/payouts/7", append(with, "Bearer "+h.pay)...)
	h.get("/pay/v1/echo", append(with, "Bearer "+h.read)...)
}

// TestPageLooks opens every page in a window and on a phone, by day and by night:
// nothing overflows, and nothing that can be pressed on a phone is too small.
func TestPageLooks(t *testing.T) {
	t.Parallel()
	h, bob := newScene(t)
	question := evaluate[string](bob, `document.querySelector(".inbox h2 a").getAttribute("href")`)
	session := h.sessionPath("refund-bot", "task-4711")
	bob.open(h.admin + session)
	exchange := evaluate[string](bob, `document.querySelector(".timeline ol a").getAttribute("href")`)
	for name, path := range map[string]string{"inbox": "/", "question": question, "leases": "/leases", "inventory": "/inventory", "sessions": "/sessions", "timeline": session, "exchange": exchange,
		"denials": "/denials", "health": "/health", "revoke": "/revoke?lease=" + question[len("/approvals/"):], "panic": "/revoke?all", "missing": "/none"} {
		for _, at := range []struct {
			width, height int64
			scheme        string
		}{{1200, 800, "light"}, {1200, 800, "dark"}, {390, 844, "light"}, {390, 844, "dark"}, {320, 640, "light"}} {
			bob.look(at.width, at.height, at.scheme)
			bob.open(h.admin + path)
			bob.shoot(fmt.Sprintf("look-%s-%d-%s", name, at.width, at.scheme))
			small := evaluate[[]string](bob, `[...document.querySelectorAll("main button, main a.button, main select, main textarea")]
				.filter((e) => e.getBoundingClientRect().height < 24).map((e) => e.outerHTML)`)
			if len(small) > 0 {
				t.Errorf("%s at %d: too small to be pressed: %q", name, at.width, small)
			}
		}
	}
}
