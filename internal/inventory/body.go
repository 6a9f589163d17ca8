package inventory

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"cloakroom/internal/access"
)

// BodyUse is a credential that may stand in what follows the head of a request.
type BodyUse struct {
	Credential *Credential
	In         []access.Location // there only
}

// BodyUses tells which credentials may stand in the body of a request to t, and
// in which fields, by name.
func (s *Set) BodyUses(t access.Target) []BodyUse { return s.uses(t, access.Location.InFields) }

// MessageUses tells which credentials may stand in the first message of a
// WebSocket to t, and where, by name.
func (s *Set) MessageUses(t access.Target) []BodyUse { return s.uses(t, access.Location.InMessages) }

func (s *Set) uses(t access.Target, wanted func(access.Location) bool) []BodyUse {
	if s == nil {
		return nil
	}
	var uses []BodyUse
	var r reader
	for _, c := range s.inBodies[t.Host] {
		in, _ := c.permits(t, &r)
		in = slices.DeleteFunc(in, func(l access.Location) bool { return !wanted(l) })
		if len(in) > 0 {
			uses = append(uses, BodyUse{c, in})
		}
	}
	return uses
}

// Operation is a kind of request: what one rule says of method and path.
type Operation struct {
	Method string // "*": any
	Path   string // a pattern
}

// BodyOperations lists each operation of rules for host with a location in a
// body, once. What it does not list has none.
func BodyOperations(credentials []Credential, host string) []Operation {
	return operations(credentials, host, func(_ Tier, r Rule) bool { return slices.ContainsFunc(r.In, access.Location.InFields) })
}

// ApprovalOperations lists each operation of rules for host of which a person may
// have to approve, once.
func ApprovalOperations(credentials []Credential, host string) []Operation {
	return operations(credentials, host, func(t Tier, _ Rule) bool { return t.Approval != nil })
}

func operations(credentials []Credential, host string, wanted func(Tier, Rule) bool) []Operation {
	var all []Operation
	seen := map[Operation]bool{}
	for _, c := range credentials {
		for _, r := range c.Rules {
			if !slices.Contains(r.Hosts, host) || !wanted(c.Tier, r) {
				continue
			}
			for _, method := range r.Methods {
				for _, path := range r.Paths {
					if o := (Operation{method, path}); !seen[o] {
						seen[o] = true
						all = append(all, o)
					}
				}
			}
		}
	}
	return all
}

// LongestWait is how long a request may be held for people at most; 0: none is.
func LongestWait(credentials []Credential) time.Duration {
	var longest time.Duration
	for _, c := range credentials {
		if c.Tier.Approval != nil {
			longest = max(longest, c.Tier.Approval.Wait)
		}
	}
	return longest
}

// HasMessages tells whether a rule for host has a location in a message.
func HasMessages(credentials []Credential, host string) bool {
	for _, c := range credentials {
		for _, r := range c.Rules {
			if slices.Contains(r.Hosts, host) && slices.ContainsFunc(r.In, access.Location.InMessages) {
				return true
			}
		}
	}
	return false
}

// index notes, by host, that c may stand in bodies or messages.
func (s *Set) index(c *Credential) {
	for _, r := range c.Rules {
		if !slices.ContainsFunc(r.In, func(l access.Location) bool { return l.InFields() || l.InMessages() }) {
			continue
		}
		for _, host := range r.Hosts {
			if !slices.Contains(s.inBodies[host], c) {
				s.inBodies[host] = append(s.inBodies[host], c)
			}
		}
	}
}

// PatternRegexp is a regular expression (RE2) of the paths that a pattern
// matches, without anchors.
func PatternRegexp(pattern string) string {
	var b strings.Builder
	segments := strings.Split(strings.TrimPrefix(pattern, "/"), "/")
	for i, s := range segments {
		last := i == len(segments)-1
		switch {
		case s == "**" && last:
			b.WriteString("/.*")
		case s == "**":
			b.WriteString("(/[^/]*)*")
		case s != "" && strings.Trim(s, "*") == "":
			b.WriteString("/[^/]+")
		default:
			b.WriteString("/" + strings.ReplaceAll(regexp.QuoteMeta(s), `\*`, "[^/]*"))
		}
	}
	return b.String()
}

// Body finds the placeholders in the fields of one request's body.
type Body struct{ f finder }

// Body begins with the body of a request to t.
func (s *Set) Body(t access.Target) *Body { return &Body{finder{set: s, target: t}} }

// Find is Set.Find for a text of the field at, encoded as e says. MaxFound holds
// for the body as a whole.
func (b *Body) Find(at access.Location, e Encoding, text string) (found []Found, overflow bool) {
	before, end := len(b.f.found), len(text)
	if e == Form {
		end = separator(text)
	}
	b.f.scan(Found{At: at, Header: -1, Encoding: e}, text, 0, end)
	return b.f.found[before:], b.f.overflow
}
