package decide

import (
	"context"
	"testing"

	"cloakroom/internal/access"
	"cloakroom/internal/inventory"
	"cloakroom/rego"
)

// TestWithTheBuiltInPolicy drives a decision as a transport would, with the
// real inventory and the real policy, and without gRPC or protobuf.
func TestWithTheBuiltInPolicy(t *testing.T) {
	policy, err := rego.New(t.Context(), rego.Options{})
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name    string
		request *access.Request
		change  func(*access.Request)
		code    access.Code // empty: allowed
	}{
		{"a named placeholder", get(bearer(named("read"))...), nil, ""},
		{"basic authorization", get("authorization", "Basic "+basic("x:"+named("read"))), nil, ""},
		{"in the query", get(), func(r *access.Request) { r.Path += "?key=" + named("read") }, ""},
		{"at another name of the query", get(), func(r *access.Request) { r.Path += "?other=" + named("read") }, ""},
		{"no placeholder where one is permitted", get(), nil, ""},
		{"no placeholder where none is permitted", get(), func(r *access.Request) { r.Path = "/api/user" }, access.Denied},
		{"no placeholder with another method", get(), func(r *access.Request) { r.Method = "DELETE" }, access.Denied},
		{"another group's", get(bearer(named("theirs"))...), nil, access.NotGranted},
		{"another operation", get(bearer(named("read"))...), func(r *access.Request) { r.Path = "/api/user" }, access.NotGranted},
		{"a path with two readings", get(bearer(named("read"))...), func(r *access.Request) { r.Path = "/api/repos/%2e%2e/user" }, access.NotGranted},
		{"a forged one", get(bearer(inventory.Key{3}.Placeholder("read"))...), nil, access.UnknownPlaceholder},
		{"one that needs an approval", get(bearer(named("hot"))...), nil, access.ApprovalPending},
		{"one good, one bad", get("authorization", "Bearer "+named("read"), "x-api-key", named("theirs")), nil, access.NotGranted},
		{"inert text", get("x-note", named("theirs")), nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFakes(t)
			f.revision = policy.Revision()
			f.verdict = func(in *access.Input) (access.Verdict, error) { return policy.Evaluate(t.Context(), in) }
			if tt.change != nil {
				tt.change(tt.request)
			}
			d := f.decider(t).Decide(t.Context(), tt.request, nil)
			if code(d) != tt.code || (d.Outcome == access.Allow) != (tt.code == "") || (d.Grant != nil) != (tt.code == "") {
				t.Errorf("got %v, %+v, want %q", d.Outcome, d.Refusal, tt.code)
			}
			if len(f.entries) != 1 || f.entries[0].Decision.Revision != policy.Revision() {
				t.Errorf("entries %+v", f.entries)
			}
		})
	}
}

// TestTheFloorHoldsBelowAnAuthorsPolicy asks with a policy that allows all.
func TestTheFloorHoldsBelowAnAuthorsPolicy(t *testing.T) {
	policy, err := rego.New(t.Context(), rego.Options{Decision: "envoy/authz/allow",
		Modules: map[string]string{"all.rego": "package envoy.authz\n\ndefault allow := true\n"}})
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		request *access.Request
		code    access.Code
	}{
		"what no rule permits":  {get(bearer(named("read"))...), access.NotGranted},
		"a forged placeholder":  {get(bearer(inventory.Key{3}.Placeholder("read"))...), access.UnknownPlaceholder},
		"without an approval":   {get(bearer(named("hot"))...), access.NotGranted},
		"a route of nobody's":   {&access.Request{Method: "GET", Path: "/api/repos/x", Source: "10.0.0.7:1"}, access.Denied},
		"nothing of ours in it": {get(), ""},
	} {
		f := newFakes(t)
		f.verdict = func(in *access.Input) (access.Verdict, error) { return policy.Evaluate(t.Context(), in) }
		tt.request.Method = "POST"
		d := f.decider(t).Decide(t.Context(), tt.request, nil)
		if code(d) != tt.code || d.Grant != nil && len(d.Grant.Uses) > 0 {
			t.Errorf("%s: got %v, %+v, want %q", name, d.Outcome, d.Refusal, tt.code)
		}
	}
}

func BenchmarkDecideWithTheBuiltInPolicy(b *testing.B) {
	policy, err := rego.New(b.Context(), rego.Options{})
	if err != nil {
		b.Fatal(err)
	}
	f := newFakes(b)
	f.verdict = func(in *access.Input) (access.Verdict, error) { return policy.Evaluate(context.Background(), in) }
	d, r := f.decider(b), get(bearer(named("read"))...)
	b.ReportAllocs()
	for b.Loop() {
		f.entries, f.used, f.phases, f.decided = f.entries[:0], f.used[:0], f.phases[:0], f.decided[:0]
		if got := d.Decide(context.Background(), r, nil); got.Outcome != access.Allow {
			b.Fatal(got.Refusal)
		}
	}
}
