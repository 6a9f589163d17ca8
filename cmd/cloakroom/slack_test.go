package main

import (
	"testing"

	"cloakroom/internal/access"
	"cloakroom/internal/config"
)

// TestMemberIsThePerson writes a person as a file may, and wants them as a token
// names them: else one human would count as two.
func TestMemberIsThePerson(t *testing.T) {
	const token = "jos\u00e9@example.com" // é as one character
	for _, written := range []string{token, " JOS\u00c9@example.com", "jose\u0301@example.com"} {
		slack := &config.Slack{People: []config.SlackPerson{{ID: "U1", Person: written, Groups: []access.Group{{Issuer: "https://login.test", Name: "oncall"}}}}}
		if who, ok := memberOf(slack, "U1"); !ok || who.Person != token {
			t.Errorf("%q is taken for %q", written, who.Person)
		}
	}
}
