package inventory

import "cloakroom/internal/access"

// Encoding is how a placeholder stands in what carries it.
type Encoding uint8

// The encodings of a placeholder that was found.
const (
	Plain  Encoding = iota // in a header's value
	Basic                  // in the decoded user:password of Basic authorization
	Cookie                 // in a cookie's value, or elsewhere in a cookie header
	Query                  // in the query
	Path                   // in the path
	JSON                   // in a run of a JSON string that holds no escape
	Form                   // in the value of a urlencoded form's field
	Part                   // in the text of a multipart form's field
)

// Found is one placeholder, or a text that looks like one.
type Found struct {
	Text string // as it stands, with its credential's prefix if that stands before it
	Name string // the credential that it names, which may not exist
	// Named tells that it is exactly the named placeholder of a credential that
	// exists. Else it is a ticket or forged.
	Named bool
	// At is the exact place: header:NAME, cookie:NAME, query:NAME or path. In a
	// cookie header outside a cookie's value it is header:cookie, and in a query
	// outside a value a query without name, as where some backends would read
	// another name than others: no rule can name these.
	At access.Location
	// Counts tells that At is within a location of a rule of that credential
	// that permits the target, or is a usual credential header: there a
	// placeholder must be granted.
	Counts   bool
	Header   int // index in the headers; -1: in the target's path, or in the body
	Encoding Encoding
	// Start and End bound Text in the header's value, in the decoded Basic text,
	// in the target's path (path and query), or in the text that was given.
	Start, End int
}

// MaxFound is how many placeholders Find tells of before it gives up.
const MaxFound = 256
