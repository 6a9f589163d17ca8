package identity

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestClaims(t *testing.T) {
	p, c := startProvider(t), newClock()
	v := newVerifier(t, Options{Now: c.now}, p.issuer())
	at := func(s int) int64 { return c.now().Unix() + int64(s) }
	with := func(change map[string]any) string { return p.sign(t, nil, p.claimsOf(c.now(), change)) }
	const odd = "malformed" // or whatever else: go-oidc refuses some shapes before claims are read
	for _, tt := range []struct{ name, token, reason string }{
		{"good", with(nil), ""},
		{"list of audiences", with(map[string]any{"aud": []string{"x", "elsewhere"}}), ""},
		{"wrong audience", with(map[string]any{"aud": "x"}), "audience"},
		{"no audience", with(map[string]any{"aud": nil}), "audience"},
		{"audience of another shape", with(map[string]any{"aud": []any{"cloakroom", 1}}), odd},
		{"expired 29 s ago", with(map[string]any{"exp": at(-29)}), ""},
		{"expired 31 s ago", with(map[string]any{"exp": at(-31)}), "expired"},
		{"no exp", with(map[string]any{"exp": nil}), "no exp"},
		{"exp null", p.sign(t, nil, []byte(`{"iss":"`+p.url+`","sub":"s","aud":"cloakroom","exp":null}`)), odd},
		{"exp as text", with(map[string]any{"exp": "never"}), odd},
		{"exp beyond time", with(map[string]any{"exp": 1e300}), odd},
		{"exp of fractions", with(map[string]any{"exp": float64(at(0)) - 28.5}), ""},
		{"nbf in 29 s", with(map[string]any{"nbf": at(29)}), ""},
		{"nbf in 31 s", with(map[string]any{"nbf": at(31)}), "not valid yet"},
		{"iat in 29 s", with(map[string]any{"iat": at(29)}), ""},
		{"iat in 31 s", with(map[string]any{"iat": at(31)}), "not valid yet"},
		{"no iat, no nbf", with(map[string]any{"iat": nil, "nbf": nil}), ""},
		{"no subject", with(map[string]any{"sub": nil}), "subject"},
		{"empty subject", with(map[string]any{"sub": ""}), "subject"},
		{"subject of 255", with(map[string]any{"sub": strings.Repeat("s", 255)}), ""},
		{"subject of 256", with(map[string]any{"sub": strings.Repeat("s", 256)}), "subject"},
		{"subject of two lines", with(map[string]any{"sub": "a\nb"}), "subject"},
		{"subject of a lone surrogate", p.sign(t, nil, []byte(fmt.Sprintf(`{"iss":%q,"sub":"a\ud800","aud":"cloakroom","exp":%d}`, p.url, at(9)))), "subject"},
		{"subject as a list", with(map[string]any{"sub": []string{"a"}}), odd},
		{"subject in another case", with(map[string]any{"sub": nil, "SUB": "a"}), "subject"},
		{"logout token", with(map[string]any{"events": map[string]any{}}), "event"},
		{"issuer with a slash", with(map[string]any{"iss": p.url + "/"}), "trusted issuer"},
		{"too long", with(map[string]any{"pad": strings.Repeat("x", maxToken)}), "longer"},
		{"payload that is no object", p.sign(t, nil, []byte(`[]`)), "trusted issuer"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := reason(v, own(tt.token), "/")
			if (got == "") != (tt.reason == "") || tt.reason != odd && !strings.Contains(got, tt.reason) {
				t.Errorf("refused for %q, want %q", got, tt.reason)
			}
		})
	}
}

func TestSignatures(t *testing.T) {
	p, stranger, c := startProvider(t), startProvider(t), newClock()
	v := newVerifier(t, Options{Now: c.now}, p.issuer())
	good := p.claimsOf(c.now(), nil)
	unsigned := encode(t, map[string]any{"alg": "none"}) + "." + encode(t, good) + "."
	id, _ := p.Key()
	for name, token := range map[string]string{
		"alg none":                           unsigned,
		"alg none, with a signature":         p.sign(t, map[string]any{"alg": "none"}, good),
		"alg NoNe":                           p.sign(t, map[string]any{"alg": "NoNe"}, good),
		"HS256 with the public key":          p.signHMAC(t, good),
		"PS256, not announced":               p.signPSS(t, good),
		"RS512 said, RS256 done":             p.sign(t, map[string]any{"alg": "RS512"}, good),
		"ES256 said, RS256 done":             p.sign(t, map[string]any{"alg": "ES256"}, good),
		"a stranger's key":                   stranger.sign(t, nil, good),
		"a stranger's key, our id":           stranger.sign(t, map[string]any{"kid": id}, good),
		"a stranger's key, none said":        stranger.sign(t, map[string]any{"kid": ""}, good),
		"its key brought along":              stranger.sign(t, map[string]any{"jwk": map[string]string{"kty": "oct", "k": "AAAA"}}, good),
		"unknown crit":                       p.sign(t, map[string]any{"crit": []string{"x"}, "x": 1}, good),
		"payload of another token's":         strings.Join([]string{part(unsigned, 0), part(p.sign(t, nil, good), 1), part(stranger.sign(t, nil, good), 2)}, "."),
		"duplicate iss, ours last":           p.sign(t, nil, []byte(`{"iss":"https://x.example","iss":"`+p.url+`","sub":"s","aud":"cloakroom","exp":9999999999}`)),
		"iss in another case, ours":          p.sign(t, nil, []byte(`{"ISS":"`+p.url+`","iss":"https://x.example","sub":"s","aud":"cloakroom","exp":9999999999}`)),
		"signature in the standard alphabet": standardAlphabet(p, t, good),
	} {
		t.Run(name, func(t *testing.T) {
			if got := reason(v, own(token), "/"); got == "" {
				t.Error("accepted")
			}
		})
	}
	if got := reason(v, own(p.sign(t, map[string]any{"kid": ""}, good)), "/"); got != "" {
		t.Errorf("without a key id: %q", got)
	}
}

func part(token string, n int) string { return strings.Split(token, ".")[n] }

// standardAlphabet signs until the signature differs between the alphabets.
func standardAlphabet(p *real, t *testing.T, good map[string]any) string {
	for n := 0; ; n++ {
		good["n"] = n
		token := p.sign(t, nil, good)
		sig, _ := base64.RawURLEncoding.DecodeString(part(token, 2))
		if std := base64.RawStdEncoding.EncodeToString(sig); std != part(token, 2) {
			delete(good, "n")
			return part(token, 0) + "." + part(token, 1) + "." + std
		}
	}
}

func TestGroups(t *testing.T) {
	p, c := startProvider(t), newClock()
	nested := p.issuer()
	nested.Groups = []string{"realm_access", "roles"}
	limited := p.issuer()
	limited.GroupsAllowed = []string{"b", "z"}
	many := make([]string, maxGroups+1)
	for i := range many {
		many[i] = fmt.Sprint("g", i)
	}
	none := p.issuer()
	none.Groups = nil
	for _, tt := range []struct {
		name   string
		issuer Issuer
		claim  map[string]any
		want   []string
		reason string
	}{
		{"list", p.issuer(), map[string]any{"groups": []string{"a", "b", "a"}}, []string{"a", "b"}, ""},
		{"string", p.issuer(), map[string]any{"groups": "a b"}, []string{"a b"}, ""},
		{"none", p.issuer(), nil, nil, ""},
		{"number", p.issuer(), map[string]any{"groups": 7}, nil, ""},
		{"null", p.issuer(), map[string]any{"groups": []any{nil}}, nil, ""},
		{"mixed", p.issuer(), map[string]any{"groups": []any{"a", 7}}, nil, ""},
		{"object", p.issuer(), map[string]any{"groups": map[string]any{"a": 1}}, nil, ""},
		{"nested", nested, map[string]any{"realm_access": map[string]any{"roles": []string{"r"}}}, []string{"r"}, ""},
		{"nested in a list", nested, map[string]any{"realm_access": []string{"roles"}}, nil, ""},
		{"nested in nothing", nested, nil, nil, ""},
		{"nested, not at the top", nested, map[string]any{"roles": []string{"r"}}, nil, ""},
		{"allowed", limited, map[string]any{"groups": []string{"a", "b", "c"}}, []string{"b"}, ""},
		{"allowed of too many", limited, map[string]any{"groups": append(many, "z")}, []string{"z"}, ""},
		{"no claim configured", none, map[string]any{"groups": []string{"a"}}, nil, ""},
		{"200", p.issuer(), map[string]any{"groups": many[:maxGroups]}, many[:maxGroups], ""},
		{"201", p.issuer(), map[string]any{"groups": many}, nil, "too many groups"},
		{"of 257 bytes", p.issuer(), map[string]any{"groups": strings.Repeat("g", 257)}, nil, "too long"},
		{"of two lines", p.issuer(), map[string]any{"groups": "a\nb"}, nil, "groups"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := newVerifier(t, Options{Now: c.now}, tt.issuer)
			id, err := v.Identify(context.Background(), own(p.sign(t, nil, p.claimsOf(c.now(), tt.claim))), "/")
			if tt.reason != "" {
				if err == nil || !strings.Contains(err.Error(), tt.reason) {
					t.Errorf("error %v, want %q", err, tt.reason)
				}
				return
			}
			if err != nil || !slices.Equal(id.Principal.Groups, tt.want) {
				t.Errorf("groups %q, %v; want %q", id.Principal.Groups, err, tt.want)
			}
		})
	}
}

func TestSession(t *testing.T) {
	p, c := startProvider(t), newClock()
	v := newVerifier(t, Options{Now: c.now}, p.issuer())
	for name, tt := range map[string]struct {
		claims map[string]any
		want   string
	}{
		"sid first":   {map[string]any{"sid": "s"}, "s"},
		"jti":         {nil, "j1"},
		"none":        {map[string]any{"jti": nil}, ""},
		"bad sid":     {map[string]any{"sid": 1}, "j1"},
		"long sid":    {map[string]any{"sid": strings.Repeat("s", 256)}, "j1"},
		"sid of both": {map[string]any{"sid": "a\x00b", "jti": "a\x00b"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			id, err := v.Identify(context.Background(), own(p.sign(t, nil, p.claimsOf(c.now(), tt.claims))), "/")
			if err != nil || id.Principal.Session != tt.want {
				t.Errorf("session %q, %v; want %q", id.Principal.Session, err, tt.want)
			}
		})
	}
}

// TestCachedTokenEnds pins that a remembered token is still held to its time.
func TestCachedTokenEnds(t *testing.T) {
	p, c := startProvider(t), newClock()
	v := newVerifier(t, Options{Now: c.now}, p.issuer())
	token := p.sign(t, nil, p.claimsOf(c.now(), nil))
	for range 2 {
		if got := reason(v, own(token), "/"); got != "" {
			t.Fatal(got)
		}
	}
	c.add(89 * time.Second)
	if got := reason(v, own(token), "/"); got != "" {
		t.Errorf("29 s after its end: %q", got)
	}
	c.add(2 * time.Second)
	if got := reason(v, own(token), "/"); !strings.Contains(got, "expired") {
		t.Errorf("31 s after its end: %q", got)
	}
	c.add(-time.Hour)
	if got := reason(v, own(token), "/"); !strings.Contains(got, "not valid yet") {
		t.Errorf("an hour before: %q", got)
	}
}
