package approval_test

import (
	"testing"
	"time"

	"cloakroom/internal/approval"
	"cloakroom/internal/inventory"
	"cloakroom/internal/lease"
)

// TestReasonOfARevocation revokes one lease: what was said stands in the bar that
// it leaves, which agents are told of, and in the log.
func TestReasonOfARevocation(t *testing.T) {
	low := credential("low")
	low.Tier = inventory.Tier{Name: "low", Lease: 5 * time.Minute}
	for _, tt := range []struct{ said, want string }{{"it leaks\u202e", "it leaks"}, {"", "the lease was revoked"}} {
		w := newWorld(t, low)
		l := w.request(lease.Ask{Principal: bot("b", ""), Credential: "low", Session: "s", Terms: lease.Terms{Length: 5 * time.Minute, Reuse: true}})
		done, err := w.Revoke(t.Context(), human("bob", "sre"), approval.Revocation{Lease: l.ID, Reason: tt.said})
		if err != nil || done.Bar == nil || done.Bar.Reason != tt.want {
			t.Errorf("%q: %+v, %v", tt.said, done.Bar, err)
		}
		if len(w.log) != 1 || w.log[0].Bar == nil || w.log[0].Bar.Reason != tt.want {
			t.Errorf("%q: the log has %+v", tt.said, w.log)
		}
	}
}
