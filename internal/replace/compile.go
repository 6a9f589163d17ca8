package replace

import (
	"fmt"
	"strings"
)

// Shortest is the length in bytes of the shortest value that can be masked.
const Shortest = window

// shortestLine is the length from which on a line of a value is worth masking
// by itself.
const shortestLine = 16

// Secret is a named value. Several secrets may have one name: a value and the
// one that it replaced.
type Secret struct {
	Name  string
	Value []byte
}

// Set finds the values that it was compiled from. It never changes and may be
// used by any number of goroutines at once. Only [Compile] makes a usable one:
// the zero Set panics rather than let text pass.
type Set struct {
	patterns []pattern
	index    *index
	hold     int // bytes that stay behind while a text goes on
}

// pattern is one form of one secret.
type pattern struct {
	form
	name string
	rank int // the pattern's place among all: ties go to the first
}

// Compile makes the Set of all forms of the secrets. It copies the values. A
// value shorter than [Shortest] or without a name is an error. Where the same
// text stands for two names, the first secret has it.
func Compile(secrets []Secret) (*Set, error) {
	s := &Set{}
	known := map[form]bool{}
	for _, secret := range secrets {
		if secret.Name == "" {
			return nil, fmt.Errorf("compiling values: a value has no name")
		}
		if len(secret.Value) < Shortest {
			return nil, fmt.Errorf("compiling the value of %q: shorter than %d bytes", secret.Name, Shortest)
		}
		v := string(secret.Value)
		for _, text := range append([]string{v}, lines(v)...) {
			s.add(known, secret.Name, text)
		}
	}
	for i := range s.patterns {
		// One byte more than the longest text that follows a match's first
		// byte, so that the edge before a match is still here.
		s.hold = max(s.hold, len(s.patterns[i].text))
	}
	s.index = newIndex(s.patterns)
	return s, nil
}

func (s *Set) add(known map[form]bool, name, text string) {
	for _, f := range forms(text) {
		if known[f] {
			continue
		}
		known[f] = true
		s.patterns = append(s.patterns, pattern{form: f, name: name, rank: len(s.patterns)})
	}
}

// lines returns the lines of a value of several lines that are masked by
// themselves: not the short ones, and not the armour of PEM, which is no
// secret.
func lines(v string) []string {
	if !strings.ContainsAny(v, "\r\n") {
		return nil
	}
	var all []string
	for _, line := range strings.FieldsFunc(v, func(r rune) bool { return r == '\n' || r == '\r' }) {
		if len(line) >= shortestLine && !strings.HasPrefix(line, "-----") {
			all = append(all, line)
		}
	}
	return all
}

// Longest returns the most bytes that a [Rewriter] keeps between two calls: the
// length of the longest form, not counting the boundary character behind it. It
// is 0 for a Set without secrets.
func (s *Set) Longest() int { return s.hold }

// empty tells whether s has nothing to find.
func (s *Set) empty() bool { return s.index.stride == 0 }
