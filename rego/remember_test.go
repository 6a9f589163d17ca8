package rego

import (
	"strings"
	"testing"

	"cloakroom/internal/access"
)

func TestRemembersTheBuiltInPolicyOnly(t *testing.T) {
	for _, row := range []struct {
		name    string
		options Options
		want    bool
	}{
		{"built in", Options{}, true},
		{"an author's refusals", Options{Modules: map[string]string{"a.rego": "package cloakroom.author\ndeny contains \"late\" if time.now_ns() > 0"}}, false},
		{"an author's own", Options{Decision: "a/allow", Modules: map[string]string{"a.rego": "package a\nallow := true"}}, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			p, err := New(t.Context(), row.options)
			if err != nil {
				t.Fatal(err)
			}
			if p.answers.on != row.want {
				t.Errorf("remembers: %t, want %t", p.answers.on, row.want)
			}
		})
	}
}

// Every input is asked for twice, among the others: what is remembered must be
// what an evaluation says.
func TestRemembersWhatAnEvaluationSays(t *testing.T) {
	p, err := New(t.Context(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	yes := []bool{false, true}
	credential := &access.CredentialFacts{Name: "c"}
	approval := &access.CredentialFacts{Name: "c", Approval: true}
	var inputs []access.Input
	for _, who := range []access.Principal{{}, {Issuer: "i", Subject: "s"}, {Issuer: "i", Subject: "s", Ticket: true}} {
		for n := range 1 << 4 {
			on := func(bit int) bool { return n>>bit&1 == 1 }
			in := access.Input{Request: &access.Request{}, Principal: who, TargetKnown: on(0), Strict: on(1)}
			inputs = append(inputs, in)
			for _, open := range yes {
				in.Operations = []access.Operation{{Credential: credential, Open: open}}
				inputs = append(inputs, in)
			}
			in.Operations = nil
			for _, of := range []*access.CredentialFacts{nil, credential, approval} {
				for kind := access.Unknown; kind <= access.Ended; kind++ {
					for _, counts := range yes {
						in.Placeholders = []access.Placeholder{{Name: "c", Text: "ckr_c", Kind: kind, Credential: of,
							Counts: counts, Open: on(2), Permitted: on(3), At: access.Location{Kind: access.InPath}}}
						inputs = append(inputs, in)
					}
				}
			}
		}
	}
	for range 2 {
		for i := range inputs {
			got, err := p.Evaluate(t.Context(), &inputs[i])
			if err != nil {
				t.Fatal(err)
			}
			want, err := p.evaluate(t.Context(), &inputs[i])
			want.Revision = p.Revision()
			if err != nil || got.Outcome != want.Outcome || got.Code != want.Code || got.Reason != want.Reason ||
				got.Placeholder != want.Placeholder || got.Credential != want.Credential || got.Revision != want.Revision {
				t.Fatalf("input %+v: %+v, want %+v (%v)", inputs[i], got, want, err)
			}
		}
	}
	distinct := map[situation]bool{}
	for i := range inputs {
		s, _ := situationOf(&inputs[i])
		distinct[s] = true
	}
	if n := len(p.answers.by); n != len(distinct) || n < 1000 {
		t.Errorf("%d answers are remembered of %d situations", n, len(distinct))
	}
}

// A client chooses the names: remembered at any length they would fill memory.
func TestRemembersNoLongTexts(t *testing.T) {
	p, err := New(t.Context(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("a", rememberLongest)
	for _, placeholder := range []access.Placeholder{
		{At: access.Location{Kind: access.InQuery, Name: long + "a"}},
		{Name: "c", At: access.Location{Kind: access.InQuery, Name: long}},
		{Text: long, Name: "c"},
	} {
		in := access.Input{Request: &access.Request{}, Principal: access.Principal{Issuer: "i", Subject: "s"},
			TargetKnown: true, Placeholders: []access.Placeholder{placeholder}}
		if _, err := p.Evaluate(t.Context(), &in); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(p.answers.by); n != 0 {
		t.Errorf("%d answers with long texts are remembered, want none", n)
	}
}
