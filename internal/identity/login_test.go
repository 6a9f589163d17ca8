package identity

import (
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// people is the provider as an issuer of people.
func (r *real) people() Issuer {
	i := r.issuer()
	i.Human, i.Person = true, []string{"email"}
	return i
}

func newLogin(t testing.TB, v *Verifier, c LoginConfig) *Login {
	t.Helper()
	l, err := v.Login(c)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func (r *real) page() LoginConfig {
	return LoginConfig{Issuer: r.url, ClientID: "page", Secret: func() (string, error) { return "page-secret", nil }, Scopes: []string{"profile", "email"}}
}

func (r *real) cli() LoginConfig {
	return LoginConfig{Issuer: r.url, ClientID: "cli", Scopes: []string{"openid", "profile", "email"}}
}

func authURL(t testing.TB, l *Login, a Attempt) string {
	t.Helper()
	at, err := l.AuthURL(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// TestLogin goes through whole logins: at the page's client, which keeps a
// secret, and at the command line's, which keeps none.
func TestLogin(t *testing.T) {
	p := startProvider(t)
	v := newVerifier(t, Options{}, p.people())
	for _, c := range []LoginConfig{p.page(), p.cli()} {
		t.Run(c.ClientID, func(t *testing.T) {
			l, b := newLogin(t, v, c), newBrowser()
			before := time.Now().Add(-time.Second)
			a := NewAttempt(redirect, before)
			who, err := l.Finish(t.Context(), a, b.login(t, authURL(t, l, a), "alice", "pw"))
			if err != nil {
				t.Fatal(err)
			}
			got := who.Principal
			if got.ID() != p.url+"#alice" || !got.Human || got.Person != "alice@example.com" || !slices.Equal(got.Groups, []string{"oncall"}) {
				t.Errorf("principal %+v", got)
			}
			if who.Name != "Alice" || who.ACR != "password" || who.At.Before(before.Add(-time.Second)) {
				t.Errorf("logged in %+v", who)
			}
		})
	}
}

// TestFreshLogin pins that an earlier login counts only where none was asked
// for anew.
func TestFreshLogin(t *testing.T) {
	p := startProvider(t)
	l, b := newLogin(t, newVerifier(t, Options{}, p.people()), p.page()), newBrowser()
	for i, step := range []struct {
		fresh time.Time
		asked int
	}{{time.Time{}, 1}, {time.Time{}, 1}, {time.Now(), 2}, {time.Now(), 3}} {
		a := NewAttempt(redirect, step.fresh)
		if _, err := l.Finish(t.Context(), a, b.login(t, authURL(t, l, a), "alice", "pw")); err != nil {
			t.Fatal(err)
		}
		if b.asked != step.asked {
			t.Errorf("login %d: asked %d times, want %d", i+1, b.asked, step.asked)
		}
	}
}

// TestAuthURL pins what an issuer is asked.
func TestAuthURL(t *testing.T) {
	p := startProvider(t)
	c := p.page()
	c.ACR = "mfa"
	l := newLogin(t, newVerifier(t, Options{}, p.people()), c)
	for name, a := range map[string]Attempt{
		"fresh": {Redirect: redirect, State: "s", Nonce: "n", Verifier: "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", Fresh: time.Now(), Hint: "alice"},
		"old":   {Redirect: redirect, State: "s", Nonce: "n", Verifier: "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"},
	} {
		want := url.Values{"response_type": {"code"}, "client_id": {"page"}, "redirect_uri": {redirect}, "scope": {"openid profile email"}, "state": {"s"}, "nonce": {"n"},
			"code_challenge": {"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}, "code_challenge_method": {"S256"}} // of RFC 7636, appendix B
		if name == "fresh" {
			for k, v := range map[string]string{"prompt": "login", "max_age": "0", "acr_values": "mfa", "login_hint": "alice"} {
				want.Set(k, v)
			}
		}
		if got := authURL(t, l, a); got != p.url+"/authorize?"+want.Encode() {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// TestLoginFromElsewhere is the command line's way: one side runs the flow, the
// other, which made the nonce, verifies what it brings.
func TestLoginFromElsewhere(t *testing.T) {
	p := startProvider(t)
	client := newLogin(t, newVerifier(t, Options{}, p.people()), p.cli())
	service := newLogin(t, newVerifier(t, Options{}, p.people()), p.cli())
	a := NewAttempt(redirect, time.Now())
	token, err := client.Fetch(t.Context(), a, newBrowser().login(t, authURL(t, client, a), "alice", "pw"))
	if err != nil {
		t.Fatal(err)
	}
	who, err := service.Verify(t.Context(), Attempt{Nonce: a.Nonce, Fresh: a.Fresh}, token)
	if err != nil || who.Principal.Person != "alice@example.com" {
		t.Errorf("%+v, %v", who, err)
	}
	for name, a := range map[string]Attempt{"another nonce": {Nonce: "other"}, "no nonce": {}} {
		if _, err := service.Verify(t.Context(), a, token); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// TestAnswers goes through what may come back from the browser: anybody can
// make such a link.
func TestAnswers(t *testing.T) {
	p := startProvider(t)
	l, b := newLogin(t, newVerifier(t, Options{}, p.people()), p.page()), newBrowser()
	for _, tt := range []struct {
		name   string
		change func(a *Attempt, answer url.Values)
		reason string
	}{
		{"good", func(*Attempt, url.Values) {}, ""},
		{"our issuer", func(_ *Attempt, q url.Values) { q.Set("iss", p.url) }, ""},
		{"no state", func(_ *Attempt, q url.Values) { q.Del("state") }, "another attempt"},
		{"another state", func(_ *Attempt, q url.Values) { q.Set("state", "x") }, "another attempt"},
		{"state twice", func(_ *Attempt, q url.Values) { q.Add("state", "x") }, "twice"},
		{"no code", func(_ *Attempt, q url.Values) { q.Del("code") }, "no code"},
		{"another code", func(_ *Attempt, q url.Values) { q.Set("code", "x") }, "did not take the code"},
		{"code twice", func(_ *Attempt, q url.Values) { q.Add("code", "x") }, "twice"},
		{"another issuer", func(_ *Attempt, q url.Values) { q.Set("iss", p.url+"/") }, "not of issuer"},
		{"refused", func(_ *Attempt, q url.Values) { q.Set("error", "access_denied") }, "access_denied"},
		{"refused with words", func(_ *Attempt, q url.Values) { q.Set("error", "pay here") }, "an unknown error"},
		{"another verifier", func(a *Attempt, _ url.Values) { a.Verifier += "x" }, "did not take the code"},
		{"another redirect", func(a *Attempt, _ url.Values) { a.Redirect += "x" }, "did not take the code"},
		{"another nonce", func(a *Attempt, _ url.Values) { a.Nonce += "x" }, "another attempt"},
		{"no attempt", func(a *Attempt, q url.Values) { *a = Attempt{}; q.Set("state", "") }, "incomplete"},
		{"no verifier", func(a *Attempt, _ url.Values) { a.Verifier = "" }, "incomplete"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := NewAttempt(redirect, time.Time{})
			answer := b.login(t, authURL(t, l, a), "alice", "pw")
			code := answer.Get("code")
			tt.change(&a, answer)
			_, err := l.Finish(t.Context(), a, answer)
			checkReason(t, err, tt.reason)
			if err != nil && (strings.Contains(err.Error(), code) || strings.Contains(err.Error(), "pay here")) {
				t.Errorf("%v holds what came back", err)
			}
			if tt.reason == "" {
				_, err = l.Finish(t.Context(), a, answer)
				checkReason(t, err, "did not take the code")
			}
		})
	}
}

func checkReason(t *testing.T, err error, want string) {
	t.Helper()
	var e *Error
	switch {
	case want == "" && err != nil:
		t.Errorf("refused: %v", err)
	case want != "" && (!errors.As(err, &e) || !strings.Contains(e.Reason, want)):
		t.Errorf("got %v, want %q", err, want)
	}
}

func TestLoginRefuses(t *testing.T) {
	p := startProvider(t)
	v := newVerifier(t, Options{}, p.issuer(), Issuer{URL: iss, Audiences: []string{"a"}, Human: true})
	for name, tt := range map[string]struct {
		config LoginConfig
		want   string
	}{
		"an issuer of machines": {LoginConfig{Issuer: p.url, ClientID: "page"}, "do not mean that a person"},
		"a stranger":            {LoginConfig{Issuer: "https://x.example", ClientID: "page"}, "not trusted"},
		"no client":             {LoginConfig{Issuer: iss}, "no client id"},
	} {
		if _, err := v.Login(tt.config); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
}

// TestWrongSecret pins what an operator is told, and that no secret is in it.
func TestWrongSecret(t *testing.T) {
	p := startProvider(t)
	v, b := newVerifier(t, Options{}, p.people()), newBrowser()
	for name, tt := range map[string]struct {
		secret func() (string, error)
		want   string
	}{
		"wrong":    {func() (string, error) { return "wrong-secret", nil }, "invalid_client"},
		"unread":   {func() (string, error) { return "", errors.New("gone") }, "cannot be read"},
		"empty":    {func() (string, error) { return "", nil }, "cannot be read"},
		"not sent": {nil, "invalid_client"},
	} {
		t.Run(name, func(t *testing.T) {
			c := p.page()
			c.Secret = tt.secret
			l := newLogin(t, v, c)
			a := NewAttempt(redirect, time.Time{})
			_, err := l.Finish(t.Context(), a, b.login(t, authURL(t, l, a), "alice", "pw"))
			checkReason(t, err, tt.want)
			if err != nil && strings.Contains(err.Error(), "wrong-secret") {
				t.Errorf("%v holds the secret", err)
			}
		})
	}
}
