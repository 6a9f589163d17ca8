package identity

import (
	"testing"
	"time"
)

// TestWhereTheSecretStands pins how a client shows its secret.
func TestWhereTheSecretStands(t *testing.T) {
	for name, tt := range map[string]struct {
		methods any
		basic   bool
	}{
		"both":      {[]string{"client_secret_post", "client_secret_basic"}, true},
		"body only": {[]string{"client_secret_post"}, false},
		"not said":  {nil, true},
	} {
		p := startProvider(t)
		p.announce(map[string]any{"token_endpoint_auth_methods_supported": tt.methods})
		l := newLogin(t, newVerifier(t, Options{}, p.people()), p.page())
		a := NewAttempt(redirect, time.Time{})
		if _, err := l.Finish(t.Context(), a, newBrowser().login(t, authURL(t, l, a), "alice", "pw")); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := p.basic.Load(); got != tt.basic {
			t.Errorf("%s: in the header %t", name, got)
		}
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

func TestLogoutURL(t *testing.T) {
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

// TestLogout pins that the provider forgets a login, and sends the browser back.
func TestLogout(t *testing.T) {
	p := startProvider(t)
	l, b := newLogin(t, newVerifier(t, Options{}, p.people()), p.page()), newBrowser()
	login := func() { b.login(t, authURL(t, l, NewAttempt(redirect, time.Time{})), "alice", "pw") }
	login()
	at, err := l.LogoutURL(t.Context(), redirect)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := b.Get(at)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if got := resp.Header.Get("Location"); got != redirect {
		t.Errorf("sent to %q", got)
	}
	if login(); b.asked != 2 {
		t.Errorf("asked %d times, want 2", b.asked)
	}
}
