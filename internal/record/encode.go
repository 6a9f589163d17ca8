package record

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"cloakroom/internal/access"
	"cloakroom/internal/replace"
)

// The lengths to which strings and lists are cut, after masking.
const (
	pathMax = 4096
	textMax = 512
	itemMax = 128 // a string in a list
	usesMax = 32
	seenMax = 64
	listMax = 64 // of the other lists

	signatureMax = 64 // bytes
)

// PartsMax is how many parts of a recording an entry names at most.
const PartsMax = 1024

// ShownMax is how much of Approval.Shown is kept, in bytes.
const ShownMax = 64 << 10

const timeForm = "2006-01-02T15:04:05.000000Z"

// encoder appends fields to one entry. It has no way to append a string that
// was not masked, but those of a closed set.
type encoder struct {
	buf   []byte
	mask  Masker
	named []string // texts of named placeholders
}

// masked takes everything out of s that must not be in the log.
func (e *encoder) masked(s string, most int) replace.Masked {
	m := e.mask.Mask(s)
	text := m.String()
	// A value may look like a token, or not be UTF-8: so the mask comes first,
	// and once more where the text changed.
	valid := strings.ToValidUTF8(text, "\ufffd")
	if clean := shorten(scrub(valid, e.named), most); clean != text {
		return e.mask.Mask(clean)
	}
	return m
}

// ellipsis stands for what was cut from a string.
const ellipsis = "…"

// shortened tells whether s is what shorten made, or looks like it.
func shortened(s string, most int) bool {
	return strings.HasSuffix(s, ellipsis) && len(s) > most-utf8.UTFMax
}

// shorten cuts s to most bytes, at the beginning of a character.
func shorten(s string, most int) string {
	if len(s) <= most {
		return s
	}
	i := most - len(ellipsis)
	for i > 0 && !utf8.RuneStart(s[i]) {
		i--
	}
	return s[:i] + ellipsis
}

// key begins a field, with a comma where one is needed.
func (e *encoder) key(name string) {
	e.comma()
	e.buf = append(e.buf, '"')
	e.buf = append(e.buf, name...)
	e.buf = append(e.buf, `":`...)
}

func (e *encoder) comma() {
	if n := len(e.buf); n > 0 && e.buf[n-1] != '{' && e.buf[n-1] != '[' {
		e.buf = append(e.buf, ',')
	}
}

func (e *encoder) text(name, s string, most int) {
	if s == "" {
		return
	}
	e.key(name)
	e.buf = appendString(e.buf, e.masked(s, most))
}

// id appends what has an id's form as it is.
func (e *encoder) id(name, s string) {
	if !isID(s) {
		e.text(name, s, itemMax)
		return
	}
	e.key(name)
	e.buf = append(append(append(e.buf, '"'), s...), '"')
}

// texts appends a list of strings, at most listMax of them.
func (e *encoder) texts(name string, all []string) {
	if len(all) == 0 {
		return
	}
	e.key(name)
	e.buf = append(e.buf, '[')
	for _, s := range all[:min(len(all), listMax)] {
		e.comma()
		e.buf = appendString(e.buf, e.masked(s, itemMax))
	}
	e.buf = append(e.buf, ']')
}

func (e *encoder) hash(name string, h Hash) {
	e.key(name)
	e.buf = append(e.buf, '"')
	e.buf = hex.AppendEncode(e.buf, h[:])
	e.buf = append(e.buf, '"')
}

// bytes appends what a key made, in base64.
func (e *encoder) bytes(name string, b []byte, most int) {
	if len(b) == 0 {
		return
	}
	e.key(name)
	e.buf = append(e.buf, '"')
	e.buf = base64.StdEncoding.AppendEncode(e.buf, b[:min(len(b), most)])
	e.buf = append(e.buf, '"')
}

func (e *encoder) outcome(o access.Outcome) {
	e.key("outcome")
	e.buf = append(append(append(e.buf, '"'), o.String()...), '"')
}

func (e *encoder) number(name string, n int64) {
	if n == 0 {
		return
	}
	e.key(name)
	e.buf = strconv.AppendInt(e.buf, n, 10)
}

func (e *encoder) flag(name string, b bool) {
	if b {
		e.key(name)
		e.buf = append(e.buf, "true"...)
	}
}

func (e *encoder) time(name string, t time.Time) {
	if t.IsZero() {
		return
	}
	e.key(name)
	e.buf = append(e.buf, '"')
	e.buf = t.UTC().AppendFormat(e.buf, timeForm)
	e.buf = append(e.buf, '"')
}

// appendString appends a JSON string. What m may have of invalid UTF-8 becomes
// U+FFFD.
func appendString(buf []byte, m replace.Masked) []byte {
	s := m.String()
	buf = append(buf, '"')
	for i := 0; i < len(s); {
		if c := s[i]; c >= 0x20 && c < 0x7f && c != '"' && c != '\\' {
			buf = append(buf, c)
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		i += n
		switch {
		case r == '"' || r == '\\':
			buf = append(buf, '\\', byte(r))
		case r < 0x20, r >= 0x7f && r <= 0x9f, r == 0x2028, r == 0x2029:
			buf = fmt.Appendf(buf, `\u%04x`, r)
		default:
			buf = utf8.AppendRune(buf, r)
		}
	}
	return append(buf, '"')
}

// prefix is the part of a line that only the log's writer knows.
func prefix(buf []byte, p Position) []byte {
	buf = append(buf, `{"v":1,"seq":`...)
	buf = strconv.AppendUint(buf, p.Seq+1, 10)
	buf = append(buf, `,"prev":"`...)
	buf = append(buf, p.Hash.String()...)
	return append(buf, `",`...)
}

// prefixMax is the longest that prefix makes.
const prefixMax = 128

// encode makes the rest of e's line, line feed included.
func encode(e Entry, mask Masker) ([]byte, error) {
	if e.Kind() == "" {
		return nil, errors.New("encoding an entry: it has no kind")
	}
	enc := &encoder{buf: make([]byte, 0, 1024), mask: mask, named: e.named()}
	enc.time("time", e.Time)
	enc.key(string(e.Kind()))
	enc.buf = append(enc.buf, '{')
	enc.payload(e)
	enc.buf = append(enc.buf, "}}\n"...)
	if len(enc.buf) > MaxLine-prefixMax {
		return nil, fmt.Errorf("encoding an entry: longer than %d bytes", MaxLine)
	}
	return enc.buf, nil
}

// named are the texts of the named placeholders in the entry.
func (e *Entry) named() []string {
	if e.Decision == nil {
		return nil
	}
	var texts []string
	for _, u := range e.Decision.Uses {
		if u.Placeholder.Named {
			texts = append(texts, u.Placeholder.Text)
		}
	}
	for _, s := range e.Decision.Seen {
		if s.Placeholder.Named {
			texts = append(texts, s.Placeholder.Text)
		}
	}
	return texts
}
