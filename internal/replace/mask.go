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
func (s *Set) Contains(text string) (name string, found bool) {
	if s.empty() {
		return "", false
	}
	x, b := s.index, readOnly(text)
	end := len(b) - window + 1
	var ms []match
	for p := x.next(b, 0, end); p < end; p = x.next(b, p+x.stride, end) {
		if len(ms) > 0 && ms[0].start < p-x.reach {
			break // none that is found from here on starts earlier
		}
		ms = s.verify(ms, b, p, 0, len(b))
	}
	if len(ms) == 0 {
		return "", false
	}
	return ms[0].name, true
}

// readOnly returns the bytes of a string without a copy. They must not be
// written to.
func readOnly(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }
