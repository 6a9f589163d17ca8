// Package body reads the body of a request, or a WebSocket's first message, for the half that decides and for
// the half that substitutes alike: what the one finds, the other finds.
//
// It promises that a placeholder is found only in the fields that a rule names
// for this very request, and that a body which cannot be read for certain is an
// error. Content codings are taken off. It deliberately holds no value and decides
// nothing.
package body

import (
	"errors"
	"slices"

	"cloakroom/internal/access"
	"cloakroom/internal/coding"
	"cloakroom/internal/fields"
	"cloakroom/internal/inventory"
)

// Replace returns what takes the place of a field's text in which placeholders
// were found. Its error ends the reading, and is returned as it is.
type Replace func(text string, found []inventory.Found) (string, error)

// Reader reads one body.
type Reader struct {
	finder  *inventory.Body
	replace Replace
	fields  fields.Rewriter
	decoder *coding.Decoder // nil: the body is not coded
	decoded []byte
	json    access.LocationKind // of the strings in a JSON text
}

// spare is how many bytes a coded body may grow by in any stretch, beside what
// package coding allows for each of its bytes. Callers choose their bodies, and
// would have as much held for each of their requests.
const spare = 1 << 20

// The errors beside those of package fields. Their texts are for the caller.
var (
	errCoding  = errors.New("the body is compressed in a way that is not read here; send it as it is")
	errDecoded = errors.New("the body cannot be decoded as its content-encoding says")
	errMany    = errors.New("the body holds more than 256 placeholders; send fewer")
)

// Open begins with the body of a request to t with these headers; nil: nothing
// in it counts. A Reader must be closed.
func Open(set *inventory.Set, t access.Target, headers []access.Header, replace Replace) (*Reader, error) {
	declared := declared(set.BodyUses(t))
	if len(declared.Pointers)+len(declared.Names) == 0 {
		return nil, nil
	}
	r := &Reader{finder: set.Body(t), replace: replace, json: access.InBody}
	var err error
	r.fields, err = fields.Open(values(headers, "content-type"), declared, r.fill)
	if r.fields == nil || err != nil {
		return nil, err
	}
	if r.decoder, err = coding.Within(values(headers, "content-encoding"), spare); err != nil {
		return nil, errCoding
	}
	return r, nil
}

// Decodes tells whether content codings are taken off: the body may grow much,
// and goes on without them.
func (r *Reader) Decodes() bool { return r.decoder != nil }

// Close must be called when no more of the body will come; that of nil does
// nothing.
func (r *Reader) Close() {
	if r != nil {
		r.decoder.Close()
	}
}

// Append takes the next piece of the body, and appends to dst what may go on
// now. With last, nothing follows src. An error is final, and its text holds
// nothing of the body.
func (r *Reader) Append(dst, src []byte, last bool) ([]byte, error) {
	if r.decoder == nil {
		return r.fields.Append(dst, src, last)
	}
	var err error
	if r.decoded, err = r.decoder.Append(r.decoded[:0], src, last); err != nil {
		return dst, errDecoded
	}
	dst, err = r.fields.Append(dst, r.decoded, last)
	if cap(r.decoded) > spare { // it is rarely wanted again
		r.decoded = nil
	}
	return dst, err
}

// Message reads the first message, a JSON text, of a WebSocket to t, and returns
// it as it is to go on.
func Message(set *inventory.Set, t access.Target, message []byte, replace Replace) ([]byte, error) {
	r := &Reader{finder: set.Body(t), replace: replace, json: access.InMessage}
	r.fields = fields.NewJSON(declared(set.MessageUses(t)).Pointers, r.fill)
	return r.Append(nil, message, true)
}

// Code is the code of a refusal for an error of Open or Append that is none of
// Replace's.
func Code(err error) access.Code {
	switch {
	case errors.Is(err, errCoding):
		return access.Unsupported
	case errors.Is(err, fields.ErrTooLong), errors.Is(err, errMany):
		return access.TooLarge
	}
	return access.Denied
}

func declared(uses []inventory.BodyUse) (d fields.Declared) {
	add := func(names *[]string, name string) {
		if !slices.Contains(*names, name) {
			*names = append(*names, name)
		}
	}
	for _, u := range uses {
		for _, at := range u.In {
			if at.Kind == access.InForm {
				add(&d.Names, at.Name)
			} else {
				add(&d.Pointers, at.Name)
			}
		}
	}
	return d
}

func (r *Reader) fill(dst []byte, f fields.Field) ([]byte, error) {
	at, encoding := access.Location{Kind: access.InForm, Name: f.Name}, inventory.Form
	switch f.Kind {
	case fields.JSON:
		at.Kind, encoding = r.json, inventory.JSON
	case fields.Multipart:
		encoding = inventory.Part
	}
	text := string(f.Text)
	found, overflow := r.finder.Find(at, encoding, text)
	if overflow {
		return dst, errMany
	}
	if len(found) > 0 {
		var err error
		if text, err = r.replace(text, found); err != nil {
			return dst, err
		}
	}
	return append(dst, text...), nil
}

func values(headers []access.Header, name string) (vs []string) {
	for _, h := range headers {
		if h.Name == name {
			vs = append(vs, h.Value)
		}
	}
	return vs
}
