package decide

import (
	"strings"
	"testing"

	"cloakroom/internal/access"
	"cloakroom/internal/inventory"
	"cloakroom/internal/lease"
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

// TestTwoPathsAreTwoOperations, though what looks like a ticket in them is shown to
// nobody; the request's own ticket makes no difference.
func TestTwoPathsAreTwoOperations(t *testing.T) {
	f := newFakes(t)
	paths := map[string]bool{}
	for i := range byte(3) {
		text := inventory.Key{i}.Placeholder("branch")
		r := get(bearer(named("hot"))...)
		r.Path = "/api/repos/" + text
		f.decider(t).Decide(t.Context(), r, nil)
		path := f.askedFor[i].Operation.Path
		if paths[path] = true; strings.Contains(path, text) {
			t.Errorf("people are shown %s", path)
		}
	}
	if len(paths) != 3 {
		t.Errorf("people approve one of %v for all", paths)
	}
	for range 2 {
		r := get()
		r.Path = "/api/repos/x?key=" + f.ticket(t, agent, "hot", func(l *lease.Lease) {
			l.Terms.Needs, l.Scope = 1, lease.ScopeOperation
			l.Operation = lease.Operation{Method: "GET", Host: "api.example.com", Path: "/repos/x?key=ckr_hot_[ticket]"}
		})
		r.BodyWhole = true
		if d := f.decider(t).Decide(t.Context(), r, nil); d.Outcome != access.Allow {
			t.Errorf("by a ticket in the query: %+v", d.Refusal)
		}
	}
}
