// Package access holds the nouns that the rest of Cloakroom is written in:
// who asks (Principal), for what (Request), and what policy answered (Decision).
//
// It promises to stay free of I/O and of every dependency but the standard
// library, so that any transport can build these values and any core can take
// them. It deliberately knows nothing of Envoy, of Rego, of stores, or of the
// bytes of a credential's value: no type here can hold one.
package access

// Header is one request or response header line. Name is lower-case; a header
// that was sent twice stands twice, in the order of the wire.
type Header struct {
	Name, Value string
}
