package replace

import (
	"encoding/base64"
	"encoding/hex"
	"strings"
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

// form is a value's text of one kind.
type form struct {
	text string
	kind kind
}

// forms returns every form of v, each once.
func forms(v string) []form {
	fs := make([]form, 0, 24)
	add := func(k kind, text string) {
		for i := range fs {
			if fs[i].text == text {
				return
			}
		}
		if len(text) >= Shortest {
			fs = append(fs, form{text, k})
		}
	}
	for _, text := range textForms(v) {
		add(asText, text)
	}
	for k := asHex; k < kinds; k++ {
		text := encode(k, v)
		add(k, text)
		if k >= asBase64 {
			add(k, urlAlphabet.Replace(text))
		}
		if k >= asTwice && strings.ContainsAny(base64Core(v, int(k-asTwice)/3), "+/") {
			inner := urlAlphabet.Replace(base64Core(v, int(k-asTwice)/3))
			add(k, base64Core(inner, int(k-asTwice)%3))
		}
	}
	return fs
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
		if decoded == all[0] {
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

// encode returns v's form of a kind that is not text. The kinds of base64 have
// the characters that v alone determines.
func encode(k kind, v string) string {
	switch {
	case k == asHex:
		return hex.EncodeToString([]byte(v))
	case k < asBase64:
		return spread(v, ": -"[k-asColons])
	case k < asTwice:
		return base64Core(v, int(k-asBase64))
	}
	return base64Core(base64Core(v, int(k-asTwice)/3), int(k-asTwice)%3)
}

func spread(v string, separator byte) string {
	digits := hex.EncodeToString([]byte(v))
	b := make([]byte, 0, 3*len(v))
	for i := 0; i < len(digits); i += 2 {
		b = append(b, digits[i], digits[i+1], separator)
	}
	return string(b[:max(0, len(b)-1)])
}

var urlAlphabet = strings.NewReplacer("+", "-", "/", "_")

// base64Core is v's base64 behind so many bytes of a group, less the characters
// at its ends that hold bits of its neighbours.
func base64Core(v string, before int) string {
	text := make([]byte, base64.StdEncoding.EncodedLen(before+len(v)))
	base64.StdEncoding.Encode(text, append(make([]byte, before, before+len(v)), v...))
	return string(text[(8*before+5)/6 : 8*(before+len(v))/6])
}

// filler is what is written over a form of a value of n bytes: the same form of
// asterisks.
func filler(k kind, n int) string {
	stars := strings.Repeat(string(star), n)
	if k == asText {
		return stars
	}
	return encode(k, stars)
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
