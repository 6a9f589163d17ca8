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

// TestOddProviders goes through discovery documents that matter for logins.
func TestOddProviders(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change map[string]any
		reason string
	}{
		{"as it is", nil, ""},
		{"secrets in the body alone", map[string]any{"token_endpoint_auth_methods_supported": []string{"client_secret_post"}}, ""},
		{"nothing on secrets", map[string]any{"token_endpoint_auth_methods_supported": nil}, ""},
		{"no secrets", map[string]any{"token_endpoint_auth_methods_supported": []string{"private_key_jwt"}}, "neither by client_secret_basic"},
		{"nothing on PKCE", map[string]any{"code_challenge_methods_supported": nil}, ""},
		{"plain PKCE", map[string]any{"code_challenge_methods_supported": []string{"plain"}}, "PKCE"},
		{"names itself", map[string]any{"authorization_response_iss_parameter_supported": true}, "not of issuer"},
		{"no authorization endpoint", map[string]any{"authorization_endpoint": nil}, "no authorization endpoint"},
		{"plaintext", map[string]any{"authorization_endpoint": "http://x.example/auth"}, "not https"},
		{"no token endpoint", map[string]any{"token_endpoint": nil}, "no authorization endpoint"},
		{"hanging up", map[string]any{"token_endpoint": "/none"}, "no token now"},
		{"sending elsewhere", map[string]any{"token_endpoint": "/redirect"}, "did not take the code"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := startProvider(t)
			p.announce(tt.change)
			l := newLogin(t, newVerifier(t, Options{}, p.people()), p.page())
			a := NewAttempt(redirect, time.Time{})
			at, err := l.AuthURL(t.Context(), a)
			if err == nil {
				_, err = l.Finish(t.Context(), a, newBrowser().login(t, at, "alice", "pw"))
			}
			checkReason(t, err, tt.reason)
		})
	}
}

func TestLogout(t *testing.T) {
	for name, tt := range map[string]struct {
		change map[string]any
		want   string
	}{
		"as it is":   {nil, "/end_session?client_id=page&post_logout_redirect_uri=https%3A%2F%2Fx.example%2F"},
		"with query": {map[string]any{"end_session_endpoint": "/out?a=b"}, "/out?a=b&client_id=page&post_logout_redirect_uri=https%3A%2F%2Fx.example%2F"},
		"none":       {map[string]any{"end_session_endpoint": nil}, ""},
		"plaintext":  {map[string]any{"end_session_endpoint": "http://x.example/out"}, ""},
	} {
		p := startProvider(t)
		p.announce(tt.change)
		l := newLogin(t, newVerifier(t, Options{}, p.people()), p.page())
		got, err := l.LogoutURL(t.Context(), "https://x.example/")
		if want := tt.want; err != nil || want != "" && got != p.url+want || want == "" && got != "" {
			t.Errorf("%s: %q, %v; want %q", name, got, err, want)
		}
		if got, err := l.Origin(t.Context()); err != nil || got != p.url {
			t.Errorf("%s: origin %q, %v", name, got, err)
		}
	}
}
