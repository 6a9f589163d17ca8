package decide

import (
	"context"
	"testing"

	"cloakroom/internal/inventory"
)

// TestARefusalBelongsToItsSession refuses before and behind the session's
// stage: the record is found under the session all the same.
func TestARefusalBelongsToItsSession(t *testing.T) {
	forged := inventory.Key{9}.Placeholder("read")
	for name, tt := range map[string]struct {
		session, text, want string
	}{
		"forged":                 {"s1", forged, "s1"},
		"forged, by token":       {"", forged, "sid-1"},
		"not granted":            {"s1", named("theirs"), "s1"},
		"a session of its own":   {"a b", forged, "sid-1"},
		"a ticket for a session": {forged, forged, "sid-1"},
	} {
		f := newFakes(t)
		r := get(bearer(tt.text)...)
		if tt.session != "" {
			header(r, sessionHeader, tt.session)
		}
		f.decider(t).Decide(t.Context(), r, nil)
		if len(f.entries) != 1 || f.entries[0].Decision.Session != tt.want {
			t.Errorf("%s: recorded %+v, want session %q", name, f.entries, tt.want)
		}
	}
}

// TestWhoHangsUpIsRefusedOnTheRecord: else one could try in secret.
func TestWhoHangsUpIsRefusedOnTheRecord(t *testing.T) {
	ctx, hangUp := context.WithCancel(t.Context())
	hangUp()
	for _, credential := range []string{"theirs", "read"} { // what may not go, and what nobody waits for
		f := newFakes(t)
		d := f.decider(t).Decide(ctx, get(bearer(named(credential))...), nil)
		if d.Refusal == nil || d.Grant != nil || len(f.entries) != 1 || f.entries[0].Decision.Code != d.Refusal.Code {
			t.Errorf("%s: %+v, and the log holds %+v", credential, d, f.entries)
		}
	}
}
