package integration

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// house is a world with people: a second provider at which they log in, a
// credential whose use they approve, and one for which nobody is asked.
type house struct {
	*world
	people string // the issuer
	b      *seen
	key    string // the value of "pay"
	pay    string // placeholders
	read   string
}

// aliceClient works for alice, erinClient for somebody who is not there.
const (
	aliceClient = "alices:alices-secret-for-tests:ai-agents:alice@example.com"
	erinClient  = "erins:erins-secret-for-tests:ai-agents:erin@example.com"
)

const payments = `tiers:
  low: {lease: 15m}
  high: {lease: 5m, approval: {approvers: [oncall], wait: 60s, expires: 10m, cooldown: 1m}}
credentials:
  - name: pay
    description: refunds at the payment provider
    tier: high
    groups: [ai-agents]
    value: {env: PAY_KEY}
    allow:
      - {hosts: [pay.test], methods: [POST], paths: ["/v1/refunds", "/v1/refunds/**"]}
  - name: read
    tier: low
    groups: [ai-agents]
    value: {env: READ_KEY}
    allow:
      - {hosts: [pay.test], methods: [GET], paths: ["/v1/**"]}
`

func newHouse(t *testing.T) *house {
	t.Helper()
	return newHouseOf(t, payments, aliceClient, erinClient)
}

// newHouseOf starts one with other tiers and credentials, of the values PAY_KEY
// and READ_KEY, and other agents.
func newHouseOf(t *testing.T, config string, clients ...string) *house {
	t.Helper()
	h := &house{key: value()}
	h.b = backend(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/events" {
			w.Header().Set("content-type", "text/event-stream")
			for r.Context().Err() == nil {
				fmt.Fprint(w, "data: more\n\n")
				w.(http.Flusher).Flush()
				time.Sleep(20 * time.Millisecond)
			}
		}
		fmt.Fprint(w, "refunded")
	})
	h.world = newWorld(t, setup{NoStart: true, Values: map[string]string{"PAY_KEY": h.key, "READ_KEY": value(), "RELEASE_KEY": value()}, Config: config,
		Clients:   append(clients, sreClient),
		Upstreams: []string{`{host: pay.test, prefix: /pay, address: "` + h.b.address() + `"}`}})
	admin := freePort(t)
	humans := start(t, h.dir, "idp", nil, "--humans", "--listen", "127.0.0.1:0", "--page", "http://"+admin)
	h.people = humans.says(t, "listening on ")
	h.rewrite(`      claims: {groups: groups}
      groups_allowed: [ai-agents, finance, sre]
`, `      claims: {groups: groups, person: owner}
      groups_allowed: [ai-agents]
    - issuer: `+h.people+`
      name: people
      human: true
      audiences: [cloakroom-cli]
      claims: {groups: groups, person: email}
      groups_allowed: [oncall, sre, security]
`)
	h.rewrite(listenOn, `listen: {admin: "`+admin+`"}`)
	h.rewrite(`admin: {operators: [sre]}`, `admin:
  login: {issuer: people, client_id: cloakroom-page, client_secret: {env: PAGE_SECRET}, cli_client_id: cloakroom-cli, scopes: [openid, profile, email, groups]}
  operators: [sre]
  approvers: [oncall]
  auditors: [security]`)
	h.env = append(h.env, "PAGE_SECRET=the-demo-page-is-no-secret")
	h.start()
	h.pay, h.read = h.placeholder("pay"), h.placeholder("read")
	return h
}

// answer is what an agent got in the end.
type answer struct {
	status int
	body   string
}

// asks sends what an agent sends that knows nothing of approvals.
func (h *house) asks(client, path, body string) <-chan answer {
	h.t.Helper()
	r, err := http.NewRequest(http.MethodPost, h.gateway+"/pay"+path, strings.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	r.Header.Set("x-cloakroom-token", h.token(client))
	r.Header.Set("authorization", "Bearer "+h.pay)
	r.Header.Set("content-type", "application/json")
	r.Header.Set("x-cloakroom-session", "one-task")
	got := make(chan answer, 1)
	go func() {
		client := &http.Client{Timeout: 90 * time.Second}
		resp, err := client.Do(r)
		if err != nil {
			got <- answer{0, err.Error()}
			return
		}
		defer resp.Body.Close()
		text, _ := io.ReadAll(resp.Body)
		got <- answer{resp.StatusCode, string(text)}
	}()
	return got
}

// typesPassword answers the provider's login form.
func (b *browser) typesPassword(user string) {
	b.t.Helper()
	b.do(chromedp.WaitVisible(chromedp.CSS("#password")), chromedp.SetValue(chromedp.CSS("#user"), user))
	b.types("#password", "demo")
	b.click("#login")
}

// enters logs a person in at the page.
func (h *house) enters(t *testing.T, user string) *browser {
	t.Helper()
	b := newBrowser(t, user)
	b.open(h.admin + "/")
	b.click("main button")
	b.typesPassword(user)
	b.has("h1", "Inbox")
	cookies := b.cookies(h.admin)
	delete(cookies, "demo_idp_session") // cookies know no ports
	if len(cookies) != 1 {
		t.Errorf("%s has %d cookies of the page", user, len(cookies))
	}
	for _, value := range cookies {
		canary(value)
	}
	return b
}

// TestPageApproves lets a held request go on: the inbox fills by itself, the
// approval takes another login, and the value reaches the backend.
func TestPageApproves(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	alice := h.enters(t, "alice")
	alice.has(".empty", "appears here by itself")
	evaluate[bool](alice, `window.loadedOnce = true`)
	held := h.asks(erinClient, "/v1/refunds?expand=charge", `{"charge": "ch_1", "amount": 1290}`)
	alice.has(".inbox", "/v1/refunds?expand=charge")
	if !evaluate[bool](alice, `window.loadedOnce === true && document.title.startsWith("(1)")`) {
		t.Error("the page was loaded anew, or its title does not count")
	}
	alice.shoot("inbox")
	alice.click(".inbox h2 a")
	alice.has("h1", "May erins use pay?")
	for _, want := range []string{"erin@example.com", "SHA-256", "POST", "5 min", "never", "0 of 1"} {
		if !strings.Contains(alice.text("main"), want) {
			t.Errorf("the question does not say %q:\n%s", want, alice.text("main"))
		}
	}
	alice.look(1200, 1000, "dark")
	alice.shoot("question")
	alice.look(390, 844, "light")
	alice.shoot("phone")
	alice.shown()
	select {
	case got := <-held:
		t.Fatalf("the request was answered before anybody approved: %v", got)
	default:
	}
	alice.click(".approve button")
	alice.typesPassword("alice") // though she is logged in at the provider
	alice.has(".sum", "active")
	if got := <-held; got.status != 200 || got.body != "refunded" {
		t.Fatalf("the held request: %d %s", got.status, got.body)
	}
	if last := h.b.last(); last.Header.Get("authorization") != "Bearer "+h.key {
		t.Error("the value did not reach the backend")
	}
	if got := <-h.asks(erinClient, "/v1/refunds?expand=charge", `{"charge": "ch_1", "amount": 1290}`); got.status != 200 {
		t.Errorf("the same again: %d %s", got.status, got.body)
	}
	if wrong := alice.saidOf("Content Security Policy"); len(wrong) > 0 {
		t.Errorf("a page of ours breaks its own policy: %q", wrong)
	}
}

// TestPageDenies tells the agent why.
func TestPageDenies(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	bob := h.enters(t, "bob")
	held := h.asks(erinClient, "/v1/refunds", `{"amount": 999999}`)
	bob.click(".inbox h2 a")
	bob.types("#reason", "Ask finance first.")
	bob.click(".deny button")
	bob.typesPassword("bob")
	bob.has(".sum", "denied")
	got := <-held
	if got.status != 403 || errorCode(got.body) != "approval_denied" || !strings.Contains(got.body, "Ask finance first.") {
		t.Errorf("the agent got %d %s", got.status, got.body)
	}
	if h.b.count() > 0 {
		t.Error("the request reached the backend")
	}
	bob.open(h.admin + "/denials")
	h.eventually("the denial is counted", func() bool {
		bob.open(h.admin + "/denials")
		return strings.Contains(bob.text("main"), "approval_denied")
	})
}

// TestPageRevokes cuts what is in flight, and stops everything.
func TestPageRevokes(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	bob := h.enters(t, "bob")
	r, err := http.NewRequest(http.MethodGet, h.gateway+"/pay/v1/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("x-cloakroom-token", h.token(erinClient))
	r.Header.Set("authorization", "Bearer "+h.read)
	stream, err := h.client.Do(r)
	if err != nil || stream.StatusCode != 200 {
		t.Fatalf("the stream: %v, %v", stream, err)
	}
	defer stream.Body.Close()
	if _, err := io.ReadFull(stream.Body, make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	bob.open(h.admin + "/leases")
	bob.has("main", "1 active")
	bob.click("td.act a")
	bob.types("#reason", "a test")
	bob.click("form[action='/revoke'] button")
	bob.has("main", "0 active")
	if _, err := io.Copy(io.Discard, stream.Body); err == nil {
		t.Error("the stream ended as if it were whole")
	}
	bob.click(".panic")
	bob.has("h1", "Stop everything?")
	bob.shoot("panic")
	bob.types("#reason", "a test of the alarm")
	bob.click("button.stop") // not yet: it must be ticked
	bob.has("h1", "Stop everything?")
	bob.click("[name=sure]")
	bob.click("button.stop")
	bob.has(".bars", "Everybody may not use any credential")
	if got := <-h.asks(erinClient, "/v1/refunds", "{}"); got.status != 403 || !strings.Contains(got.body, "a test of the alarm") {
		t.Errorf("behind the bar: %d %s", got.status, got.body)
	}
}

// TestPageRefuses shows the requester's own human no form, and takes no answer
// from them either.
func TestPageRefuses(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	alice := h.enters(t, "alice")
	held := h.asks(aliceClient, "/v1/refunds", `{"amount": 1}`)
	alice.has(".inbox", "nobody answers their own question")
	alice.click(".inbox h2 a")
	alice.has(".obstacle", "nobody answers their own question")
	// by hand, what a form would send
	seen := h.question(t).Seen
	evaluate[chromedp.Void](alice, `{
		const f = document.createElement("form");
		f.method = "post";
		f.action = location.pathname;
		for (const [name, value] of Object.entries({token: document.querySelector("[name=token]").value, answer: "approve", scope: "operation", seen: "`+seen+`"})) {
			const i = document.createElement("input");
			i.name = name;
			i.value = value;
			f.append(i);
		}
		document.body.append(f);
		f.submit();
	}`)
	alice.typesPassword("alice")
	alice.has(".problem", "obody answers their own question")
	bob := h.enters(t, "bob")
	bob.click(".inbox h2 a")
	bob.click(".approve button")
	bob.typesPassword("alice") // somebody else's login
	bob.has(".problem", "Somebody else logged in")
	bob.open(h.admin + "/")
	bob.click(".inbox h2 a")
	bob.click(".approve button")
	bob.typesPassword("bob")
	bob.has(".sum", "active")
	if got := <-held; got.status != 200 {
		t.Errorf("approved by another: %d %s", got.status, got.body)
	}
	for user, want := range map[string]string{"dave": "in no group that has a role", "carol": "Inbox"} {
		b := newBrowser(t, user)
		b.open(h.admin + "/")
		b.click("main button")
		b.typesPassword(user)
		b.has("main", want)
	}
}

// TestPageKeyboard approves without a mouse.
func TestPageKeyboard(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := newBrowser(t, "alice")
	b.open(h.admin + "/")
	b.tabTo("main button")
	b.press(kb.Enter)
	b.do(chromedp.WaitVisible(chromedp.CSS("#password")), chromedp.SetValue(chromedp.CSS("#user"), "alice"), chromedp.Focus(chromedp.CSS("#password")))
	b.press("demo" + kb.Enter)
	b.has("h1", "Inbox")
	held := h.asks(erinClient, "/v1/refunds", `{"amount": 1}`)
	other := h.asks(erinClient, "/v1/refunds/2", `{"amount": 2}`)
	b.has(".sum", "2 questions wait")
	b.tabTo(".inbox h2 a")
	b.press(kb.ArrowDown)
	b.press(kb.ArrowUp)
	b.press(kb.Enter)
	b.has("h1", "May erins use pay?")
	b.tabTo("[name=scope]")
	b.press(kb.ArrowDown) // the path, not only this request
	b.tabTo(".approve button")
	b.press(kb.Enter)
	b.do(chromedp.WaitVisible(chromedp.CSS("#password")), chromedp.SetValue(chromedp.CSS("#user"), "alice"), chromedp.Focus(chromedp.CSS("#password")))
	b.press("demo" + kb.Enter)
	b.has("main", "any query and body")
	select {
	case got := <-held:
		if got.status != 200 {
			t.Errorf("%d %s", got.status, got.body)
		}
	case got := <-other:
		if got.status != 200 {
			t.Errorf("%d %s", got.status, got.body)
		}
	}
}

// tabTo presses Tab until an element that matches has the focus.
func (b *browser) tabTo(selector string) {
	b.t.Helper()
	for range 60 {
		b.press(kb.Tab)
		if evaluate[bool](b, fmt.Sprintf(`document.activeElement.matches(%q)`, selector)) {
			return
		}
	}
	b.t.Fatalf("%s's browser: Tab does not come to %s", b.name, selector)
}

// TestPagePolicy shows an agent's words that would like to be a page of their
// own, and tries what other sites and scripts would.
func TestPagePolicy(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	words := `<img src=x onerror="document.title='hit'"><script>document.title='hit'</script>` + "\u202e" + ` [click](javascript:document.title='hit')`
	r, err := http.NewRequest(http.MethodPost, h.gateway+"/.well-known/cloakroom/leases", bytes.NewReader([]byte(encode(t, map[string]string{"credential": "pay", "reason": words}))))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("x-cloakroom-token", h.token(erinClient))
	var pending struct{ Ticket, Lease string }
	h.decode(r, http.StatusAccepted, &pending)
	canary(pending.Ticket)
	bob := h.enters(t, "bob")
	bob.has(".says", "onerror=")
	bob.click(".inbox h2 a")
	bob.has(".untrusted", "onerror=")
	bob.shown()
	hit := evaluate[bool](bob, `document.title === "hit" || document.querySelector("main img, main script, .untrusted a") !== null`)
	if hit || strings.Contains(bob.text(".untrusted"), "\u202e") {
		t.Error("the agent's words are more than words")
	}
	if evaluate[int](bob, `document.querySelectorAll("[name=scope]:checked").length`) != 0 {
		t.Error("the widest scope is chosen beforehand")
	}
	bob.tries(t)
	// other sites: one of the same name on another port, and one of another name
	reached := make(chan string, 10)
	evil := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/stolen" {
			reached <- r.URL.RawQuery
			return
		}
		w.Header().Set("content-type", "text/html")
		fmt.Fprintf(w, `<form method=post action="%s/revoke"><input name=what value=all><input name=sure value=yes><input name=reason value=evil>
			<input name=token value=guess></form><script>document.forms[0].submit()</script>`, h.admin)
	}))
	defer evil.Close()
	for _, site := range []string{evil.URL, strings.Replace(evil.URL, "127.0.0.1", "localhost", 1)} {
		bob.open(site)
		bob.has(".problem", "another site")
	}
	bob.open(h.admin + "/leases")
	if strings.Contains(bob.text("main"), "evil") {
		t.Error("another site put up a bar")
	}
	status := evaluate[int](bob, `fetch("/revoke", {method: "POST", body: new URLSearchParams({what: "all", sure: "yes", reason: "no token"})}).then((r) => r.status)`)
	if status != 403 {
		t.Errorf("a form without the session's token: status %d", status)
	}
	if len(reached) > 0 {
		t.Errorf("a page reached another site: %s", <-reached)
	}
}

// tries runs what the policy forbids, and hears that it was blocked.
func (b *browser) tries(t *testing.T) {
	t.Helper()
	for directive, script := range map[string]string{
		// A page's script cannot even make one that is inline.
		"require-trusted-types-for": `try { document.head.append(Object.assign(document.createElement("script"), {text: "document.title='hit'"})) } catch {}`,
		"style-src-attr":            `document.body.setAttribute("style", "color: red");`,
		"img-src":                   `document.body.append(Object.assign(new Image(), {src: "http://127.0.0.1:9/stolen"}));`,
		"connect-src":               `fetch("http://127.0.0.1:9/stolen").catch(() => {});`,
		"frame-src":                 `document.body.append(Object.assign(document.createElement("iframe"), {src: "http://127.0.0.1:9/"}));`,
		"form-action":               `const f = document.createElement("form"); f.action = "http://127.0.0.1:9/stolen"; f.method = "post"; document.body.append(f); f.submit();`,
		"base-uri":                  `document.head.append(Object.assign(document.createElement("base"), {href: "http://127.0.0.1:9/"}));`,
	} {
		blocked := evaluate[string](b, `new Promise((told) => {
			document.addEventListener("securitypolicyviolation", (e) => told(e.effectiveDirective), {once: true});
			setTimeout(() => told("nothing was blocked"), 5000);
			`+script+`
		})`)
		if blocked != directive {
			t.Errorf("%s: %s", directive, blocked)
		}
	}
	if evaluate[bool](b, `document.title === "hit"`) {
		t.Error("an inline script ran")
	}
}
