package integration

import (
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

// personPassword is what everybody types at the provider of people.
const personPassword = "password-for-tests"

// configureHumans starts a provider of people, alice, bob, carol and dave with
// their usual groups, and writes cloakroom.yaml. The groups of machines are
// those of issuer "agents". The admin listener's address is fixed.
func (w *world) configureHumans(s setup) {
	w.t.Helper()
	admin, secret := freePort(w.t), value()
	people := start(w.t, w.dir, "idp", []string{"IDP_PASSWORD=" + personPassword}, "--humans", "--listen", "127.0.0.1:0",
		"--page", "http://"+admin, "--page-secret", secret)
	w.people = people.says(w.t, "listening on ")
	w.env = append(w.env, "PAGE_SECRET="+secret)
	canary(secret)
	w.write("cloakroom.yaml", fmt.Sprintf(`identity:
  issuers:
    - name: agents
      issuer: %s
      audiences: [cloakroom]
      claims: {groups: groups, person: owner}
      groups_allowed: [ai-agents, finance, sre]
    - name: people
      issuer: %s
      audiences: [cloakroom]
      claims: {groups: groups, person: email}
      human: true
      groups_allowed: [oncall, sre, security]
%s
listen: {admin: %q}
admin:
  login: {issuer: people, client_id: cloakroom-page, client_secret: {env: PAGE_SECRET}, cli_client_id: cloakroom-cli}
  operators: [agents/sre, people/sre]
  approvers: [oncall]
  auditors: [security]
`, w.issuer, w.people, s.Config, admin)+s.envoy())
}

// person is somebody with a browser, who logs in wherever the provider asks.
type person struct {
	http.Client
	name     string
	password string
	asked    int // how often the provider asked
}

func newPerson(name string) *person {
	jar, _ := cookiejar.New(nil)
	return &person{Client: http.Client{Jar: jar, Timeout: 60 * time.Second}, name: name, password: personPassword}
}

var loginForm = regexp.MustCompile(`<form method="post">\s*<input type="hidden" name="id" value="(\w+)">`)

// visit opens a page, and types name and password if the provider asks for them
// on the way to it.
func (p *person) visit(t *testing.T, at string) (*http.Response, string) {
	t.Helper()
	answer, err := p.Get(at)
	return p.follow(t, answer, err)
}

// follow goes on from an answer, past the page's button to log in, the provider's
// form, and the page that asks once more.
func (p *person) follow(t *testing.T, answer *http.Response, err error) (*http.Response, string) {
	t.Helper()
	for text := p.read(t, answer, err); ; text = p.read(t, answer, err) {
		here := answer.Request.URL
		if to := pageLogin.FindStringSubmatch(text); to != nil {
			answer, err = p.PostForm(here.ResolveReference(&url.URL{Path: "/login"}).String(),
				url.Values{"issuer": {html.UnescapeString(to[1])}, "to": {html.UnescapeString(to[2])}})
		} else if on := pageRefresh.FindStringSubmatch(text); on != nil {
			answer, err = p.Get(html.UnescapeString(on[1]))
		} else if again := pageConfirm.FindStringSubmatch(text); again != nil {
			answer, err = p.PostForm(here.ResolveReference(&url.URL{Path: again[1]}).String(),
				url.Values{"token": {html.UnescapeString(again[2])}, "proof": {html.UnescapeString(again[3])}})
		} else if id := loginForm.FindStringSubmatch(text); id != nil {
			p.asked++
			answer, err = p.PostForm(here.String(), url.Values{"id": {id[1]}, "user": {p.name}, "password": {p.password}})
		} else {
			return answer, text
		}
	}
}

var pageToken = regexp.MustCompile(`name="token" value="([^"]+)"`)
var pageLogin = regexp.MustCompile(`name="issuer" value="([^"]*)">\s*<input type="hidden" name="to" value="([^"]*)"`)
var pageRefresh = regexp.MustCompile(`http-equiv="refresh" content="0; url=([^"]+)"`)
var pageConfirm = regexp.MustCompile(`action="(/approvals/\w+/confirm)"[^>]*>\s*<input type="hidden" name="token" value="([^"]*)"><input type="hidden" name="proof" value="([^"]*)"`)
var pageSeen = regexp.MustCompile(`name="seen" value="(\w+)"`)

// answers answers a question at the page, which is at the base URL: with the
// form's fields, and the login that the page then asks for. It returns what the
// page says in the end.
func (p *person) answers(t *testing.T, base, question string, fields url.Values) string {
	t.Helper()
	at := base + "/approvals/" + question
	_, text := p.visit(t, at)
	token, seen := pageToken.FindStringSubmatch(text), pageSeen.FindStringSubmatch(text)
	if token == nil || seen == nil {
		return text
	}
	fields.Set("token", html.UnescapeString(token[1]))
	fields.Set("seen", seen[1])
	answer, err := p.PostForm(at, fields)
	_, text = p.follow(t, answer, err)
	return text
}

func (p *person) read(t *testing.T, answer *http.Response, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	page(string(text))
	return string(text)
}

// TestPeople pins what the tests of approvals stand on: the provider asks for a
// password once, again where a fresh login is asked for, and the configuration
// is without a warning.
func TestPeople(t *testing.T) {
	t.Parallel()
	w := newWorld(t, setup{Humans: true, NoStart: true, Values: map[string]string{"KEY": value()}, Config: `
tiers: {high: {lease: 5m, approval: {approvers: [oncall]}}}
credentials:
  - {name: key, tier: high, groups: [ai-agents], value: {env: KEY}, allow: [{hosts: [api.test], methods: [GET], paths: ["/**"]}]}
`, Upstreams: []string{`{host: api.test, address: "127.0.0.1:1"}`}})
	if stdout, stderr, code := command(t, w.dir, w.env, "check"); code != 0 || strings.Contains(stderr, "log") {
		t.Errorf("check: %d, %s %s", code, stdout, stderr)
	}
	back := backend(t, func(http.ResponseWriter, *http.Request) {})
	alice := newPerson("alice")
	for _, step := range []struct {
		more  string
		asked int
	}{{"", 1}, {"", 1}, {"&max_age=0", 2}, {"&prompt=login", 3}, {"&max_age=3600", 3}} {
		at := w.people + "/authorize?" + url.Values{"client_id": {"cloakroom-cli"}, "redirect_uri": {back.URL + "/callback"}, "response_type": {"code"},
			"scope": {"openid email"}, "state": {"s"}, "code_challenge": {"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}, "code_challenge_method": {"S256"}}.Encode()
		answer, text := alice.visit(t, at+step.more)
		if q := answer.Request.URL.Query(); q.Get("code") == "" || q.Get("state") != "s" {
			t.Fatalf("came back to %s: %s", answer.Request.URL, text)
		}
		if alice.asked != step.asked {
			t.Errorf("%q: asked %d times, want %d", step.more, alice.asked, step.asked)
		}
	}
}
