package exchange

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	"cloakroom/internal/access"
	"cloakroom/internal/inventory"
)

// errCannotStand tells that a value holds bytes that its place cannot carry.
var errCannotStand = errors.New("the value cannot stand there")

// substitute puts each found placeholder's value in its place.
func (x *Exchange) substitute(h RequestHead, found []inventory.Found) (Change, *access.Refusal) {
	var change Change
	x.sent = make(map[string]string, len(found))
	byLine := make(map[int][]inventory.Found)
	for _, f := range found {
		x.sent[f.Name] = f.Text
		byLine[f.Header] = append(byLine[f.Header], f)
	}
	touched := make(map[string]bool)
	for line, fs := range byLine {
		text := x.target.Path
		if line >= 0 {
			text = h.Headers[line].Value
		}
		text, err := x.fill(text, fs)
		if err != nil {
			return Change{}, x.cannotStand(fs[0])
		}
		if line < 0 {
			change.Path = text
			continue
		}
		h.Headers[line].Value = text
		touched[h.Headers[line].Name] = true
	}
	for _, line := range h.Headers { // all lines of a touched name, in their order
		if touched[line.Name] {
			change.Set = append(change.Set, line)
		}
	}
	return change, nil
}

func (x *Exchange) cannotStand(f inventory.Found) *access.Refusal {
	return x.refuse(access.Unavailable, "", "the value of credential %q cannot stand at %s", f.Name, f.At)
}

// fill returns text with the value of each found placeholder in its place. All
// of found stand in this text.
func (x *Exchange) fill(text string, found []inventory.Found) (string, error) {
	if found[0].Encoding != inventory.Basic {
		return x.splice(text, found)
	}
	decoded, ok := inventory.DecodeBasic(text)
	if !ok {
		return "", errCannotStand
	}
	if err := x.userKeepsToItself(decoded, found); err != nil {
		return "", err
	}
	filled, err := x.splice(decoded, found)
	if err != nil {
		return "", err
	}
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(filled)), nil
}

// userKeepsToItself: before the first colon stands the user, so a value there
// must hold none, or a part of it would become the password.
func (x *Exchange) userKeepsToItself(decoded string, found []inventory.Found) error {
	for _, f := range found {
		inUser := f.Start < strings.IndexByte(decoded, ':')
		if inUser && slices.Contains(x.snap.values[f.Name].Reveal(), ':') {
			return errCannotStand
		}
	}
	return nil
}

func (x *Exchange) splice(text string, found []inventory.Found) (string, error) {
	slices.SortFunc(found, func(a, b inventory.Found) int { return a.Start - b.Start })
	var b strings.Builder
	at := 0
	for _, f := range found {
		if f.Start < at { // two that overlap: neither's place is certain
			return "", errCannotStand
		}
		v, err := encode(x.snap.values[f.Name].Reveal(), f.Encoding)
		if err != nil {
			return "", err
		}
		b.WriteString(text[at:f.Start])
		b.WriteString(v)
		at = f.End
	}
	b.WriteString(text[at:])
	return b.String(), nil
}

// encode writes a value as its place demands. What a place cannot carry is an
// error: a value must never end a header line or begin another cookie.
func encode(value []byte, e inventory.Encoding) (string, error) {
	switch e {
	case inventory.Query, inventory.Path, inventory.Form:
		return percentEncode(value), nil
	case inventory.JSON:
		return jsonEncode(value)
	case inventory.Part:
		// By what the value is, not by the boundary: that is the caller's, who
		// would guess the value with it.
		if bytes.ContainsAny(value, "\r\n") || bytes.Contains(value, []byte("--")) {
			return "", errCannotStand
		}
		return string(value), nil
	case inventory.Cookie:
		if slices.ContainsFunc(value, notCookieOctet) {
			return "", errCannotStand
		}
		return string(value), nil
	case inventory.Plain, inventory.Basic:
		if slices.ContainsFunc(value, notFieldOctet) {
			return "", errCannotStand
		}
		return string(value), nil
	}
	return "", errCannotStand
}

// notFieldOctet: CR, LF, NUL and every other control byte (RFC 9110 §5.5).
func notFieldOctet(b byte) bool { return b < 0x20 && b != '\t' || b == 0x7f }

// notCookieOctet: what RFC 6265 §4.1.1 leaves out of a cookie's value.
func notCookieOctet(b byte) bool {
	return b <= 0x20 || b >= 0x7f || b == '"' || b == ',' || b == ';' || b == '\\'
}

// jsonEncode writes a value as it stands between the quotes of a JSON string.
func jsonEncode(value []byte) (string, error) {
	if !utf8.Valid(value) {
		return "", errCannotStand
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(string(value)); err != nil {
		return "", errCannotStand
	}
	return b.String()[1 : b.Len()-2], nil
}

// percentEncode encodes all but RFC 3986's unreserved characters, so that a
// value is one query value or one path segment whatever it holds.
func percentEncode(value []byte) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for _, c := range value {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(hex[c>>4])
		b.WriteByte(hex[c&15])
	}
	return b.String()
}
