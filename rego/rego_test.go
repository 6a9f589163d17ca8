package rego

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cloakroom/internal/access"
)

const issuer = "https://dex.example.com"

func facts(name string) *access.CredentialFacts {
	return &access.CredentialFacts{Name: name, Description: "read", Placeholder: "ckr_" + name + "_00000000000000000000000000",
		Tier: "low", Lease: 15 * time.Minute, Groups: []access.Group{{Issuer: issuer, Name: "ai-agents"}},
		Rules: []access.RuleFacts{{Hosts: []string{"api.github.com"}, Methods: []string{"GET"}, Paths: []string{"/repos/**"}, In: []string{"header"}}}}
}

func good(name string) access.Placeholder {
	c := facts(name)
	return access.Placeholder{Text: c.Placeholder, Name: name, Kind: access.Named, Counts: true, Credential: c, Open: true,
		Permitted: true, At: access.Location{Kind: access.InHeader, Name: "authorization"}}
}

func input(change ...func(*access.Input)) *access.Input {
	in := &access.Input{
		Request: &access.Request{Time: time.Unix(1790000000, 0), Method: "GET", Scheme: "https", Authority: "gate.example.com",
			Path: "/github/repos/a/b?q=1&q=2", Source: "10.0.0.7:4711",
			Headers: []access.Header{{Name: "authorization", Value: "Bearer ckr_gh_00000000000000000000000000"},
				{Name: "x-cloakroom-token", Value: "Bearer id-token"}, {Name: "accept", Value: "a"}, {Name: "accept", Value: "b"}}},
		Target:       access.Target{Method: "GET", Host: "api.github.com", Path: "/repos/a/b?q=1&q=2"},
		TargetKnown:  true,
		Principal:    access.Principal{Issuer: issuer, Subject: "agent-7", Groups: []string{"ai-agents"}},
		Session:      "s1",
		Placeholders: []access.Placeholder{good("gh")},
		Remove:       []string{"x-cloakroom-token"},
	}
	for _, c := range change {
		c(in)
	}
	return in
}

func policy(t testing.TB, o Options) *Policy {
	t.Helper()
	p, err := New(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestBuiltInPolicy(t *testing.T) {
	p := policy(t, Options{})
	none := func(in *access.Input) { in.Placeholders = nil }
	tests := []struct {
		name    string
		change  func(*access.Input)
		outcome access.Outcome
		code    access.Code
		about   bool // the refusal names the placeholder
	}{
		{"a placeholder that may be used", func(*access.Input) {}, access.Allow, "", false},
		{"nobody", func(in *access.Input) { in.Principal = access.Principal{} }, access.Deny, access.Unauthenticated, false},
		{"no target", func(in *access.Input) { in.TargetKnown = false }, access.Deny, access.Denied, false},
		{"unknown", func(in *access.Input) { in.Placeholders[0].Kind = access.Unknown }, access.Deny, access.UnknownPlaceholder, true},
		{"ended", func(in *access.Input) { in.Placeholders[0].Kind = access.Ended }, access.Deny, access.LeaseExpired, true},
		{"of another group", func(in *access.Input) { in.Placeholders[0].Open = false }, access.Deny, access.NotGranted, true},
		{"for another operation", func(in *access.Input) { in.Placeholders[0].Permitted = false }, access.Deny, access.NotGranted, true},
		{"approval", func(in *access.Input) { in.Placeholders[0].Credential.Approval = true }, access.NeedsApproval, access.ApprovalPending, true},
		{"approved ticket", func(in *access.Input) {
			in.Placeholders[0].Credential.Approval, in.Placeholders[0].Kind = true, access.Ticket
		}, access.Allow, "", false},
		{"named placeholder of a ticket's holder", func(in *access.Input) { in.Principal.Ticket = true }, access.Deny, access.NotGranted, true},
		{"one good and one bad", func(in *access.Input) {
			bad := good("other")
			bad.Open = false
			in.Placeholders = append(in.Placeholders, bad)
		}, access.Deny, access.NotGranted, true},
		{"a refusal outranks an approval", func(in *access.Input) {
			bad := good("other")
			bad.Kind = access.Unknown
			in.Placeholders[0].Credential.Approval = true
			in.Placeholders = append(in.Placeholders, bad)
		}, access.Deny, access.UnknownPlaceholder, true},
		{"no placeholder, no operation", none, access.Deny, access.Denied, false},
		{"no placeholder, operation of other groups", func(in *access.Input) {
			none(in)
			in.Operations = []access.Operation{{Credential: facts("gh")}}
		}, access.Deny, access.Denied, false},
		{"no placeholder, operation that is open", func(in *access.Input) {
			none(in)
			in.Operations = []access.Operation{{Credential: facts("gh"), Open: true}}
		}, access.Allow, "", false},
		{"inert", func(in *access.Input) {
			in.Placeholders = append(in.Placeholders, access.Placeholder{Text: "ckr_x_[unknown]", Name: "x"})
		}, access.Allow, "", false},
		{"inert and strict", func(in *access.Input) {
			in.Strict = true
			in.Placeholders = append(in.Placeholders, access.Placeholder{Text: "ckr_x_[unknown]", Name: "x"})
		}, access.Deny, access.Denied, true},
		{"inert alone is no key", func(in *access.Input) { in.Placeholders[0].Counts = false }, access.Deny, access.Denied, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v, err := p.Evaluate(t.Context(), input(tt.change))
			if err != nil {
				t.Fatal(err)
			}
			if v.Outcome != tt.outcome || v.Code != tt.code || (v.Placeholder != "") != tt.about {
				t.Errorf("got %v %q %q, want %v %q", v.Outcome, v.Code, v.Placeholder, tt.outcome, tt.code)
			}
			if (v.Outcome == access.Allow) != (v.Reason == "") {
				t.Errorf("%v with reason %q", v.Outcome, v.Reason)
			}
			if v.Revision != p.Revision() || len(v.Revision) != 16 {
				t.Errorf("revision %q", v.Revision)
			}
		})
	}
}

func TestAuthorAddsDenials(t *testing.T) {
	p := policy(t, Options{Modules: map[string]string{"a.rego": `package cloakroom.author

deny contains "not on Sundays" if input.attributes.request.http.method == "GET"
deny contains {"odd": 1} if input.principal.subject == "odd"
`}})
	v, err := p.Evaluate(t.Context(), input())
	if err != nil || v.Outcome != access.Deny || v.Code != access.Denied || v.Reason != "not on Sundays" {
		t.Errorf("got %+v, %v", v, err)
	}
	v, err = p.Evaluate(t.Context(), input(func(in *access.Input) { in.Request.Method = "POST" }))
	if err != nil || v.Outcome != access.Allow {
		t.Errorf("got %+v, %v", v, err)
	}
	v, err = p.Evaluate(t.Context(), input(func(in *access.Input) { in.Request.Method, in.Principal.Subject = "POST", "odd" }))
	if err != nil || v.Outcome != access.Deny {
		t.Errorf("a denial that is no string: got %+v, %v", v, err)
	}
}

func TestNewRefuses(t *testing.T) {
	tests := []struct{ name, module, decision, want string }{
		{"a rule in a built-in package", "package cloakroom\nany_open := true", "", "package cloakroom.author"},
		{"a rule beside the author's package", "package cloakroom.x\na := 1", "", "package cloakroom.author"},
		{"no such decision", "package a\nb := true", "a/c", `no rule answers decision "a/c"`},
		{"an empty part in the decision", "package a\nb := true", "a//b", "want a path"},
		{"what does not parse", "package a\nb := ", "a/b", `"m.rego"`},
		{"a look into the network", "package a\nb := net.lookup_ip_addr(\"x\")", "a/b", "net.lookup_ip_addr"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := New(t.Context(), Options{Modules: map[string]string{"m.rego": tt.module}, Decision: tt.decision})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestAPolicyHasNoEnvironment(t *testing.T) {
	t.Setenv("CLOAKROOM_TEST", "x")
	p := policy(t, Options{Decision: "a/b", Modules: map[string]string{"m.rego": "package a\nb if opa.runtime() == {}"}})
	if v, err := p.Evaluate(t.Context(), input()); err != nil || v.Outcome != access.Allow {
		t.Errorf("opa.runtime() is not empty: %+v, %v", v, err)
	}
}

func TestHTTPSendReachesListedHostsOnly(t *testing.T) {
	var hits atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits.Add(1) }))
	defer server.Close()
	source := fmt.Sprintf("package a\nb if http.send({\"method\": \"GET\", \"url\": %q}).status_code == 200", server.URL)
	tests := []struct {
		name  string
		allow []string
		want  int32
	}{
		{"no list", nil, 0}, {"empty list", []string{}, 0}, {"another host", []string{"example.com"}, 0}, {"listed", []string{"127.0.0.1"}, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			hits.Store(0)
			p := policy(t, Options{Decision: "a/b", AllowNet: tt.allow, Limit: 10 * time.Second, Modules: map[string]string{"m.rego": source}})
			v, err := p.Evaluate(t.Context(), input())
			if hits.Load() != tt.want || (v.Outcome == access.Allow) != (tt.want == 1) {
				t.Errorf("%d requests arrived, want %d: %+v, %v", hits.Load(), tt.want, v, err)
			}
		})
	}
}

// TestAPolicyThatIsAloneAsksNobody, whatever it makes of that.
func TestAPolicyThatIsAloneAsksNobody(t *testing.T) {
	var hits atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits.Add(1) }))
	defer server.Close()
	for name, tt := range map[string]struct {
		rule string
		asks bool
	}{
		"asks":               {`b if http.send({"method": "GET", "url": "URL"}).status_code == 200`, true},
		"asks, and shrugs":   {`b if http.send({"method": "GET", "url": "URL", "raise_error": false}).status_code == 0`, true},
		"asks in vain":       {"default b := true\n\nb := false if http.send({\"method\": \"GET\", \"url\": \"URL\"}).status_code == 500", true},
		"asks again":         {`b if http.send({"method": "GET", "url": "URL", "max_retry_attempts": 2}).status_code == 200`, true},
		"asks if it must":    {"b if {\n\tinput.principal.subject != \"agent-7\"\n\thttp.send({\"method\": \"GET\", \"url\": \"URL\"}).status_code == 200\n}", false},
		"has no need to ask": {`b := true`, false},
		"fetches a schema":   {`b if json.match_schema({}, {"$ref": "URL/schema"})[0]`, true},
		"verifies one":       {`b if json.verify_schema({"$ref": "URL/schema"})[0]`, true},
	} {
		p := policy(t, Options{Decision: "a/b", AllowNet: []string{"127.0.0.1"}, Alone: true,
			Modules: map[string]string{"m.rego": "package a\n\n" + strings.ReplaceAll(tt.rule, "URL", server.URL)}})
		v, err := p.Evaluate(t.Context(), input())
		if errors.Is(err, access.ErrAsks) != tt.asks || tt.asks && v.Outcome != access.Deny || hits.Load() != 0 {
			t.Errorf("%s: %+v, %v; %d requests arrived", name, v, err, hits.Load())
		}
	}
}

func TestASlowPolicyDenies(t *testing.T) {
	p := policy(t, Options{Decision: "a/b", Limit: 30 * time.Millisecond, Modules: map[string]string{"m.rego": `package a

b if {
	some x in numbers.range(1, 100000)
	some y in numbers.range(1, 100000)
	x + y == -1
}`}})
	v, err := p.Evaluate(t.Context(), input())
	if err == nil || v.Outcome != access.Deny || v.Code != access.Unavailable {
		t.Errorf("got %+v, %v", v, err)
	}
}

func TestRevisionTellsPoliciesApart(t *testing.T) {
	seen := map[string]string{}
	for name, o := range map[string]Options{
		"built in": {}, "other path": {Decision: "a/b", Modules: map[string]string{"m.rego": "package a\nb := true"}},
		"other source":  {Decision: "a/b", Modules: map[string]string{"m.rego": "package a\nb := false"}},
		"other name":    {Decision: "a/b", Modules: map[string]string{"n.rego": "package a\nb := true"}},
		"allowed hosts": {AllowNet: []string{"example.com"}},
	} {
		r := policy(t, o).Revision()
		if seen[r] != "" {
			t.Errorf("%s and %s have the same revision", name, seen[r])
		}
		seen[r] = name
		if again := policy(t, o).Revision(); again != r {
			t.Errorf("%s: %s, then %s", name, r, again)
		}
	}
}

func TestWhatAPolicyWants(t *testing.T) {
	tests := []struct {
		name, rule         string
		want               []string
		all, body, foreign bool
	}{
		{"a field", `b if input.session == "x"`, []string{"session"}, false, false, false},
		{"by import", "import input.attributes.request.http as h\nb if h.method == \"GET\"", []string{"attributes"}, false, false, false},
		{"the whole http", "import input.attributes.request.http as h\nb if f(h)\nf(x) if x.method", []string{"attributes"}, false, true, true},
		{"the peer", `b if input.attributes.source.principal == "x"`, []string{"attributes"}, false, false, true},
		{"the input in a variable", "b if {\n\tx := input\n\tx.session\n}", nil, true, true, true},
		{"the input as an argument", "b if f(input)\nf(x) if x.session", nil, true, true, true},
		{"a computed key", "b if {\n\tsome k in [\"a\"]\n\tinput[k]\n}", nil, true, true, true},
		{"the body", `b if input.parsed_body.x`, []string{"parsed_body"}, false, true, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := policy(t, Options{Decision: "a/b", Modules: map[string]string{"m.rego": "package a\n" + tt.rule}}).wants
			for _, k := range tt.want {
				if !w.keys[k] {
					t.Errorf("%q is not wanted: %+v", k, w)
				}
			}
			if w.all != tt.all || w.body != tt.body || w.foreign != tt.foreign {
				t.Errorf("got %+v", w)
			}
		})
	}
}

func TestEmptyAndNilInput(t *testing.T) {
	p := policy(t, Options{})
	for _, in := range []*access.Input{nil, {}, {Request: &access.Request{}}} {
		if v, _ := p.Evaluate(t.Context(), in); v.Outcome == access.Allow {
			t.Errorf("%+v is allowed", in)
		}
	}
}

func BenchmarkEvaluate(b *testing.B) {
	p := policy(b, Options{})
	in := input()
	for _, bb := range []struct {
		name string
		in   *access.Input
	}{
		{"placeholder", in},
		{"none", input(func(in *access.Input) {
			in.Placeholders, in.Operations = nil, []access.Operation{{Credential: facts("gh"), Open: true}}
		})},
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if v, err := p.Evaluate(context.Background(), bb.in); err != nil || v.Outcome != access.Allow {
					b.Fatal(v, err)
				}
			}
		})
	}
	b.Run("input only", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := p.input(in); err != nil {
				b.Fatal(err)
			}
		}
	})
}
