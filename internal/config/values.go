package config

import (
	"crypto/sha256"
	"errors"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"cloakroom/internal/access"
	"cloakroom/internal/inventory"
	"cloakroom/internal/secret"
)

var envName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// value reads {env: NAME} or {file: PATH} into source.
func (l *loader) value(n *yaml.Node, source *secret.Source) {
	if n.Kind != yaml.MappingNode {
		l.wrong(n, "where the value is", "write {env: NAME} or {file: PATH}; the value itself never stands in this file")
		return
	}
	later := func(n *yaml.Node) {
		l.fail(n, "use {env: NAME} or {file: PATH}", "this kind of source is not supported yet")
	}
	before := len(l.errs)
	known := fields{
		"env":  func(n *yaml.Node) { source.Env = l.variable(n) },
		"file": func(n *yaml.Node) { source.File = l.path(n, "a file's path") },
		"url":  later, "vault": later,
	}
	for i := 0; i < len(n.Content); i += 2 {
		key := n.Content[i]
		if _, ok := known[key.Value]; !ok { // not shown: {VALUE} is a mapping too
			l.fail(key, "write {env: NAME} or {file: PATH}", "unknown key in value")
			return
		}
	}
	l.mapping(n, "value", known)
	if len(l.errs) == before && (source.Env == "") == (source.File == "") {
		l.fail(n, "write {env: NAME} or {file: PATH}", "want either env or file")
	}
}

// variable reads an environment variable's name. What is no name is not shown:
// it may be a value.
func (l *loader) variable(n *yaml.Node) string {
	s, ok := l.text(n, "an environment variable's name")
	if ok && !envName.MatchString(s) {
		l.fail(n, "write the variable's name, such as GITHUB_TOKEN", "not an environment variable's name")
		return ""
	}
	return s
}

// judge reads a credential's value to tell whether it can be used.
func (l *loader) judge(n *yaml.Node, c inventory.Credential, source secret.Source) {
	v, ok := l.read(n, source)
	if !ok {
		return
	}
	digest := sha256.Sum256(v.Reveal())
	if other, ok := l.values[digest]; ok && other != c.Name {
		l.fail(n, "declare one credential with both rules, or give each a value of its own",
			"credential %q has the same value as %q: a mask could not tell them apart", c.Name, other)
	}
	l.values[digest] = c.Name
	for _, at := range placesOf(c) {
		if why := cannotStand(v.Reveal(), at); why != "" {
			l.fail(n, "", "the value of %q cannot stand at %s: it %s", c.Name, at, why)
		}
		if at.Kind == access.InForm && (strings.ContainsAny(string(v.Reveal()), "\r\n") || strings.Contains(string(v.Reveal()), "--")) {
			l.warn(n, "", "the value of %q can stand at %s in urlencoded forms only: it holds a line break or --, and is refused in a multipart one", c.Name, at)
		}
	}
}

// read reads a source and tells what is wrong with it.
func (l *loader) read(n *yaml.Node, source secret.Source) (secret.Value, bool) {
	if (source.Env == "") == (source.File == "") || !l.judging {
		return secret.Value{}, false // told already, or not asked for
	}
	v, err := source.ReadWith(l.env)
	if err == nil {
		return v, true
	}
	what := source.String()
	if source.Env != strings.ToUpper(source.Env) {
		what = "the environment variable" // its name could be a value, pasted here
	}
	reason, hint := errors.Unwrap(err), ""
	switch {
	case errors.Is(err, secret.ErrUnset):
		reason, hint = errors.New("it is not set"), "set it, or name another"
	case errors.Is(err, secret.ErrWeak):
		hint = "use a longer, random value, or say weak: true beside it"
	case errors.Is(err, secret.ErrTooWeak):
		hint = "use a longer value"
	}
	l.fail(n, hint, "%s: %v", what, reason)
	return secret.Value{}, false
}

// placesOf are the locations of all rules.
func placesOf(c inventory.Credential) []access.Location {
	var all []access.Location
	for _, r := range c.Rules {
		in := r.In
		if len(in) == 0 {
			in = []access.Location{{Kind: access.InCredentials}}
		}
		for _, at := range in {
			if !slices.Contains(all, at) {
				all = append(all, at)
			}
		}
	}
	return all
}

// cannotStand tells why a value cannot be sent at a location, empty if it can.
// Paths and queries are percent-encoded and take anything.
func cannotStand(value []byte, at access.Location) string {
	text := string(value)
	switch at.Kind {
	case access.InHeader, access.InCredentials:
		if strings.ContainsFunc(text, isControl) {
			return "holds a line break or another control character"
		}
		if strings.Trim(text, " ") != text {
			return "begins or ends with a space"
		}
	case access.InCookie: // cookie-octet of RFC 6265, section 4.1.1
		if strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune("\",;\\", r) }) {
			return "holds a character that a cookie cannot carry"
		}
	case access.InBody, access.InMessage:
		if !utf8.ValidString(text) {
			return "is not UTF-8, as JSON must be"
		}
	}
	return ""
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }
