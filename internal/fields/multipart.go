package fields

import (
	"bytes"
	"strings"
)

// multipartForm rewrites one multipart form. The boundary must stand nowhere but
// between parts, as CRLF "--" boundary CRLF: a reader who also takes LF, or
// forgives spaces, would find other parts than we do.
type multipartForm struct {
	names  map[string]bool
	fill   Fill
	err    error
	dashes []byte // "--" and the boundary
	in     []byte // what has come and is not taken yet
	at     place
	field  string // the declared one whose text is held; empty: it is none
	held   []byte
}

// place is where in the form the next byte stands.
type place uint8

const (
	beginning place = iota // the first boundary must come
	behind                 // a boundary: a line's end, or "--"
	heading                // a part's headers
	content                // a part's text
	ending                 // the last boundary: a line's end at most
)

// maxHeading is how long the headers of one part may be.
const maxHeading = 8 << 10

func newMultipart(contentType string, parameters map[string]string, names []string, fill Fill) (Rewriter, error) {
	boundary := parameters["boundary"]
	bad := strings.ContainsFunc(boundary, func(r rune) bool { return r > 'z' || !boundaryByte[byte(r)] })
	if boundary == "" || len(boundary) > 70 || bad || !plainParameters(contentType, parameters) {
		return nil, ErrMultipart
	}
	m := &multipartForm{names: map[string]bool{}, fill: fill, dashes: []byte("--" + boundary)}
	for _, name := range names {
		m.names[name] = true
	}
	return m, nil
}

// plainParameters tells whether every reader finds the same boundary. Few know
// RFC 2231's ways to write a parameter, or escapes in one, and many search the
// text for the word, which must stand in no other parameter then.
func plainParameters(contentType string, parameters map[string]string) bool {
	for name := range parameters {
		if name != "boundary" && name != "charset" {
			return false
		}
	}
	return !strings.ContainsAny(contentType, `*\`)
}

// boundaryByte are those of RFC 2046 that need no quotes and part nothing: some
// readers end a boundary at a comma, or at another sign.
var boundaryByte = among("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz+_-.")

// Append implements Rewriter.
func (m *multipartForm) Append(dst, src []byte, last bool) ([]byte, error) {
	if m.err != nil {
		return dst, m.err
	}
	m.in = append(m.in, src...)
	rest := m.in
	for going := true; going && m.err == nil; {
		var n int
		dst, n = m.take(dst, rest)
		rest, going = rest[n:], n > 0
	}
	m.in = append(m.in[:0], rest...)
	if m.err == nil && last && (m.at != ending || len(m.in) > 0) {
		m.err = ErrMultipart
	}
	return dst, m.err
}

// take takes what it can of in, and tells how much that is; 0: more must come.
func (m *multipartForm) take(dst, in []byte) ([]byte, int) {
	switch m.at {
	case beginning:
		return m.literal(dst, in, m.dashes, behind)
	case behind:
		if bytes.HasPrefix(in, []byte("-")) {
			return m.literal(dst, in, []byte("--"), ending)
		}
		return m.literal(dst, in, []byte("\r\n"), heading)
	case heading:
		return m.heading(dst, in)
	case content:
		return m.content(dst, in)
	}
	if len(in) == 0 || len(in) == 1 && in[0] == '\r' {
		return dst, 0
	}
	if string(in) != "\r\n" {
		m.err = ErrMultipart
		return dst, 0
	}
	return append(dst, in...), len(in)
}

// literal takes exactly text.
func (m *multipartForm) literal(dst, in, text []byte, next place) ([]byte, int) {
	if len(in) < len(text) {
		if !bytes.HasPrefix(text, in) {
			m.err = ErrMultipart
		}
		return dst, 0
	}
	if !bytes.HasPrefix(in, text) {
		m.err = ErrMultipart
		return dst, 0
	}
	m.at = next
	return append(dst, text...), len(text)
}

func (m *multipartForm) heading(dst, in []byte) ([]byte, int) {
	n := bytes.Index(in, []byte("\r\n\r\n"))
	if n < 0 {
		if len(in) > maxHeading {
			m.err = ErrMultipart
		}
		return dst, 0
	}
	name, ok := partName(string(in[:n]))
	if !ok || n > maxHeading || bytes.Contains(in[:n], m.dashes) {
		m.err = ErrMultipart
		return dst, 0
	}
	switch {
	case m.names[name]:
		m.field = name
	case name == charsetField:
		m.err = ErrCharset
		return dst, 0
	}
	m.at = content
	return append(dst, in[:n+4]...), n + 4
}

// content takes a part's text up to the CRLF before the boundary that ends it.
func (m *multipartForm) content(dst, in []byte) ([]byte, int) {
	n := bytes.Index(in, m.dashes)
	switch {
	case n < 0: // what may be the beginning of a boundary waits
		return m.text(dst, in[:max(0, len(in)-len(m.dashes)-1)])
	case n < 2 || in[n-2] != '\r' || in[n-1] != '\n':
		m.err = ErrMultipart
		return dst, 0
	}
	dst, _ = m.text(dst, in[:n-2])
	if m.field != "" && m.err == nil {
		dst, m.err = m.fill(dst, Field{Multipart, m.field, m.held})
	}
	m.field, m.held, m.at = "", m.held[:0], behind
	return append(append(dst, "\r\n"...), m.dashes...), n + len(m.dashes)
}

func (m *multipartForm) text(dst, piece []byte) ([]byte, int) {
	switch {
	case m.field == "":
		return append(dst, piece...), len(piece)
	case len(m.held)+len(piece) > maxField:
		m.err = ErrTooLong
		return dst, 0
	}
	m.held = append(m.held, piece...)
	return dst, len(piece)
}
