package decide

import (
	"testing"

	"cloakroom/internal/access"
)

// TestALeaseIsBoundToASessionThatLasts: a token's own name is no session that a
// lease can be bound to, since the next token has another.
func TestALeaseIsBoundToASessionThatLasts(t *testing.T) {
	sid := agent
	sid.Lasting = true
	for _, tt := range []struct {
		name  string
		who   access.Principal
		more  []string
		reuse bool
	}{
		{"a token's jti", agent, nil, true},
		{"a token's sid", sid, nil, false},
		{"a session that the client names", agent, []string{"x-cloakroom-session", "task-1"}, false},
	} {
		f := newFakes(t)
		f.who, f.approved = tt.who, true
		d := f.decider(t).Decide(t.Context(), get(append(bearer(named("hot")), tt.more...)...), nil)
		if d.Outcome != access.Allow || len(f.askedFor) != 1 || f.askedFor[0].Terms.Reuse != tt.reuse {
			t.Errorf("%s: %+v, asked for %+v", tt.name, d.Refusal, f.askedFor)
		}
	}
}
