package search

import (
	"encoding/base64"
	"encoding/hex"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Kind is a way in which a value may stand in a text.
type Kind uint8

// The kinds, in the table's order.
const (
	Text Kind = iota
	Base64
	Base64Twice
	Hex
	HexColons
	HexDashes
	HexSpaces
	kinds
)

func (k Kind) String() string {
	if k < kinds {
		return [...]string{"text", "base64", "base64 twice", "hex", "hex with colons", "hex with dashes", "hex with spaces"}[k]
	}
	return "unknown"
}

// anyCase tells whether letters are compared without case.
func (k Kind) anyCase() bool { return k >= Hex }

const (
	shortest     = 8  // bytes of a form
	shortestLine = 16 // bytes of a line that is searched for by itself
	lost         = 4  // first characters of an occurrence that an escape in front of it may have taken
	levels       = 3  // of escapes within each other
)

// written is a form as it is written.
type written struct {
	kind Kind
	text string
	most int
}

// formsOf returns the forms of a value, and of the lines of one with several.
func formsOf(value string) []written {
	if !strings.ContainsAny(value, "\r\n") {
		return formsOfOne(value, 9)
	}
	all := formsOfOne(value, 2)
	for _, line := range strings.FieldsFunc(value, func(r rune) bool { return r == '\r' || r == '\n' }) {
		if len(line) >= shortestLine && !strings.HasPrefix(line, "-----") { // the armour of PEM is no secret
			all = append(all, formsOfOne(line, 9)...)
		}
	}
	return all
}

// formsOfOne returns the forms of a text, of which an occurrence may have so many
// bytes for each of its own.
func formsOfOne(v string, stretch int) []written {
	most := max(stretch*len(v), 5*len(v)+128)
	known := map[written]bool{}
	var all []written
	add := func(k Kind, text string) {
		if w := (written{k, text, most}); len(text) >= shortest && !known[w] {
			known[w] = true
			all = append(all, w)
		}
	}
	for _, text := range asText(v) {
		add(Text, text)
	}
	digits := hex.EncodeToString([]byte(v))
	add(Hex, digits)
	for i, between := range []string{":", "-", " "} {
		add(HexColons+Kind(i), parted(digits, between))
	}
	for _, inner := range asBase64(v) {
		add(Base64, inner)
		for _, outer := range asBase64(inner) {
			add(Base64Twice, outer)
		}
	}
	return all
}

// asText returns v as it is, with a form's pluses, in UTF-16 less its zero bytes,
// and with the escapes decoded that it holds itself.
func asText(v string) []string {
	all := []string{v, strings.ReplaceAll(v, " ", "+")}
	if utf8.ValidString(v) && strings.ContainsFunc(v, func(r rune) bool { return r > unicode.MaxASCII }) {
		var little, big []byte
		for _, u := range utf16.Encode([]rune(v)) {
			little, big = append(little, byte(u), byte(u>>8)), append(big, byte(u>>8), byte(u))
		}
		all = append(all, strings.ReplaceAll(string(little), "\x00", ""), strings.ReplaceAll(string(big), "\x00", ""))
	}
	control := strings.ContainsFunc(v, unicode.IsControl)
	for range levels {
		v = string(decode(plain([]byte(v))).text)
		if !control && strings.ContainsFunc(v, unicode.IsControl) {
			break
		}
		all = append(all, v)
	}
	return all
}

// parted puts a text between every two digits.
func parted(digits, between string) string {
	var b strings.Builder
	for i := 0; i+2 <= len(digits); i += 2 {
		if i > 0 {
			b.WriteString(between)
		}
		b.WriteString(digits[i : i+2])
	}
	return b.String()
}

// asBase64 returns the characters that v has in base64 wherever it begins in a
// group of three bytes, in both alphabets, without those that hold bits of its
// neighbours too.
func asBase64(v string) (all []string) {
	for before := range 3 {
		whole := "\x00\x00"[:before] + v + "\x00\x00"
		first, end := (8*before+5)/6, 8*(before+len(v))/6
		all = append(all, base64.StdEncoding.EncodeToString([]byte(whole))[first:end],
			base64.URLEncoding.EncodeToString([]byte(whole))[first:end])
	}
	return all
}
