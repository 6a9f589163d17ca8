package rego

import "github.com/open-policy-agent/opa/v1/ast"

// wants tells which parts of the input a policy looks at: the others are not
// built. Most of the cost of an evaluation would be building what nobody reads.
type wants struct {
	all  bool // the policy uses the input as a whole
	keys map[string]bool
	body bool
	// foreign tells that the policy looks at a part of input.attributes that
	// only the transport knows.
	foreign bool
}

func (w wants) key(name string) bool { return w.all || w.keys[name] }

// ownAttributes are the paths below input.attributes that access.Request can
// answer as well as the transport.
var ownAttributes = map[string]bool{
	"method": true, "path": true, "host": true, "scheme": true, "headers": true,
}

// wanted walks every reference to the input in the compiled modules, where
// imports and local names of it are already rewritten to the full reference.
func wanted(c *ast.Compiler) wants {
	w := wants{keys: map[string]bool{}}
	for _, m := range c.Modules {
		ast.WalkRefs(m, func(r ast.Ref) bool {
			if r.HasPrefix(ast.InputRootRef) {
				w.add(r)
			}
			return false
		})
	}
	if w.all || w.keys["parsed_body"] || w.keys["truncated_body"] {
		w.body = true
	}
	return w
}

func (w *wants) add(r ast.Ref) {
	part := func(i int) string {
		if i < len(r) {
			if s, ok := r[i].Value.(ast.String); ok {
				return string(s)
			}
		}
		return ""
	}
	name := part(1)
	if name == "" {
		w.all, w.foreign = true, true
		return
	}
	w.keys[name] = true
	if name != "attributes" {
		return
	}
	inHTTP := (part(2) == "" || part(2) == "request") && (part(3) == "" || part(3) == "http")
	if !inHTTP || !ownAttributes[part(4)] {
		w.foreign = true
	}
	switch part(4) {
	case "body", "rawBody", "":
		w.body = w.body || inHTTP
	}
}
