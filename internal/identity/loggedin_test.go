package identity

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// idToken are good claims of an ID token for the page, changed as told.
func (r *real) idToken(now time.Time, a Attempt, change map[string]any) map[string]any {
	c := r.claimsOf(now, map[string]any{
		"aud": "page", "azp": "page", "nonce": a.Nonce, "auth_time": now.Unix(), "acr": "password", "sid": "s1",
		"email": "alice@example.com", "email_verified": true,
	})
	for k, v := range change {
		c[k] = v
		if v == nil {
			delete(c, k)
		}
	}
	return c
}

func TestIDTokens(t *testing.T) {
	p, stranger, c := startProvider(t), startProvider(t), newClock()
	v := newVerifier(t, Options{Now: c.now}, p.people(), stranger.people())
	conf := p.page()
	conf.ACR = "password"
	l := newLogin(t, v, conf)
	fresh := NewAttempt(redirect, c.now())
	at := func(s int) int64 { return c.now().Unix() + int64(s) }
	with := func(change map[string]any) string { return p.sign(t, nil, p.idToken(c.now(), fresh, change)) }
	for _, tt := range []struct{ name, token, reason string }{
		{"good", with(nil), ""},
		{"no azp", with(map[string]any{"azp": nil}), ""},
		{"two audiences, ours authorized", with(map[string]any{"aud": []string{"page", "api"}}), ""},
		{"two audiences, nobody authorized", with(map[string]any{"aud": []string{"page", "api"}, "azp": nil}), "another client"},
		{"another authorized", with(map[string]any{"azp": "api"}), "another client"},
		{"another audience", with(map[string]any{"aud": "cli"}), "another audience"},
		{"the audience of bearer tokens", with(map[string]any{"aud": "cloakroom"}), "another audience"},
		{"no audience", with(map[string]any{"aud": nil}), "another audience"},
		{"another nonce", with(map[string]any{"nonce": "x"}), "another attempt"},
		{"no nonce", with(map[string]any{"nonce": nil}), "another attempt"},
		{"empty nonce", with(map[string]any{"nonce": ""}), "another attempt"},
		{"expired", with(map[string]any{"exp": at(-31)}), "expired"},
		{"no end", with(map[string]any{"exp": nil}), "no exp"},
		{"from the future", with(map[string]any{"iat": at(31)}), "not valid yet"},
		{"no subject", with(map[string]any{"sub": nil}), "subject"},
		{"logout token", with(map[string]any{"events": map[string]any{}}), "event"},
		{"no auth_time", with(map[string]any{"auth_time": nil}), "must send auth_time"},
		{"auth_time as text", with(map[string]any{"auth_time": "now"}), "auth_time is not a time"},
		{"logged in 29 s before", with(map[string]any{"auth_time": at(-29)}), ""},
		{"logged in 31 s before", with(map[string]any{"auth_time": at(-31)}), "must ask anew"},
		{"logged in in 31 s", with(map[string]any{"auth_time": at(31)}), "still to come"},
		{"another class", with(map[string]any{"acr": "none"}), `class "password"`},
		{"no class", with(map[string]any{"acr": nil}), `class "password"`},
		{"e-mail not verified", with(map[string]any{"email_verified": false}), "names no person"},
		{"no e-mail", with(map[string]any{"email": nil}), "names no person"},
		{"another issuer's", stranger.sign(t, nil, p.idToken(c.now(), fresh, map[string]any{"iss": stranger.url})), "known now"},
		{"another issuer's name", with(map[string]any{"iss": stranger.url}), "malformed"},
		{"a stranger's key", stranger.sign(t, nil, p.idToken(c.now(), fresh, nil)), "known now"},
		{"alg none", encode(t, map[string]any{"alg": "none"}) + "." + encode(t, p.idToken(c.now(), fresh, nil)) + ".", "malformed"},
		{"HS256 with the public key", p.signHMAC(t, p.idToken(c.now(), fresh, nil)), "malformed"},
		{"nothing", "", "no ID token"},
		{"no token", "x.y.z", "malformed"},
		{"too long", with(map[string]any{"pad": strings.Repeat("x", maxToken)}), "more than"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			who, err := l.Verify(t.Context(), fresh, tt.token)
			checkReason(t, err, tt.reason)
			if (err == nil) != who.Principal.Known() || err == nil && !who.Principal.Human {
				t.Errorf("logged in as %+v, and %v", who, err)
			}
		})
	}
}

// TestNoAttempt pins that nothing is never the same as nothing.
func TestNoAttempt(t *testing.T) {
	p, c := startProvider(t), newClock()
	l := newLogin(t, newVerifier(t, Options{Now: c.now}, p.people()), p.page())
	for _, nonce := range []any{nil, ""} {
		_, err := l.Verify(t.Context(), Attempt{}, p.sign(t, nil, p.idToken(c.now(), Attempt{}, map[string]any{"nonce": nonce})))
		checkReason(t, err, "another attempt")
	}
}

// TestOldLogin pins what is not asked of a login that need not be fresh.
func TestOldLogin(t *testing.T) {
	p, c := startProvider(t), newClock()
	conf := p.page()
	conf.ACR = "mfa"
	l := newLogin(t, newVerifier(t, Options{Now: c.now}, p.people()), conf)
	a := NewAttempt(redirect, time.Time{})
	for name, change := range map[string]map[string]any{"no auth_time": {"auth_time": nil}, "a login of yesterday": {"auth_time": c.now().Add(-24 * time.Hour).Unix()}} {
		if _, err := l.Verify(t.Context(), a, p.sign(t, nil, p.idToken(c.now(), a, change))); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestAccessTokenOfAnother pins that at_hash binds the two tokens of an answer.
func TestAccessTokenOfAnother(t *testing.T) {
	p, c := startProvider(t), newClock()
	l := newLogin(t, newVerifier(t, Options{Now: c.now}, p.people()), p.page())
	a := NewAttempt(redirect, time.Time{})
	// The example of OpenID Connect Core 1.0, appendix A.3.
	token := p.sign(t, nil, p.idToken(c.now(), a, map[string]any{"at_hash": "77QmUPtjPfzWtF2AnpK9RQ"}))
	if _, err := l.verify(t.Context(), a, token, "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"); err != nil {
		t.Errorf("its own: %v", err)
	}
	if _, err := l.verify(t.Context(), a, token, "another"); err == nil || !strings.Contains(err.Reason, "another access token") {
		t.Errorf("another: %v", err)
	}
}

// TestLoginsAndBearersApart pins that neither stands for the other.
func TestLoginsAndBearersApart(t *testing.T) {
	p := startProvider(t)
	v := newVerifier(t, Options{}, p.people())
	l := newLogin(t, v, p.cli())
	a := NewAttempt(redirect, time.Time{})
	idToken, err := l.Fetch(t.Context(), a, newBrowser().login(t, authURL(t, l, a), "alice", "pw"))
	if err != nil {
		t.Fatal(err)
	}
	if got := reason(v, own(idToken), "/"); !strings.Contains(got, "another audience") {
		t.Errorf("an ID token as a bearer token: %q", got)
	}
	_, err = l.Verify(t.Context(), a, p.token(t, "agent"))
	checkReason(t, err, "another audience")
	bearer := LoginConfig{Issuer: p.url, ClientID: "cloakroom"} // the audience of p's bearer tokens
	_, err = newLogin(t, v, bearer).Verify(t.Context(), a, p.token(t, "agent"))
	checkReason(t, err, "another attempt")
}

func TestPerson(t *testing.T) {
	p, c := startProvider(t), newClock()
	for _, tt := range []struct {
		name   string
		path   []string
		claims map[string]any
		want   string
	}{
		{"no claim configured", nil, map[string]any{"email": "a@x.example"}, ""},
		{"absent", []string{"email"}, nil, ""},
		{"e-mail", []string{"email"}, map[string]any{"email": "a@x.example"}, "a@x.example"},
		{"in capitals, with space", []string{"email"}, map[string]any{"email": " A@X.Example\t"}, "a@x.example"},
		{"composed and not", []string{"owner"}, map[string]any{"owner": "Zoe\u0308"}, "zo\u00eb"},
		{"verified", []string{"email"}, map[string]any{"email": "a@x.example", "email_verified": true}, "a@x.example"},
		{"verified, in quotes", []string{"email"}, map[string]any{"email": "a@x.example", "email_verified": "true"}, "a@x.example"},
		{"not verified", []string{"email"}, map[string]any{"email": "a@x.example", "email_verified": false}, ""},
		{"verified by a number", []string{"email"}, map[string]any{"email": "a@x.example", "email_verified": 1}, ""},
		{"verified by nothing", []string{"email"}, map[string]any{"email": "a@x.example", "email_verified": []any{nil}}, ""},
		{"another claim beside an unverified e-mail", []string{"owner"}, map[string]any{"owner": "a", "email_verified": false}, "a"},
		{"inner e-mail, not verified", []string{"act", "email"}, map[string]any{"act": map[string]any{"email": "a@x.example", "email_verified": false}, "email_verified": true}, ""},
		{"inner e-mail", []string{"act", "email"}, map[string]any{"act": map[string]any{"email": "a@x.example"}, "email_verified": false}, "a@x.example"},
		{"nothing around it", []string{"act", "email"}, map[string]any{"act": "a", "email": "a@x.example"}, ""},
		{"a list", []string{"email"}, map[string]any{"email": []string{"a@x.example"}}, ""},
		{"a number", []string{"email"}, map[string]any{"email": 7}, ""},
		{"two lines", []string{"email"}, map[string]any{"email": "a@x.example\nb@x.example"}, ""},
		{"too long", []string{"email"}, map[string]any{"email": strings.Repeat("a", maxPerson+1)}, ""},
		{"spaces", []string{"email"}, map[string]any{"email": "  "}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			i := p.issuer()
			i.Person = tt.path
			v := newVerifier(t, Options{Now: c.now}, i)
			id, err := v.Identify(t.Context(), own(p.sign(t, nil, p.claimsOf(c.now(), tt.claims))), "/")
			if err != nil || id.Principal.Person != tt.want || id.Principal.Human {
				t.Errorf("person %q, human %t, %v; want %q", id.Principal.Person, id.Principal.Human, err, tt.want)
			}
		})
	}
}

// TestUnverified: who may be one of the people that are asked is told from who has
// no such claim at all.
func TestUnverified(t *testing.T) {
	p, c := startProvider(t), newClock()
	for want, all := range map[bool][]map[string]any{
		true:  {{"email": "a@x.example", "email_verified": false}, {"email": "a@x.example", "email_verified": 1}},
		false: {{"email": "a@x.example", "email_verified": true}, {"email": "a@x.example"}, {"email_verified": false}, nil},
	} {
		for _, claims := range all {
			i := p.issuer()
			i.Person = []string{"email"}
			id, err := newVerifier(t, Options{Now: c.now}, i).Identify(t.Context(), own(p.sign(t, nil, p.claimsOf(c.now(), claims))), "/")
			if err != nil || id.Principal.Unverified != want {
				t.Errorf("%v: %v, %v", claims, id.Principal.Unverified, err)
			}
		}
	}
}

// TestOwner is a machine's token that names the human behind it.
func TestOwner(t *testing.T) {
	p := startProvider(t)
	i := p.issuer()
	i.Person = []string{"owner"}
	id, err := newVerifier(t, Options{}, i).Identify(t.Context(), own(p.token(t, "agent")), "/")
	if err != nil || id.Principal.Person != "alice@example.com" {
		t.Errorf("person %q, %v", id.Principal.Person, err)
	}
}

func TestDisplay(t *testing.T) {
	for _, tt := range []struct{ name, claims, want string }{
		{"name", `{"name":"Alice A.","preferred_username":"al"}`, "Alice A."},
		{"no name", `{"preferred_username":"al"}`, "al"},
		{"neither", `{"email":"a@x.example"}`, ""},
		{"turned around", `{"name":"Al\u202eice\u200b\n<b>"}`, "Alice<b>"},
		{"nothing to see", `{"name":"\u2066\u200b ","preferred_username":"al"}`, "al"},
		{"too long", `{"name":"` + strings.Repeat("é", 300) + `"}`, strings.Repeat("é", 50)},
		{"a list", `{"name":["a"]}`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var c claims
			if err := json.Unmarshal([]byte(tt.claims), &c); err != nil {
				t.Fatal(err)
			}
			if got := c.display(); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}
