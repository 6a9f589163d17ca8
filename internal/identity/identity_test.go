package identity

import (
	"context"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cloakroom/internal/access"
)

func TestNewRefuses(t *testing.T) {
	dir := t.TempDir()
	junk := filepath.Join(dir, "junk.pem")
	if err := os.WriteFile(junk, []byte("junk"), 0o600); err != nil {
		t.Fatal(err)
	}
	aud := []string{"a"}
	for _, tt := range []struct {
		name string
		cfg  Config
		want string
	}{
		{"plain http", Config{Issuers: []Issuer{{URL: "http://example.com", Audiences: aud}}}, "https"},
		{"loopback's look-alike", Config{Issuers: []Issuer{{URL: "http://127.0.0.1.example.com", Audiences: aud}}}, "https"},
		{"no host", Config{Issuers: []Issuer{{URL: "https://", Audiences: aud}}}, "https"},
		{"query", Config{Issuers: []Issuer{{URL: "https://a.example?x=1", Audiences: aud}}}, "query"},
		{"fragment", Config{Issuers: []Issuer{{URL: "https://a.example#", Audiences: aud}}}, "fragment"},
		{"user", Config{Issuers: []Issuer{{URL: "https://u:p@a.example", Audiences: aud}}}, "user"},
		{"no audience", Config{Issuers: []Issuer{{URL: "https://a.example"}}}, "audience"},
		{"empty audience", Config{Issuers: []Issuer{{URL: "https://a.example", Audiences: []string{""}}}}, "audience"},
		{"twice", Config{Issuers: []Issuer{{URL: "https://a.example", Audiences: aud}, {URL: "https://A.example/", Audiences: aud}}}, "twice"},
		{"no CA file", Config{Issuers: []Issuer{{URL: "https://a.example", Audiences: aud, CAFile: filepath.Join(dir, "none")}}}, "CA file"},
		{"bad CA file", Config{Issuers: []Issuer{{URL: "https://a.example", Audiences: aud, CAFile: junk}}}, "no PEM"},
		{"header in capitals", Config{TokenHeaders: []string{"Authorization"}}, "lower-case"},
		{"cookie", Config{TokenHeaders: []string{"cookie"}}, "cannot"},
		{"header twice", Config{TokenHeaders: []string{"a", "a"}}, "twice"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := New(tt.cfg, Options{}); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("New: %v, want it to say %q", err, tt.want)
			}
		})
	}
	_, err := New(Config{TokenHeaders: []string{"A"}, Issuers: []Issuer{{URL: "ftp://x"}, {URL: "https://b.example"}}}, Options{})
	for _, want := range []string{`"A"`, "ftp://x", "https://b.example"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("New: %v, want every error at once, %s too", err, want)
		}
	}
}

// TestIdentifyPlaces goes through the places where tokens and other things may
// stand, with tokens from real token endpoints.
func TestIdentifyPlaces(t *testing.T) {
	p, foreignProvider := startProvider(t), startProvider(t)
	agent, again, other, foreign := p.token(t, "agent"), p.token(t, "agent"), p.token(t, "other"), foreignProvider.token(t, "agent")
	v := newVerifier(t, Options{}, p.issuer())
	basicOf := func(s string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(s)) }
	const none = "no identity token"
	for _, tt := range []struct {
		name    string
		headers []access.Header
		subject string // of a good identity, else
		reason  string
		remove  []string
	}{
		{"none", []access.Header{{Name: "accept", Value: "*/*"}}, "", none, nil},
		{"own, bare", own(agent), "agent", "", []string{ownHeader}},
		{"own, bearer", own("Bearer " + agent), "agent", "", []string{ownHeader}},
		{"own, in capitals", []access.Header{{Name: "X-Cloakroom-Token", Value: agent}}, "agent", "", []string{ownHeader}},
		{"proxy, bearer", []access.Header{{Name: proxyHeader, Value: "bEARER  " + agent}}, "agent", "", []string{proxyHeader}},
		{"proxy, password", []access.Header{{Name: proxyHeader, Value: basicOf("me:" + agent)}}, "agent", "", []string{proxyHeader}},
		{"authorization", []access.Header{{Name: "authorization", Value: "Bearer " + agent}}, "agent", "", []string{"authorization"}},
		{"beside a key", append(own(agent), access.Header{Name: "authorization", Value: "Bearer sk-key"}), "agent", "", []string{ownHeader}},
		{"beside a foreign token", append(own(agent), access.Header{Name: "authorization", Value: "Bearer " + foreign}), "agent", "", []string{ownHeader}},
		{"same identity twice", append(own(agent), access.Header{Name: "authorization", Value: "Bearer " + again}), "agent", "", []string{ownHeader, "authorization"}},
		{"two identities", append(own(agent), access.Header{Name: "authorization", Value: "Bearer " + other}), "", "two different identities", []string{ownHeader, "authorization"}},
		{"two in one header", append(own(agent), own(other)...), "", "two different identities", []string{ownHeader}},
		{"five tokens", slices.Concat(own(agent), own(agent), own(agent), own(agent), own(agent)), "", "more than 4", []string{ownHeader}},
		{"own, foreign", own(foreign), "", "not a token of a trusted issuer", []string{ownHeader}},
		{"own, key", own("sk-key"), "", "not an identity token", []string{ownHeader}},
		{"own, empty", own(""), "", "not an identity token", []string{ownHeader}},
		{"own, basic", own(basicOf("me:" + agent)), "", "not an identity token", []string{ownHeader}},
		{"own, two joined", own(agent + ", " + agent), "", "not an identity token", []string{ownHeader}},
		{"own, one good and one bad", append(own(agent), own("x")...), "", "not an identity token", []string{ownHeader}},
		{"proxy, wrong password", []access.Header{{Name: proxyHeader, Value: basicOf("me:secret")}}, "", "not an identity token", []string{proxyHeader}},
		{"proxy, no base64", []access.Header{{Name: proxyHeader, Value: "Basic !"}}, "", "not an identity token", []string{proxyHeader}},
		{"authorization, key", []access.Header{{Name: "authorization", Value: "Bearer sk-key"}}, "", none, nil},
		{"authorization, foreign", []access.Header{{Name: "authorization", Value: "Bearer " + foreign}}, "", none, nil},
		{"authorization, no scheme", []access.Header{{Name: "authorization", Value: agent}}, "", "must not be sent on", nil},
		{"authorization, basic", []access.Header{{Name: "authorization", Value: basicOf("me:" + agent)}}, "", "must not be sent on", nil},
		{"authorization, two joined", []access.Header{{Name: "authorization", Value: "Bearer " + agent + ", Bearer x"}}, "", "must not be sent on", nil},
		{"authorization twice", []access.Header{{Name: "authorization", Value: "Bearer " + agent}, {Name: "authorization", Value: "Bearer sk-key"}}, "", "stands twice", []string{"authorization"}},
		{"tampered", own(agent[:len(agent)-8] + "AAAAAAAA"), "", "not signed with a key", []string{ownHeader}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			id, err := v.Identify(context.Background(), tt.headers, "/")
			if tt.reason == "" && err != nil || tt.reason != "" && (err == nil || !strings.Contains(err.Error(), tt.reason)) {
				t.Errorf("error %v, want %q", err, tt.reason)
			}
			if errors.Is(err, ErrNoToken) != (tt.reason == none) {
				t.Errorf("error is ErrNoToken: %t", errors.Is(err, ErrNoToken))
			}
			if id.Principal.Subject != tt.subject || id.Principal.Known() != (tt.subject != "") {
				t.Errorf("principal %q, want %q", id.Principal.ID(), tt.subject)
			}
			if !slices.Equal(id.Remove, tt.remove) {
				t.Errorf("remove %q, want %q", id.Remove, tt.remove)
			}
			if err != nil && (strings.Contains(err.Error(), "eyJ") || strings.Contains(err.Error(), "sk-key")) {
				t.Errorf("error %v holds a token or a key", err)
			}
		})
	}
}

func TestIdentifyPrincipal(t *testing.T) {
	p := startProvider(t)
	v := newVerifier(t, Options{}, p.issuer())
	id, err := v.Identify(context.Background(), own(p.token(t, "agent")), "/")
	if err != nil {
		t.Fatal(err)
	}
	got := id.Principal
	if got.ID() != p.url+"#agent" || !slices.Equal(got.Groups, []string{"ai-agents", "dev"}) || got.Session == "" || got.Ends.IsZero() || got.Ticket {
		t.Errorf("principal %+v", got)
	}
}

// TestConfiguredHeaders pins who wins, and that a dedicated header is taken out
// even where no token is looked for in it.
func TestConfiguredHeaders(t *testing.T) {
	p := startProvider(t)
	a, b := p.sign(t, nil, p.claimsOf(newClock().now(), map[string]any{"jti": "a"})), p.sign(t, nil, p.claimsOf(newClock().now(), map[string]any{"jti": "b"}))
	v, err := New(Config{Issuers: []Issuer{p.issuer()}, TokenHeaders: []string{"x-mine", "authorization"}}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	id, err := v.Identify(context.Background(), []access.Header{{Name: "authorization", Value: "Bearer " + a}, {Name: "x-mine", Value: b}, {Name: proxyHeader, Value: "Basic xyz"}}, "/")
	if err != nil || id.Principal.Session != "b" {
		t.Errorf("session %q, %v; want that of the first configured header", id.Principal.Session, err)
	}
	if !slices.Equal(id.Remove, []string{"authorization", "x-mine", proxyHeader}) {
		t.Errorf("remove %q", id.Remove)
	}
	if got := reason(v, own(a), "/"); !strings.Contains(got, "must not be sent on") {
		t.Errorf("in a header that is not configured: %q", got)
	}
}

func TestNoIssuers(t *testing.T) {
	p := startProvider(t)
	v := newVerifier(t, Options{})
	if got := reason(v, nil, "/"); got != ErrNoToken.Reason {
		t.Errorf("without a token: %q", got)
	}
	if got := reason(v, own(p.token(t, "agent")), "/"); !strings.Contains(got, "trusted issuer") {
		t.Errorf("with a token: %q", got)
	}
}
