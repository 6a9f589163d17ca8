// Package fields rewrites declared fields of a message while it streams: strings
// at JSON pointers (RFC 6901), fields of urlencoded forms, and of multipart ones
// (RFC 7578).
//
// It promises that nothing but the text of declared fields changes, not a space
// of the rest; that every cutting of a message gives the same result; that what
// it holds back is a field, a key or a boundary, and bounded; and that a message
// which two honest readers could take apart in two ways is an error: then a
// declared field to us might be another to the backend.
//
// It deliberately decodes nothing within a field and knows nothing of what is
// put there: that is Fill's business. It imports the standard library only.
package fields

import (
	"errors"
	"mime"
	"strings"
)

// Kind is how a message is written.
type Kind uint8

// The kinds of messages that have fields.
const (
	JSON      Kind = iota + 1
	Form           // application/x-www-form-urlencoded
	Multipart      // multipart/form-data
)

// Field is a text in a declared field, as it stands in the message: of a JSON
// string each run without escapes, of a form the whole value with its escapes,
// of a multipart field the whole text.
type Field struct {
	Kind Kind
	Name string // as it was declared: a pointer, or a field's name
	Text []byte // good until Fill returns
}

// Fill appends to dst what takes the place of a field's text, encoded as its
// kind demands. Its error ends the rewriting, and is returned as it is.
type Fill func(dst []byte, f Field) ([]byte, error)

// Rewriter rewrites one message.
type Rewriter interface {
	// Append takes the next piece of the message, and appends to dst what may go
	// on now. With last, nothing follows src. It keeps no reference to its
	// arguments; an error is final, and its text holds nothing of the message.
	Append(dst, src []byte, last bool) ([]byte, error)
}

// Declared are the fields to rewrite.
type Declared struct {
	Pointers []string // of JSON: each begins with "/"
	Names    []string // of forms
}

// The errors of messages that cannot be read. Their texts are for the caller.
var (
	ErrTooLong   = errors.New("a declared field is longer than 64 KiB")
	ErrCharset   = errors.New("the body's charset is not UTF-8")
	ErrJSON      = errors.New("the body is not the JSON that its content-type promises")
	ErrDepth     = errors.New("the body's JSON is nested more than 512 deep")
	ErrForm      = errors.New("the body is not a form as its content-type promises: escape all but letters, digits and -._~*+&=")
	ErrMultipart = errors.New("the body is not the multipart form that its content-type promises, with CRLF, and a boundary of letters, digits and +_-. that stands nowhere else")
)

// charsetField names, in a form, the charset of all fields (RFC 7578, section 4.6): a
// value is no value any more to who reads it in another one than it was written in.
const charsetField = "_charset_"

// maxField is how long a declared field may be, in bytes as it stands.
const maxField = 64 << 10

// Open returns what rewrites the declared fields of a message with these
// content-type lines; nil: it has none of them. It is an error if it might, but
// in a form that is not read.
func Open(contentType []string, d Declared, fill Fill) (Rewriter, error) {
	if len(contentType) != 1 {
		return nil, nil
	}
	kind, parameters, err := mime.ParseMediaType(contentType[0])
	if err != nil || strings.HasPrefix(kind, "application/grpc") { // which is framed, "application/grpc+json" too
		return nil, nil
	}
	switch {
	case isJSON(kind, contentType[0]) && len(d.Pointers) > 0:
		return NewJSON(d.Pointers, fill), inUTF8(parameters)
	case kind == "application/x-www-form-urlencoded" && len(d.Names) > 0:
		return newForm(d.Names, fill), inUTF8(parameters)
	case kind == "multipart/form-data" && len(d.Names) > 0:
		m, err := newMultipart(contentType[0], parameters, d.Names, fill)
		return m, errors.Join(err, inUTF8(parameters))
	}
	return nil, nil
}

// isJSON tells whether every reader takes a body of that kind for JSON. Some look
// for a form's type at the beginning of the text, or anywhere in it; and JSON can be
// written so that it is a form too.
func isJSON(kind, contentType string) bool {
	contentType = strings.ToLower(contentType)
	if strings.Contains(contentType, "form-urlencoded") || strings.Contains(contentType, "form-data") {
		return false
	}
	return kind == "application/json" || kind == "text/json" || strings.HasSuffix(kind, "+json")
}

func inUTF8(parameters map[string]string) error {
	switch strings.ToLower(parameters["charset"]) {
	case "", "utf-8", "utf8", "us-ascii":
		return nil
	}
	return ErrCharset
}
