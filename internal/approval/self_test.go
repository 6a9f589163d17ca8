package approval_test

import (
	"testing"

	"cloakroom/internal/access"
	"cloakroom/internal/approval"
)

// TestOwnQuestion has people answer what they ask themselves, or what is asked on
// their behalf, in every guise.
func TestOwnQuestion(t *testing.T) {
	alice := human("alice", "oncall")
	unnamed := alice
	unnamed.Person = ""
	// as the configuration's slack section knows her: her subject is Slack's
	clicks := alice
	clicks.Subject = "slack:U1"
	pairwise := unnamed
	pairwise.Subject = "alice-for-another-client"
	tests := []struct {
		name    string
		asks    access.Principal
		answers access.Principal
		via     string
		counts  bool
	}{
		{"herself", alice, alice, "page", false},
		{"herself, by a token that does not name her", unnamed, alice, "page", false},
		{"herself, as another client's subject, not named", pairwise, alice, "page", false},
		{"her agent", bot("b", alice.Person), alice, "page", false},
		{"her agent, by a click", bot("b", alice.Person), clicks, approval.ViaSlack, false},
		{"herself, by a click", alice, clicks, approval.ViaSlack, false},
		{"herself, by a token that does not name her, by a click", unnamed, clicks, approval.ViaSlack, false},
		{"another's agent", bot("b", "bob@example.com"), alice, "page", true},
		{"another's agent, by a click", bot("b", "bob@example.com"), clicks, approval.ViaSlack, true},
		{"an agent of nobody's", bot("b", ""), clicks, approval.ViaSlack, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, credential("key"))
			_, err := w.answer(tt.answers, w.ask(tt.asks, "key", "/a").ID, tt.via)
			if (err == nil) != tt.counts {
				t.Errorf("the answer: %v", err)
			}
			if (len(w.log) > 0) != tt.counts {
				t.Errorf("%d entries in the log", len(w.log))
			}
		})
	}
}
