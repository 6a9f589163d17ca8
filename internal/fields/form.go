package fields

import (
	"bytes"
	"net/url"
)

// form rewrites one urlencoded form (WHATWG URL, section 5.1).
//
// It takes no byte that a form's encoder would have escaped: a form that holds
// none of them is no text of JSON, XML or YAML with strings in it, to a backend
// that does not look at the content type.
type form struct {
	names   map[string]bool
	fill    Fill
	err     error
	inValue bool
	field   string // the declared one whose value is held; empty: it is none
	held    []byte // of a name, or of a declared field's value
	long    bool   // a name too long to be declared
}

func newForm(names []string, fill Fill) Rewriter {
	f := &form{names: map[string]bool{}, fill: fill}
	for _, name := range names {
		f.names[name] = true
	}
	return f
}

// Append implements Rewriter.
func (f *form) Append(dst, src []byte, last bool) ([]byte, error) {
	if f.err != nil {
		return dst, f.err
	}
	for _, c := range src {
		if !formByte[c] {
			f.err = ErrForm
			return dst, f.err
		}
	}
	for len(src) > 0 && f.err == nil {
		if f.inValue {
			dst, src = f.value(dst, src)
		} else {
			dst, src = f.name(dst, src)
		}
	}
	if last && f.err == nil {
		dst = f.endValue(dst)
	}
	return dst, f.err
}

func (f *form) name(dst, src []byte) (_, rest []byte) {
	n := bytes.IndexAny(src, "=&")
	ended := n >= 0
	if !ended {
		n = len(src)
	}
	if len(f.held)+n > maxKey {
		f.long = true
	} else {
		f.held = append(f.held, src[:n]...)
	}
	if !ended {
		return append(dst, src...), nil
	}
	if src[n] == '=' {
		f.inValue = true
		// a name that does not decode is no name that a rule could mean
		name, err := url.QueryUnescape(string(f.held))
		switch {
		case err != nil || f.long:
		case f.names[name]:
			f.field = name
		case name == charsetField:
			f.err = ErrCharset
		}
	}
	f.held, f.long = f.held[:0], false
	return append(dst, src[:n+1]...), src[n+1:]
}

func (f *form) value(dst, src []byte) (_, rest []byte) {
	n := bytes.IndexByte(src, '&')
	ended := n >= 0
	if !ended {
		n = len(src)
	}
	if f.field == "" {
		dst = append(dst, src[:n]...)
	} else if len(f.held)+n > maxField {
		f.err = ErrTooLong
		return dst, nil
	} else {
		f.held = append(f.held, src[:n]...)
	}
	if !ended {
		return dst, nil
	}
	if dst = f.endValue(dst); f.err != nil {
		return dst, nil
	}
	return append(dst, '&'), src[n+1:]
}

func (f *form) endValue(dst []byte) []byte {
	if f.field != "" {
		dst, f.err = f.fill(dst, Field{Form, f.field, f.held})
	}
	f.inValue, f.field, f.held = false, "", f.held[:0]
	return dst
}

// formByte are the bytes that some encoder of forms leaves as they are.
var formByte = table(func(c byte) bool {
	return c > ' ' && c < 0x7f && !bytes.ContainsRune([]byte("\"<>\\^`{|}"), rune(c))
})
