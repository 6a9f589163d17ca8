package integration

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
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
  high: {lease: 5m, approval: {approvers: [oncall], wait: 3m, expires: 10m, cooldown: 1m}}
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
	h.b = backend(t, shop)
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

// shop is the backend of a house.
func shop(w http.ResponseWriter, r *http.Request) {
	stream := func(text string, pause time.Duration) {
		fmt.Fprintf(w, "data: %s\n\n", text)
		w.(http.Flusher).Flush()
		time.Sleep(pause)
	}
	switch r.URL.Path {
	case "/v1/events":
		w.Header().Set("content-type", "text/event-stream")
		for r.Context().Err() == nil {
			stream("more", 20*time.Millisecond)
		}
	case "/v1/ticks":
		w.Header().Set("content-type", "text/event-stream")
		for n := range 3 {
			stream(fmt.Sprint("tick ", n, " ", r.Header.Get("authorization")), 50*time.Millisecond)
		}
	case "/v1/echo":
		fmt.Fprintf(w, `{"object": "request", "authorization": %q, "note": "%s"}`, r.Header.Get("authorization"), r.URL.Query().Get("note"))
	default:
		fmt.Fprint(w, "refunded")
	}
}

// answer is what an agent got in the end.
type answer struct {
	status int
	body   string
}

// asks sends what an agent sends that knows nothing of approvals.
func (h *house) asks(client, path, body string) <-chan answer {
	h.t.Helper()
	return h.asksWith(h.pay, client, path, body)
}

// asksWith sends another credential's placeholder than that of "pay".
func (h *house) asksWith(placeholder, client, path, body string) <-chan answer {
	h.t.Helper()
	r, err := http.NewRequest(http.MethodPost, h.gateway+"/pay"+path, strings.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	r.Header.Set("x-cloakroom-token", h.token(client))
	r.Header.Set("authorization", "Bearer "+placeholder)
	r.Header.Set("content-type", "application/json")
	r.Header.Set("x-cloakroom-session", "one-task")
	got := make(chan answer, 1)
	go func() {
		client := &http.Client{Timeout: 4 * time.Minute}
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
