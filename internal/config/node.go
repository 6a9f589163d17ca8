package config

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v4"
)

// fail tells a mistake at n; n nil is the file as a whole.
func (l *loader) fail(n *yaml.Node, hint, format string, args ...any) {
	e := Error{File: l.cfg.File, Message: fmt.Sprintf(format, args...), Hint: hint}
	if n != nil {
		e.Line, e.Column = n.Line, n.Column
	}
	l.errs = append(l.errs, e)
}

func (l *loader) warn(n *yaml.Node, hint, format string, args ...any) {
	l.warnings = append(l.warnings, Warning{l.cfg.File, n.Line, n.Column, fmt.Sprintf(format, args...), hint})
}

// refuseOdd refuses what makes YAML mean something else than it looks like.
// Aliases are not followed here or anywhere.
func (l *loader) refuseOdd(n *yaml.Node) {
	switch {
	case n.Kind == yaml.AliasNode:
		l.fail(n, "write it out", "an alias (*%s)", n.Value)
	case n.ShortTag() == "!!merge":
		l.fail(n, "write it out", "a merge key (<<)")
	case n.Kind == yaml.ScalarNode && n.Style&yaml.TaggedStyle != 0 || !strings.HasPrefix(n.ShortTag(), "!!"):
		l.fail(n, "remove it", "a tag (%s)", n.ShortTag())
	}
	for _, c := range n.Content {
		l.refuseOdd(c)
	}
}

// kind names what n is, for messages.
func kind(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	switch n.ShortTag() {
	case "!!null":
		return "nothing"
	case "!!bool":
		return "true or false"
	case "!!int", "!!float":
		return "a number"
	case "!!timestamp":
		return "a date"
	}
	return "text"
}

// wrong tells that n is not what was wanted. It shows nothing of n, which may
// be a value pasted where its source belongs.
func (l *loader) wrong(n *yaml.Node, want, hint string) {
	if n.Kind != yaml.AliasNode { // told already
		l.fail(n, hint, "want %s, found %s", want, kind(n))
	}
}

// fields are the readers of a mapping's values by key.
type fields map[string]func(*yaml.Node)

// mapping reads a mapping: each key once, and none that is unknown. It tells
// whether n is a mapping at all.
func (l *loader) mapping(n *yaml.Node, what string, f fields) bool {
	seen := map[string]*yaml.Node{}
	return l.pairs(n, what, func(key, value *yaml.Node) {
		read, ok := f[key.Value]
		if !ok {
			l.fail(key, suggest(key.Value, keysOf(f)), "unknown key %q in %s", key.Value, what)
			return
		}
		if first := seen[key.Value]; first != nil {
			l.fail(key, "remove one of them", "key %q stands twice; first on line %d", key.Value, first.Line)
			return
		}
		seen[key.Value] = key
		read(value)
	})
}

// pairs calls f with each key, which is a scalar, and its value.
func (l *loader) pairs(n *yaml.Node, what string, f func(key, value *yaml.Node)) bool {
	if n.Kind != yaml.MappingNode {
		l.wrong(n, "a mapping for "+what, "")
		return false
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		switch {
		case key.ShortTag() == "!!merge" || key.Kind == yaml.AliasNode: // told already
		case key.Kind != yaml.ScalarNode:
			l.wrong(key, "a name for a key in "+what, "")
		default:
			f(key, n.Content[i+1])
		}
	}
	return true
}

// list calls f with each element of a list that must not be empty.
func (l *loader) list(n *yaml.Node, what string, f func(*yaml.Node)) {
	if n.Kind != yaml.SequenceNode {
		l.wrong(n, "a list of "+what, "write [a, b], or one a line with a dash")
		return
	}
	if len(n.Content) == 0 {
		l.fail(n, "", "an empty list of %s", what)
	}
	for _, c := range n.Content {
		f(c)
	}
}

// texts reads a list of texts, none of them twice.
func (l *loader) texts(n *yaml.Node, what string, check func(n *yaml.Node, s string) bool) (all []string) {
	seen := map[string]bool{}
	l.list(n, what, func(c *yaml.Node) {
		s, ok := l.text(c, what)
		if !ok {
			return
		}
		if seen[s] {
			l.fail(c, "remove one of them", "%q stands twice", s)
			return
		}
		seen[s] = true
		if check == nil || check(c, s) {
			all = append(all, s)
		}
	})
	return all
}

// into makes a reader that keeps a text.
func (l *loader) into(to *string, what string) func(*yaml.Node) {
	return func(n *yaml.Node) { *to, _ = l.text(n, what) }
}

// flag makes a reader that keeps a true or false.
func (l *loader) flag(to *bool) func(*yaml.Node) {
	return func(n *yaml.Node) { *to = l.boolean(n) }
}

// keep makes a reader that keeps the node itself, to be read later.
func keep(to **yaml.Node) func(*yaml.Node) {
	return func(n *yaml.Node) { *to = n }
}
