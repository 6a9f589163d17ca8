package whatif

import (
	"slices"
	"strings"

	"cloakroom/internal/access"
	"cloakroom/internal/record"
)

// unknowable says what the log lacks of a decision to make it again; empty: nothing.
func unknowable(d *record.Decision) string {
	switch {
	case d.Issuer != "" && d.Outcome == access.Allow && len(d.Uses) > 0 && len(d.Groups) == 0:
		return "the groups of its principal are not in the log"
	case d.GroupsCut():
		return "its principal may be in more groups than the log keeps"
	case d.UsesCut > 0 || d.SeenCut > 0:
		return "it held more placeholders than the log keeps"
	}
	return ""
}

// The beginnings of the reasons with which package decide refuses for what rules say
// nothing of: how much there was at that moment, or whose tickets they were.
var circumstances = []string{
	"as many leases over credential",
	"too many requests in this minute",
	"the identity token expired while",
	"two identities: ",
	"stolen: ",
	"this lease is good for ",
}

// ofRules is how the reason begins with which package decide refuses as unavailable
// for what the policy did.
const ofRules = "the policy "

// circumstance tells whether a request was refused for what rules say nothing of.
func circumstance(d *record.Decision) bool {
	if d.Outcome == access.Allow {
		return false
	}
	if d.Code == access.Unavailable {
		return !strings.HasPrefix(d.Reason, ofRules)
	}
	return slices.ContainsFunc(circumstances, func(c string) bool { return strings.HasPrefix(d.Reason, c) })
}

// unverified tells whether a request was refused because nobody vouched for the
// person behind it.
func unverified(d *record.Decision) bool {
	return d.Code == access.NotGranted && strings.Contains(d.Reason, "cannot be asked for you: your identity token has an e-mail address")
}
