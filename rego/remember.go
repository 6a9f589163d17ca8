package rego

import (
	"reflect"
	"strings"
	"sync"

	"github.com/open-policy-agent/opa/v1/ast"

	"cloakroom/internal/access"
)

// The built-in policy answers from a few facts, which are the same for every
// request that one agent sends with one placeholder: so its answers are
// remembered by those facts. A policy of an author's, which may ask for the time
// or the network, is evaluated each time.

// situation is all of an input that the built-in policy looks at; covered proves
// it. It is a map's key: a credential's facts never change.
type situation struct {
	known, ticket, target, strict bool
	placeholders, operations      int // each 0 or 1
	placeholder                   access.Placeholder
	operation                     access.Operation
}

// situationOf is false for an input with more than one of anything.
func situationOf(in *access.Input) (s situation, ok bool) {
	s = situation{known: in.Principal.Known(), ticket: in.Principal.Ticket, target: in.TargetKnown, strict: in.Strict,
		placeholders: len(in.Placeholders), operations: len(in.Operations)}
	if s.placeholders > 1 || s.operations > 1 {
		return s, false
	}
	if s.placeholders == 1 {
		s.placeholder = in.Placeholders[0]
	}
	if s.operations == 1 {
		s.operation = in.Operations[0]
	}
	return s, true
}

// rememberMost bounds the answers: when there are more, all are forgotten.
const rememberMost = 8192

// answers are verdicts by situation. The zero value remembers nothing.
type answers struct {
	on bool
	mu sync.RWMutex
	by map[situation]access.Verdict
}

func (a *answers) find(s situation) (access.Verdict, bool) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	v, ok := a.by[s]
	return v, ok
}

// rememberLongest bounds the texts of one situation, in bytes: a client chooses
// the names in them.
const rememberLongest = 256

// keep remembers v, unless it holds something that its taker could change, or s
// is long. Its texts are copies: one of a request's would keep the whole request.
func (a *answers) keep(s situation, v access.Verdict) {
	p := &s.placeholder
	if v.Grant != nil || !reflect.DeepEqual(v.Change, access.Change{}) ||
		len(p.Text)+len(p.Name)+len(p.At.Name)+len(p.Lease) > rememberLongest {
		return
	}
	for _, text := range []*string{&p.Text, &p.Name, &p.At.Name, &p.Lease, &v.Placeholder, &v.Credential, &v.Reason} {
		*text = strings.Clone(*text)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.by == nil || len(a.by) >= rememberMost {
		a.by = make(map[situation]access.Verdict)
	}
	a.by[s] = v
}

// covers are the parts of the input that situation holds; true: only whether they
// are there and not false.
var covers = map[string]bool{
	"input.principal":        true,
	"input.principal.ticket": true,
	"input.target":           true,
	"input.strict":           false,
	"input.placeholders":     false,
	"input.operations":       false,
}

// covered tells whether situation holds everything of the input that c's modules
// look at. Of what it holds only the presence of, each use must be an
// expression by itself.
func covered(c *ast.Compiler) bool {
	ok, uses, tests := true, 0, 0
	for _, m := range c.Modules {
		ast.WalkExprs(m, func(e *ast.Expr) bool {
			if t, single := e.Terms.(*ast.Term); single && len(e.With) == 0 && covers[t.String()] {
				tests++
			}
			return false
		})
		ast.WalkRefs(m, func(r ast.Ref) bool {
			if !r.HasPrefix(ast.InputRootRef) {
				return false
			}
			whole, presence := covers[r.String()], false
			if whole {
				uses++
				return false
			}
			known := false
			if len(r) > 1 {
				presence, known = covers[r[:2].String()]
			}
			ok = ok && known && !presence
			return false
		})
	}
	return ok && uses == tests
}
