package replace

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"iter"
	"strings"
	"sync"
	"sync/atomic"
)

// Shortest is the length in bytes of the shortest value that can be masked.
const Shortest = 8

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
	values   []value
	arena    []byte // the patterns' texts, one behind the other
	patterns []pattern
	indexes  []index // nil: not compiled
	hold     int     // bytes that stay behind while a text goes on
	reads    reading

	id      uint64
	secrets map[[sha256.Size]byte]bool // digests of name and value
	covered sync.Map                   // by another Set's id: whether its values are all here
}

// compiled counts Sets, so that each has an id: by its address one would keep
// those before it in memory.
var compiled atomic.Uint64

// covers tells whether every secret of another Set is one of s.
func (s *Set) covers(other *Set) bool {
	if known, ok := s.covered.Load(other.id); ok {
		return known.(bool)
	}
	all := true
	for digest := range other.secrets {
		all = all && s.secrets[digest]
	}
	s.covered.Store(other.id, all)
	return all
}

func digest(secret Secret) [sha256.Size]byte {
	return sha256.Sum256(append(append([]byte(secret.Name), 0), secret.Value...))
}

// value is a secret, or a line of one, that is looked for in all its forms.
type value struct {
	name   string
	length int
	most   int // bytes that an occurrence of it, escapes and all, may have
}

// pattern is one form of one value. A pattern's place among all is its rank:
// ties go to the first.
type pattern struct {
	at     uint32 // in the arena
	length uint32
	value  uint32
	kind   kind
}

func (s *Set) text(p *pattern) []byte { return s.arena[p.at : p.at+p.length] }

// Compile makes the Set of all forms of the secrets. It copies the values. A
// value shorter than [Shortest] or without a name is an error. Where the same
// text stands for two names, the first secret has it.
func Compile(secrets []Secret) (*Set, error) {
	size := 0
	for _, secret := range secrets {
		if secret.Name == "" {
			return nil, fmt.Errorf("compiling values: a value has no name")
		}
		if len(secret.Value) < Shortest {
			return nil, fmt.Errorf("compiling the value of %q: shorter than %d bytes", secret.Name, Shortest)
		}
		size += len(secret.Value)
	}
	s := &Set{id: compiled.Add(1), indexes: []index{}, secrets: make(map[[sha256.Size]byte]bool, len(secrets))}
	s.arena = make([]byte, 0, 33*size)
	s.patterns = make([]pattern, 0, (int(kinds)+1)*len(secrets))
	m := maker{Set: s}
	for _, secret := range secrets {
		s.secrets[digest(secret)] = true
		v := string(secret.Value)
		parts := lines(v)
		m.add(secret.Name, v, parts != nil)
		for _, line := range parts {
			m.add(secret.Name, line, false)
		}
	}
	s.reads = newReading(s)
	s.indexes = newIndexes(s)
	return s, nil
}

// lines returns the lines of a value of several lines that are masked by
// themselves: not the short ones, and not the armour of PEM, which is no
// secret. For a value of one line it is nil.
func lines(v string) []string {
	if !strings.ContainsAny(v, "\r\n") {
		return nil
	}
	all := []string{}
	for _, line := range strings.FieldsFunc(v, func(r rune) bool { return r == '\n' || r == '\r' }) {
		if len(line) >= shortestLine && !strings.HasPrefix(line, "-----") {
			all = append(all, line)
		}
	}
	return all
}

// Longest returns the most bytes that a [Rewriter] keeps from a text between
// two calls: the most that an occurrence of any value may have, and a little
// more. It is 0 for a Set without secrets.
func (s *Set) Longest() int { return s.hold }

// Forms returns every text that is looked for to the letter, for comparing with
// other ways to search. They are secret.
func (s *Set) Forms() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for i := range s.patterns {
			if !yield(bytes.Clone(s.text(&s.patterns[i]))) {
				return
			}
		}
	}
}

// empty tells whether s has nothing to find.
func (s *Set) empty() bool {
	if s.indexes == nil {
		panic("replace: a Set that was not compiled")
	}
	return len(s.indexes) == 0
}
