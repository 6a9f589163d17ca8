package rego

import (
	"context"
	"reflect"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"

	"cloakroom/internal/access"
)

func TestDecode(t *testing.T) {
	h := func(pairs ...string) (out []access.Header) {
		for i := 0; i < len(pairs); i += 2 {
			out = append(out, access.Header{Name: pairs[i], Value: pairs[i+1]})
		}
		return out
	}
	denied := access.Verdict{Code: access.Denied, Reason: "the policy denies this"}
	with := func(v access.Verdict, change func(*access.Verdict)) access.Verdict { change(&v); return v }
	allowed := access.Verdict{Outcome: access.Allow}
	tests := []struct {
		name, result string
		want         access.Verdict
	}{
		{"true", `true`, allowed},
		{"false", `false`, denied},
		{"allowed", `{"allowed": true}`, allowed},
		{"denied", `{"allowed": false}`, denied},
		{"keys of the author's own", `{"allowed": true, "x": 1, "id": {"y": []}}`, allowed},
		{"headers of a request that goes on", `{"allowed": true, "headers": {"X-A": "1"}, "response_headers_to_add": {"x-b": ["2", "3"]}}`,
			with(allowed, func(v *access.Verdict) {
				v.Change.SetRequestHeaders, v.Change.SetResponseHeaders = h("x-a", "1"), h("x-b", "2", "x-b", "3")
			})},
		{"headers as a list of objects", `{"allowed": true, "headers": [{"x-a": "1"}, {"x-a": ["2"]}]}`,
			with(allowed, func(v *access.Verdict) { v.Change.SetRequestHeaders = h("x-a", "1", "x-a", "2") })},
		{"headers of a refusal", `{"allowed": false, "headers": {"x-a": "1"}, "response_headers_to_add": {"x-b": "2"}}`,
			with(denied, func(v *access.Verdict) { v.Change.SetResponseHeaders = h("x-a", "1") })},
		{"status and body", `{"allowed": false, "http_status": 429, "body": "slow down"}`,
			with(denied, func(v *access.Verdict) { v.Change.Status, v.Change.Body, v.Change.HasBody = 429, "slow down", true })},
		{"an empty body", `{"allowed": false, "body": ""}`, with(denied, func(v *access.Verdict) { v.Change.HasBody = true })},
		{"removals", `{"allowed": true, "request_headers_to_remove": ["X-A"], "query_parameters_to_remove": ["k"]}`,
			with(allowed, func(v *access.Verdict) {
				v.Change.RemoveRequestHeaders, v.Change.RemoveQuery = []string{"x-a"}, []string{"k"}
			})},
		{"query", `{"allowed": true, "query_parameters_to_set": {"k": ["1", "2"]}}`,
			with(allowed, func(v *access.Verdict) { v.Change.SetQuery = h("k", "1", "k", "2") })},
		{"metadata", `{"allowed": true, "dynamic_metadata": {"a": {"b": true}}}`,
			with(allowed, func(v *access.Verdict) { v.Change.Metadata = map[string]any{"a": map[string]any{"b": true}} })},
		{"grant", `{"allowed": true, "grant": ["gh"]}`, with(allowed, func(v *access.Verdict) { v.Grant = []string{"gh"} })},
		{"grant of nothing", `{"allowed": true, "grant": []}`, with(allowed, func(v *access.Verdict) { v.Grant = []string{} })},
		{"approval", `{"allowed": true, "approval": true}`,
			access.Verdict{Outcome: access.NeedsApproval, Code: access.ApprovalPending, Reason: "this needs an approval"}},
		{"words", `{"allowed": false, "code": "lease_expired", "reason": "r", "placeholder": "p", "credential": "c"}`,
			access.Verdict{Code: access.LeaseExpired, Reason: "r", Placeholder: "p", Credential: "c"}},
		{"words of another kind", `{"allowed": false, "code": 7, "reason": {"a": 1}}`, denied},
		{"a code that is none", `{"allowed": false, "code": "fine"}`, denied},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := decode(ast.MustParseTerm(tt.result).Value)
			if err != nil || !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got  %+v, %v\nwant %+v", got, err, tt.want)
			}
		})
	}
}

var wrong = []string{
	`1`, `"true"`, `null`, `[true]`, `{"x"}`, `{}`, `{"allowed": "true"}`, `{"allowed": 1}`, `{"allowed": null}`,
	`{"allowed": true, "headers": "x"}`, `{"allowed": true, "headers": ["x"]}`, `{"allowed": true, "headers": {"a": 1}}`,
	`{"allowed": true, "headers": {"a": [1]}}`, `{"allowed": true, "headers": {"a\r\nb": "1"}}`, `{"allowed": true, "headers": {"a": "1\r\nb: 2"}}`,
	`{"allowed": true, "headers": {":path": "/x"}}`, `{"allowed": true, "headers": {1: "x"}}`, `{"allowed": true, "response_headers_to_add": 1}`,
	`{"allowed": true, "request_headers_to_remove": "x"}`, `{"allowed": true, "request_headers_to_remove": [1]}`,
	`{"allowed": false, "http_status": "403"}`, `{"allowed": false, "http_status": 999}`, `{"allowed": false, "http_status": 403.5}`, `{"allowed": false, "body": 1}`,
	`{"allowed": true, "dynamic_metadata": []}`, `{"allowed": true, "query_parameters_to_set": ["x"]}`, `{"allowed": true, "query_parameters_to_set": {"x": {"a": 1}}}`,
	`{"allowed": true, "query_parameters_to_remove": {"x": 1}}`, `{"allowed": true, "grant": "gh"}`, `{"allowed": true, "grant": [1]}`, `{"allowed": true, "grant": null}`,
	`{"allowed": true, "approval": "no"}`,
}

func TestAResultOfAnotherTypeDenies(t *testing.T) {
	for _, result := range wrong {
		p := policy(t, Options{Decision: "a/b", Modules: map[string]string{"m.rego": "package a\nb := " + result}})
		v, err := p.Evaluate(t.Context(), input())
		if err == nil || v.Outcome != access.Deny || v.Code != access.Unavailable {
			t.Errorf("%s: got %+v, %v", result, v, err)
		}
	}
}

func TestAnUndefinedResultDenies(t *testing.T) {
	p := policy(t, Options{Decision: "a/b", Modules: map[string]string{"m.rego": "package a\nb if false"}})
	v, err := p.Evaluate(t.Context(), input())
	if err != nil || v.Outcome != access.Deny || v.Code != access.Denied || v.Reason == "" {
		t.Errorf("got %+v, %v", v, err)
	}
	p = policy(t, Options{Decision: "a/b", Modules: map[string]string{"m.rego": "package a\nb := input.principal.subject\nb := input.principal.id"}})
	if v, err := p.Evaluate(t.Context(), input()); err == nil || v.Outcome != access.Deny {
		t.Errorf("a conflict: got %+v, %v", v, err)
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range wrong {
		f.Add(s)
	}
	f.Add(`{"allowed": true, "headers": [{"a": ["b"]}], "grant": ["x"], "approval": false}`)
	f.Fuzz(func(t *testing.T, s string) {
		term, err := ast.ParseTerm(s)
		if err != nil {
			return
		}
		v, err := decode(term.Value)
		if err != nil && v.Outcome != access.Deny {
			t.Errorf("an error with %v", v.Outcome)
		}
		if v.Outcome == access.Allow && term.Value.Compare(ast.Boolean(true)) != 0 {
			o, ok := term.Value.(ast.Object)
			if !ok || o.Get(ast.StringTerm("allowed")) == nil || o.Get(ast.StringTerm("allowed")).Value.Compare(ast.Boolean(true)) != 0 {
				t.Errorf("%s allows", s)
			}
		}
	})
}

func FuzzInput(f *testing.F) {
	f.Add("/a/b?c=%zz", "application/json", `{"a":1}`, "Basic Y2ty")
	f.Add("//x;y/..%2f?a&a=1", "multipart/form-data; boundary=B", "--B\r\n", "x")
	f.Fuzz(func(t *testing.T, path, kind, body, header string) {
		p := fuzzed
		in := input(func(in *access.Input) {
			in.Hide = hide
			in.Request.Path, in.Request.Body = path, []byte(body)
			in.Request.Headers = []access.Header{{Name: "content-type", Value: kind}, {Name: "x", Value: header}, {Name: "x", Value: path}}
		})
		if v, err := p.Evaluate(t.Context(), in); v.Outcome == access.Allow {
			t.Errorf("allowed, %v", err)
		}
	})
}

var fuzzed = func() *Policy {
	p, err := New(context.Background(), Options{Decision: "a/b", Modules: map[string]string{"m.rego": whole}})
	if err != nil {
		panic(err)
	}
	return p
}()
