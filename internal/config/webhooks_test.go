package config

import (
	"errors"
	"strings"
	"testing"
)

// people is base with an issuer of humans, which all groups are of.
var people = strings.Replace(base, "audiences: [x]", "audiences: [x], human: true", 1)

func TestReceivers(t *testing.T) {
	dir := folder(t)
	hook := func(what string) string { return base + "webhooks: [" + what + "]\n" }
	slack := func(from, members string) string {
		return from + "slack: {teams: [T1], signing_secret: {env: GITHUB_TOKEN}, people: {" + members + "}}\n"
	}
	for _, tt := range []struct {
		name, text string
		want       string // part of the only error; empty: none
	}{
		{"a webhook", hook(`{name: a, url: "https://x.test/", secret: {env: HOOK_SECRET}}`), ""},
		{"to Slack", hook(`{name: a, url: {env: HOOK_URL}, form: slack}`), ""},
		{"plaintext to loopback", hook(`{name: a, url: "http://[::1]:1/", form: slack}`), ""},
		{"plaintext elsewhere", hook(`{name: a, url: "http://x.test/", form: slack}`), "in plaintext"},
		{"plaintext, and said so", hook(`{name: a, url: "http://x.test/", form: slack, plaintext: true}`), ""},
		{"another scheme", hook(`{name: a, url: "ftp://x.test/", form: slack}`), "not a webhook's URL"},
		{"a variable that holds no URL", hook(`{name: a, url: {env: GOOD}, form: slack}`), "not a webhook's URL"},
		{"an unset variable", hook(`{name: a, url: {env: NONE}, form: slack}`), "it is not set"},
		{"no webhooks", base + "webhooks: []\n", "an empty list"},
		{"unsigned", hook(`{name: a, url: "https://x.test/"}`), "no secret to sign with"},
		{"members", slack(people, "U1: {person: a@x.test, groups: [g]}, U2: {person: b@x.test, groups: [g]}"), ""},
		{"a member twice", slack(people, "U1: {person: a@x.test, groups: [g]}, U1: {person: b@x.test, groups: [g]}"), "stands twice"},
		{"a person twice", slack(people, "U1: {person: a@x.test, groups: [g]}, U2: {person: A@x.test, groups: [g]}"), "the same person as another"},
		{"groups of machines", slack(base, "U1: {person: a@x.test, groups: [g]}"), "not people's"},
		{"a member without groups", slack(people, "U1: {person: a@x.test}"), "has no groups"},
		{"a member without a person", slack(people, "U1: {groups: [g]}"), "has no person"},
		{"only a name", slack(people, "U1: a@x.test"), "want a mapping for a person"},
		{"without people", people + "slack: {teams: [T1], signing_secret: {env: GITHUB_TOKEN}}\n", "slack has no people"},
		{"without its workspace", people + "slack: {signing_secret: {env: GITHUB_TOKEN}, people: {U1: {person: a@x.test, groups: [g]}}}\n", "slack has no teams"},
		{"a name for an id", slack(people, "alice: {person: a@x.test, groups: [g]}"), "not an id of Slack's"},
		{"without its secret", people + "slack: {teams: [T1], people: {U1: {person: a@x.test, groups: [g]}}}\n", "slack has no signing_secret"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, _, err := load(t, dir, tt.text)
			var es Errors
			switch {
			case tt.want == "" && (err != nil || c == nil):
				t.Fatal(err)
			case tt.want == "":
			case !errors.As(err, &es) || c != nil || len(es) != 1 || !strings.Contains(err.Error(), tt.want):
				t.Errorf("got %v, want one error with %q", err, tt.want)
			case strings.Contains(err.Error(), canary) || strings.Contains(err.Error(), "x.test/"):
				t.Errorf("the error tells a URL: %v", err)
			}
		})
	}
}

// TestStoreWarnings tells of what lets others change what is stored, or what
// keeps replicas apart; and no name of a store shows who logs in.
func TestStoreWarnings(t *testing.T) {
	const keys = "keys: {env: ROOT}\n"
	for _, tt := range []struct{ url, more, name, warning string }{
		{"postgres://u@db.test/x?sslmode=disable", keys, "postgres://db.test/x", "could hide that a lease was revoked"},
		{"postgres://u@a.test:1,b.test:2/x?sslmode=verify-full", keys, "postgres://a.test:1,b.test:2/x", ""},
		{"postgres://u@db.test/x?sslmode=require", keys, "postgres://db.test/x", "could hide that a lease was revoked"},
		{"postgres://u@db.test/x?sslmode=verify-full", keys, "postgres://db.test/x", ""},
		{"postgres://u@db.test/x?sslmode=verify-full", "", "postgres://db.test/x", "need one root key"},
		{"postgres://u@127.0.0.1:5432/x", keys, "postgres://127.0.0.1:5432/x", ""},
		{"postgres:///x?host=/run/postgresql", keys, "postgres:///x", ""},
		{"postgres:///x?host=db.test&sslmode=require", keys, "postgres:///x", "could hide that a lease was revoked"},
	} {
		c, warnings, err := load(t, folder(t), base+"store: {url: \""+tt.url+"\"}\n"+tt.more)
		if err != nil || len(warnings) > 1 || (len(warnings) == 1) != (tt.warning != "") || tt.warning != "" && !strings.Contains(warnings[0].String(), tt.warning) {
			t.Errorf("%s: %v, %v", tt.url, warnings, err)
			continue
		}
		if c.Store.URL != tt.url || c.Store.Path != "" || c.Resolved(nil).Store != tt.name {
			t.Errorf("%s: %+v, shown as %q", tt.url, c.Store, c.Resolved(nil).Store)
		}
	}
}
