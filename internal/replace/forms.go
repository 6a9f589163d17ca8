package replace

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// kind is a way in which a value may stand in a text to the letter. Escapes are
// not among them: what reads as a form is found in a [view].
type kind uint8

const (
	asText   kind = iota // written as a mask; all others as the same kind of asterisks
	asHex                // digits of either case
	asColons             // hex with separators between the bytes
	asSpaces
	asDashes
	asBase64                // behind 0, 1 and 2 bytes of a group
	asTwice  = asBase64 + 3 // base64 of base64: 3 times behind within, plus behind without
	kinds    = asTwice + 9
)

// maker makes the forms of one value after the other. It keeps room for what
// lies between.
type maker struct {
	*Set
	value, inner []byte // behind two zero bytes
}

// add enters the forms of v, each once. Of a value in parts each part is found
// by itself however it is escaped, so the whole need not be.
func (m *maker) add(name, v string, inParts bool) {
	most := stretch * len(v)
	if inParts {
		most = 2 * len(v)
	}
	most = max(most, 5*len(v)+128) // hex with separators, base64 twice; with line breaks
	m.hold = max(m.hold, most+lookahead)
	m.values = append(m.values, value{name, len(v), most})
	first := len(m.patterns)
	for _, text := range textForms(v) {
		m.enter(first, asText, append(m.arena, text...))
	}
	m.value = append(append(m.value[:0], 0, 0), v...)
	for k := asHex; k < kinds; k++ {
		text := m.enter(first, k, m.append(m.arena, k, false))
		if k >= asBase64 {
			m.enter(first, k, appendURL(m.arena, text))
		}
		if k >= asTwice {
			m.enter(first, k, m.append(m.arena, k, true))
		}
	}
}

// enter enters what arena has more than the Set's as a pattern of the last
// value, whose first pattern is told, unless it is known or too short. It
// returns the text.
func (m *maker) enter(first int, k kind, arena []byte) []byte {
	text := arena[len(m.arena):]
	for i := first; i < len(m.patterns); i++ {
		if bytes.Equal(m.text(&m.patterns[i]), text) {
			return text
		}
	}
	if len(text) >= Shortest {
		m.patterns = append(m.patterns, pattern{uint32(len(m.arena)), uint32(len(text)), uint32(len(m.values) - 1), k})
		m.arena = arena
	}
	return text
}

// append appends the form of a kind that is not text. The kinds of base64 have
// the characters that the value alone determines; url tells that within base64
// of base64 the other alphabet is used.
func (m *maker) append(dst []byte, k kind, url bool) []byte {
	v := m.value[2:]
	switch {
	case k == asHex:
		return hex.AppendEncode(dst, v)
	case k < asBase64:
		for i := range v {
			if i > 0 {
				dst = append(dst, ": -"[k-asColons])
			}
			dst = hex.AppendEncode(dst, v[i:i+1])
		}
		return dst
	case k < asTwice:
		return appendCore(dst, m.value, int(k-asBase64))
	}
	m.inner = appendCore(append(m.inner[:0], 0, 0), m.value, int(k-asTwice)/3)
	if url {
		m.inner = appendURL(m.inner[:0], m.inner)
	}
	return appendCore(dst, m.inner, int(k-asTwice)%3)
}

// appendURL appends base64 in the alphabet for URLs.
func appendURL(dst, text []byte) []byte {
	for _, c := range text {
		switch c {
		case '+':
			c = '-'
		case '/':
			c = '_'
		}
		dst = append(dst, c)
	}
	return dst
}

// appendCore appends the base64 of what follows value's two zero bytes, behind so
// many bytes of a group, less the characters at its ends that hold bits of its
// neighbours.
func appendCore(dst, value []byte, before int) []byte {
	at, length := len(dst), len(value)-2
	first, end := (8*before+5)/6, 8*(before+length)/6
	dst = base64.StdEncoding.AppendEncode(dst, value[2-before:])
	return dst[:at+copy(dst[at:], dst[at+first:at+end])]
}

// textForms returns v as text: as it is, with a form's "+" for spaces, in the
// character sets of one and two bytes (these without their zero bytes, see
// [narrow]), and as it reads where the escapes that it holds itself are decoded.
func textForms(v string) []string {
	all := []string{v, strings.ReplaceAll(v, " ", "+")}
	if utf8.ValidString(v) && strings.ContainsFunc(v, func(r rune) bool { return r >= utf8.RuneSelf }) {
		all = append(all, wide(v, 0, 8), wide(v, 8, 0))
	}
	for range levels {
		decoded := decodeString(all[0])
		if decoded == all[0] || strings.ContainsFunc(decoded, unicode.IsControl) && !strings.ContainsFunc(v, unicode.IsControl) {
			break
		}
		all = append(all, decoded)
		all[0] = decoded
	}
	all[0] = v
	return all
}

// wide is v in UTF-16, each unit's bytes taken by the two shifts, without the
// zero bytes.
func wide(v string, first, second int) string {
	var b []byte
	for _, unit := range utf16.Encode([]rune(v)) {
		for _, c := range []byte{byte(unit >> first), byte(unit >> second)} {
			if c != 0 {
				b = append(b, c)
			}
		}
	}
	return string(b)
}

// filler is what is written over a form of a value of n bytes: the same form of
// asterisks.
func filler(k kind, n int) []byte {
	stars := bytes.Repeat([]byte{star}, n)
	if k == asText {
		return stars
	}
	m := maker{value: append([]byte{0, 0}, stars...)}
	return m.append(nil, k, false)
}

// edges are the characters in front of and behind a form that hold some of the
// bits of a value of n bytes.
func edges(k kind, n int) (left, right edge) {
	if k < asBase64 || k >= asTwice {
		return edge{}, edge{}
	}
	before := int(k - asBase64)
	return leftEdge(before), rightEdge(8 * (before + n) % 6)
}
