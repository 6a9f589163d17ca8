// Package access holds the nouns that the rest of Cloakroom is written in:
// who asks (Principal), for what (Request), and what policy answered (Decision).
//
// It promises to stay free of I/O and of every dependency but the standard
// library, so that any transport can build these values and any core can take
// them. It deliberately knows nothing of Envoy, of Rego, of stores, or of the
// bytes of a credential's value: no type here can hold one.
package access

import "strings"

// Header is one request or response header line. Name is lower-case; a header
// that was sent twice stands twice, in the order of the wire.
type Header struct {
	Name, Value string
}

// Headers makes header lines of a map as net/http keeps it: names lower-case,
// the order of names is lost.
func Headers(m map[string][]string) []Header {
	out := make([]Header, 0, len(m))
	for name, values := range m {
		for _, v := range values {
			out = append(out, Header{strings.ToLower(name), v})
		}
	}
	return out
}
