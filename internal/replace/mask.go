package replace

import "unsafe"

// Masked is text that went through a [Set]. Nothing outside this package can
// make one that is not empty, so that a function that takes a Masked cannot be
// handed text that nobody looked at.
type Masked struct{ text string }

// String returns the text.
func (m Masked) String() string { return m.text }

// Mask masks a whole text. The text that replaces the value called name is
// mask(name), or "[masked]" if mask is nil or returns "". Text without a value
// is returned as it is, without a copy.
func (s *Set) Mask(text string, mask func(name string) string) Masked {
	if _, found := s.Contains(text); !found {
		return Masked{text}
	}
	return Masked{string(s.NewRewriter(None, mask).Append(nil, readOnly(text), true))}
}

// Contains tells whether any form of a value stands in the text, and whose: of
// several, the one that is masked first.
func (s *Set) Contains(text string) (name string, found bool) { return s.first(text, false) }

// ContainsFold is Contains for a text whose letters may have lost their case, as
// in the name of a header.
func (s *Set) ContainsFold(text string) (name string, found bool) { return s.first(text, true) }

func (s *Set) first(text string, anyCase bool) (name string, found bool) {
	if s.empty() {
		return "", false
	}
	b := readOnly(text)
	for from := 0; from < len(b); from += block {
		f := finder{Set: s, text: b, from: from, through: min(from+block, len(b)), anyCase: anyCase}
		if ms := inOrder(f.find()); len(ms) > 0 {
			return ms[0].value().name, true
		}
	}
	return "", false
}

// readOnly returns the bytes of a string without a copy. They must not be
// written to.
func readOnly(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }
