package console

import (
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"cloakroom/internal/lease"
)

// local is a browser at a console that people reach by http, on loopback: its
// cookies go to whoever listens on another port there, who may set them too.
type local struct {
	*world
	cookies map[string]string
}

const loopback = "http://127.0.0.1:9192"

func newLocal(t *testing.T) *local {
	t.Helper()
	w := newWorld(t)
	u, _ := url.Parse(loopback)
	var err error
	if w.Console, err = New(w.deps(u)); err != nil {
		t.Fatal(err)
	}
	return &local{w, map[string]string{}}
}

// another is a second client of the same console, with the same cookies.
func (b *local) another() *local {
	cookies := map[string]string{}
	for name, value := range b.cookies {
		cookies[name] = value
	}
	return &local{b.world, cookies}
}

func (b *local) send(method, path string, fields ...string) (int, string) {
	b.t.Helper()
	form := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	r := httptest.NewRequest(method, loopback+path, strings.NewReader(form.Encode()))
	r.Header.Set("content-type", "application/x-www-form-urlencoded")
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	got := httptest.NewRecorder()
	b.ServeHTTP(got, r)
	for _, c := range got.Result().Cookies() {
		b.cookies[c.Name] = c.Value
	}
	return got.Code, got.Body.String()
}

var hidden = regexp.MustCompile(`<input type="hidden" name="(\w+)" value="([^"]*)">`)

// fields are the hidden ones of the form that leads to action.
func fields(page, action string) (all []string) {
	_, form, _ := strings.Cut(page, `action="`+action+`"`)
	form, _, _ = strings.Cut(form, "</form>")
	for _, m := range hidden.FindAllStringSubmatch(form, -1) {
		all = append(all, m[1], html.UnescapeString(m[2]))
	}
	return all
}

// logsIn comes back from the issuer, where alice has logged in.
func (b *local) logsIn() (int, string) {
	b.t.Helper()
	b.in = human("alice", "oncall")
	return b.send("GET", "/login/callback?code=c&state="+b.attempt.State)
}

// TestPlantedAnswer has an agent, which serves pages to alice from another port,
// begin an answer with the cookie that it gets, and put its own cookie of that
// login into her browser. She logs in where she did not ask to: nothing is
// answered before she has seen what, and said so.
func TestPlantedAnswer(t *testing.T) {
	b := newLocal(t)
	l := b.ask(refund, "please")
	at := "/approvals/" + l.ID
	b.send("POST", "/login", "issuer", people)
	b.logsIn()
	agent := b.another()
	_, page := agent.send("GET", at)
	sent := append(fields(page, at), "answer", "approve", "scope", "credential")
	if code, text := agent.send("POST", at, sent...); code != 200 {
		t.Fatalf("the agent's form: status %d: %s", code, text)
	}
	b.cookies = agent.cookies
	code, page := b.logsIn()
	if b.leases[0].State != lease.Pending {
		t.Fatal("it is answered, and she never saw it")
	}
	for _, want := range []string{"/v1/refunds", "please", "all that the credential", "refund-bot"} {
		if code != 200 || !strings.Contains(page, want) {
			t.Errorf("the page that asks her, status %d, lacks %q: %s", code, want, page)
		}
	}
	confirm := fields(page, at+"/confirm")
	for name, wrong := range map[string][]string{
		"what the agent has":  sent,
		"of another question": append([]string{}, confirm...),
		"without the session": append(append([]string{}, confirm...), formToken, "x"),
		"without the proof":   append(append([]string{}, confirm...), "proof", "x"),
		"with a cookie's":     append(append([]string{}, confirm...), "proof", b.cookies["cloakroom-9192"]),
	} {
		to := at + "/confirm"
		if name == "of another question" {
			to = "/approvals/other/confirm"
		}
		if code, _ := b.send("POST", to, wrong...); code < 400 || b.leases[0].State != lease.Pending {
			t.Errorf("%s: status %d, the lease is %s", name, code, b.leases[0].State)
		}
	}
	if code, text := b.send("POST", at+"/confirm", confirm...); code != 303 || b.leases[0].State != lease.Active || b.answers[0].Via != "page" {
		t.Errorf("status %d, the lease is %s: %s", code, b.leases[0].State, text)
	}
}
