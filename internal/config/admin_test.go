package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// peopled has an issuer of agents and one of people, a tier with an approval,
// and a login.
const peopled = `identity:
  issuers:
    - {name: agents, issuer: "https://a.test", audiences: [x], claims: {person: owner}, groups_allowed: [g, h]}
    - {name: people, issuer: "https://p.test", audiences: [x], claims: {person: email}, human: true, groups_allowed: [oncall, devs]}
tiers: {high: {lease: 5m, approval: {approvers: [oncall]}}}
credentials:
  - {name: a, tier: high, groups: [g], value: {env: GOOD}, allow: [{hosts: [h.test], methods: [GET], paths: [/]}]}
listen: {admin: "127.0.0.1:9192"}
admin: {login: {issuer: people, client_id: page}, approvers: [oncall]}
envoy: {upstreams: [{host: h.test, tls: true}]}
`

// TestApprovers goes through tiers that could not be approved, or by the wrong
// ones.
func TestApprovers(t *testing.T) {
	dir := folder(t)
	for _, tt := range []struct {
		name    string
		change  []string // old, new, …
		failure string   // part of the only error; empty: none
		warning string   // likewise
	}{
		{"good", nil, "", ""},
		{"approvers of a machines' issuer", []string{"approvers: [oncall]}}}", "approvers: [h]}}}"}, `nobody of issuer "agents" can approve for tier "high"`, ""},
		{"approvers of both kinds", []string{"approvers: [oncall]}}}", "approvers: [oncall, h]}}}"}, `nobody of issuer "agents" can approve`, ""},
		{"people who look alike", []string{"claims: {person: email}, ", ""}, `issuer "people" does not tell people apart`, ""},
		{"requesters approve", []string{"groups: [g]", "groups: [g, oncall]"}, `group "oncall" may ask for credential "a" and approve it`, ""},
		{"people ask, others approve", []string{"groups: [g]", "groups: [devs]"}, "", ""},
		{"owner not known", []string{"claims: {person: owner}, ", ""}, "", "the human behind an agent of issuer \"agents\" is not known"},
		{"people of an issuer that does not tell them apart ask", []string{"groups: [g]", "groups: [staff]",
			"groups_allowed: [oncall, devs]}", "groups_allowed: [oncall, devs]}\n    - {name: staff, issuer: \"https://s.test\", audiences: [x], human: true, groups_allowed: [staff]}"}, "", "of issuer \"staff\" is not known"},
		{"nobody can log in", []string{"login: {issuer: people, client_id: page}, ", ""}, "", `nobody of issuer "people" can answer for tier "high"`},
		{"no admin at all", []string{"admin: {login: {issuer: people, client_id: page}, approvers: [oncall]}\n", ""}, "", "nobody of issuer"},
		{"a tier that nobody uses", []string{"tier: high", "tier: low", "tiers: {", "tiers: {low: {lease: 1m}, ", "approvers: [oncall]}}}", "approvers: [h]}}}"}, `nobody of issuer "agents" can approve`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, warnings, err := load(t, dir, strings.NewReplacer(tt.change...).Replace(peopled))
			told(t, "error", tt.failure, errorsOf(err))
			var texts []string
			for _, w := range warnings {
				if !strings.Contains(w.Message, "cannot be given yet") {
					texts = append(texts, w.String())
				}
			}
			told(t, "warning", tt.warning, texts)
		})
	}
}

// TestLogins goes through what admin says of logins.
func TestLogins(t *testing.T) {
	dir := folder(t)
	const login = "login: {issuer: people, client_id: page}"
	for _, tt := range []struct{ name, url, login, failure string }{
		{"good", "", login, ""},
		{"by the issuer's URL", "", `login: {issuer: "https://p.test", client_id: page}`, ""},
		{"a list", "", "login: [{issuer: people, client_id: page}]", ""},
		{"an empty list", "", "login: []", "an empty list of logins"},
		{"twice", "", "login: [{issuer: people, client_id: page}, {issuer: people, client_id: other}]", "two logins with one issuer"},
		{"an issuer of machines", "", "login: {issuer: agents, client_id: page}", `nobody logs in with issuer "agents": it is not human`},
		{"unknown", "", "login: {issuer: peple, client_id: page}", `did you mean "people"`},
		{"no issuer", "", "login: {client_id: page}", "a login has no issuer"},
		{"no client", "", "login: {issuer: people}", "a login has no client_id"},
		{"one client for both", "", "login: {issuer: people, client_id: page, cli_client_id: page}", ""},
		{"one client for both, with a secret", "", "login: {issuer: people, client_id: page, cli_client_id: page, client_secret: {env: WEAK}}", "cannot keep a secret"},
		{"a secret that is not there", "", "login: {issuer: people, client_id: page, client_secret: {env: NONE}}", "not set"},
		{"refresh tokens", "", "login: {issuer: people, client_id: page, scopes: [openid, offline_access]}", "refresh token"},
		{"elsewhere", "url: https://x.example, ", login, ""},
		{"a path", "url: https://x.example/page, ", login, "a scheme and a host alone"},
		{"plaintext", "url: http://x.example, ", login, "want https, or http on loopback"},
		{"loopback", "url: http://localhost:9192, ", login, ""},
		{"no URL", "url: page, ", login, "a scheme and a host alone"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, _, err := load(t, dir, strings.Replace(peopled, login, tt.url+tt.login, 1))
			told(t, "error", tt.failure, errorsOf(err))
			if err == nil && (len(c.Admin.Logins) != 1 || c.Admin.Logins[0].Issuer != "https://p.test" || !slices.Equal(c.Admin.Logins[0].Scopes, defaultScopes)) {
				t.Errorf("logins %+v", c.Admin.Logins)
			}
		})
	}
}

func TestAdminURL(t *testing.T) {
	for _, tt := range []struct{ listen, url, want, failure string }{
		{`"127.0.0.1:9192"`, "", "http://127.0.0.1:9192", ""},
		{`"[::1]:9192"`, "", "http://[::1]:9192", ""},
		{`"127.0.0.1:9192"`, "url: https://X.example/, ", "https://x.example", ""},
		{`"127.0.0.1:0"`, "", "", "does not know how people reach the page"},
		{`"10.0.0.1:9192"`, "", "", "does not know how people reach the page"},
		{`"unix:///run/x.sock"`, "", "", "does not know how people reach the page"},
		{`"unix:///run/x.sock"`, "url: https://x.example, ", "https://x.example", ""},
	} {
		c, _, err := load(t, folder(t), strings.NewReplacer(`"127.0.0.1:9192"`, tt.listen, "admin: {", "admin: {"+tt.url).Replace(peopled))
		told(t, "error", tt.failure, errorsOf(err))
		if err == nil && c.Admin.URL != tt.want {
			t.Errorf("%s, %s: URL %q, want %q", tt.listen, tt.url, c.Admin.URL, tt.want)
		}
	}
}

func errorsOf(err error) (all []string) {
	es, _ := err.(Errors)
	for _, e := range es {
		all = append(all, e.Error())
	}
	return all
}

// told checks that exactly what is wanted was told, or nothing.
func told(t *testing.T, kind, want string, got []string) {
	t.Helper()
	if want == "" && len(got) > 0 || want != "" && (len(got) != 1 || !strings.Contains(got[0], want)) {
		t.Errorf("%ss %q, want %q", kind, got, want)
	}
}

// TestDocumentedLoginLoads: what docs/login.md shows is what people copy.
func TestDocumentedLoginLoads(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "login.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "```yaml\n")
	yaml, _, ok := strings.Cut(rest, "```")
	dir := folder(t)
	if err := os.WriteFile(filepath.Join(dir, "page.secret"), []byte("a-secret-of-the-page\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, warnings, err := load(t, dir, yaml+`credentials:
  - {name: a, tier: high, groups: [ai-agents], value: {env: GOOD}, allow: [{hosts: [h.test], methods: [GET], paths: [/]}]}
envoy: {upstreams: [{host: h.test, tls: true}]}
`)
	if !ok || err != nil {
		t.Fatal(ok, err)
	}
	for _, w := range warnings {
		if strings.Contains(w.Message, "issuer") {
			t.Error(w)
		}
	}
	if l := c.Admin.Logins[0]; l.Issuer != "https://login.example.com" || l.ClientSecret == nil || l.CLIClientID == "" || l.ACR == "" {
		t.Errorf("login %+v", l)
	}
}
