package rego

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"

	"cloakroom/internal/access"
)

// fields collects the entries of an object.
type fields [][2]*ast.Term

func (f *fields) put(key string, value *ast.Term) {
	*f = append(*f, [2]*ast.Term{name(key), value})
}

func (f *fields) text(key, value string)         { f.put(key, ast.StringTerm(value)) }
func (f *fields) yes(key string, value bool)     { f.put(key, ast.InternedTerm(value)) }
func (f *fields) object(key string, from fields) { f.put(key, ast.NewTerm(ast.NewObject(from...))) }
func (f *fields) list(key string, items []*ast.Term) {
	f.put(key, ast.ArrayTerm(items...))
}

// names are the terms of the input's own keys, made once.
var names sync.Map

func name(key string) *ast.Term {
	if t, ok := names.Load(key); ok {
		return t.(*ast.Term)
	}
	t, _ := names.LoadOrStore(key, ast.StringTerm(key))
	return t.(*ast.Term)
}

func texts(ss []string) []*ast.Term {
	out := make([]*ast.Term, len(ss))
	for i, s := range ss {
		out[i] = ast.StringTerm(s)
	}
	return out
}

// input builds the parts of the input that the policy looks at. What is not
// there (no principal, no target) is left out, so that a policy can write
// `not input.principal`.
func (p *Policy) input(in *access.Input) (ast.Value, error) {
	top := make(fields, 0, 12)
	w := p.wants
	if w.key("principal") && in.Principal.Known() {
		top.object("principal", principal(in.Principal))
	}
	if w.key("target") && in.TargetKnown {
		top.object("target", target(in))
	}
	if w.key("placeholders") {
		top.list("placeholders", p.placeholders(in.Placeholders))
	}
	if w.key("operations") {
		top.list("operations", p.operations(in.Operations))
	}
	if w.key("strict") {
		top.yes("strict", in.Strict)
	}
	if w.key("bare") {
		top.yes("bare", in.Bare)
	}
	if w.key("session") {
		top.text("session", in.Session)
	}
	if err := p.envoyInput(&top, in); err != nil {
		return nil, err
	}
	return ast.NewObject(top...), nil
}

func principal(who access.Principal) fields {
	f := make(fields, 0, 6)
	f.text("id", who.ID())
	f.text("issuer", who.Issuer)
	f.text("subject", who.Subject)
	f.list("groups", texts(who.Groups))
	f.yes("ticket", who.Ticket)
	if !who.Ends.IsZero() {
		f.text("ends", who.Ends.UTC().Format(time.RFC3339))
	}
	return f
}

func target(in *access.Input) fields {
	f := make(fields, 0, 3)
	f.text("host", in.Target.Host)
	f.text("method", in.Target.Method)
	f.text("path", hidden(in, in.Target.Path))
	return f
}

func (p *Policy) placeholders(found []access.Placeholder) []*ast.Term {
	out := make([]*ast.Term, len(found))
	for i := range found {
		ph := &found[i]
		f := make(fields, 0, 10)
		f.text("text", ph.Text)
		f.text("name", ph.Name)
		f.put("kind", name(ph.Kind.String()))
		f.text("location", ph.At.String())
		f.yes("counts", ph.Counts)
		f.yes("open", ph.Open)
		f.yes("permitted", ph.Permitted)
		f.yes("approval", ph.Credential != nil && ph.Credential.Approval)
		if ph.Lease != "" {
			f.text("lease", ph.Lease)
		}
		if ph.Credential != nil {
			f.put("credential", p.memo.term(ph.Credential))
		}
		out[i] = ast.NewTerm(ast.NewObject(f...))
	}
	return out
}

func (p *Policy) operations(ops []access.Operation) []*ast.Term {
	out := make([]*ast.Term, len(ops))
	for i, op := range ops {
		f := make(fields, 0, 2)
		f.yes("open", op.Open)
		if op.Credential != nil {
			f.put("credential", p.memo.term(op.Credential))
		}
		out[i] = ast.NewTerm(ast.NewObject(f...))
	}
	return out
}

// memo keeps the terms of credentials, which are the same from request to
// request until the inventory is read anew.
type memo struct {
	terms sync.Map // *access.CredentialFacts → *ast.Term
	count atomic.Int64
}

// memoLimit bounds a memo: when more were made, those of older inventories are
// among them, and all are dropped.
const memoLimit = 1 << 15

func (m *memo) term(c *access.CredentialFacts) *ast.Term {
	if t, ok := m.terms.Load(c); ok {
		return t.(*ast.Term)
	}
	if m.count.Add(1) > memoLimit {
		m.terms.Clear()
		m.count.Store(0)
	}
	t, _ := m.terms.LoadOrStore(c, ast.NewTerm(ast.NewObject(credential(c)...)))
	return t.(*ast.Term)
}

func credential(c *access.CredentialFacts) fields {
	var f fields
	f.text("name", c.Name)
	f.text("description", c.Description)
	f.text("placeholder", c.Placeholder)
	f.text("tier", c.Tier)
	f.put("lease_seconds", ast.IntNumberTerm(int(c.Lease/time.Second)))
	f.yes("approval", c.Approval)
	groups := make([]*ast.Term, len(c.Groups))
	for i, g := range c.Groups {
		var gf fields
		gf.text("issuer", g.Issuer)
		gf.text("name", g.Name)
		groups[i] = ast.NewTerm(ast.NewObject(gf...))
	}
	f.list("groups", groups)
	rules := make([]*ast.Term, len(c.Rules))
	for i, r := range c.Rules {
		var rf fields
		rf.list("hosts", texts(r.Hosts))
		rf.list("methods", texts(r.Methods))
		rf.list("paths", texts(r.Paths))
		rf.list("in", texts(r.In))
		rules[i] = ast.NewTerm(ast.NewObject(rf...))
	}
	f.list("rules", rules)
	return f
}

// hidden takes tickets out of a text that a policy will see.
func hidden(in *access.Input, text string) string {
	if in.Hide == nil || !strings.Contains(text, "ckr_") {
		return text
	}
	return in.Hide(text)
}

// removed tells whether policy must not see the header.
func removed(in *access.Input, header string) bool {
	return slices.Contains(in.Remove, strings.ToLower(header))
}
