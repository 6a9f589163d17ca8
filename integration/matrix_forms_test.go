package integration

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"regexp"
	"strings"
	"unicode/utf16"
)

// form is a way in which a backend may give a value back. Each is written by an
// encoder that is not the product's.
type form struct {
	name string
	// write encodes the value alone, and the text around it stays as it is; what
	// comes down in its place is the agent's own text.
	write func(string) string
	// code encodes the text around it too; what comes down decodes to asterisks.
	code func(string) string
	// slack is how many characters may come down otherwise: at the ends of base64
	// of base64 the value's first and last bits stay.
	slack int
}

// is tells whether got is what must come down.
func (f form) is(got, want string) bool {
	differ := 0
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			differ++
		}
	}
	return len(got) == len(want) && differ <= f.slack
}

// around is what stands beside the value: of it, not a byte may change.
const lead, tail = "ab {the key}: ", " is the key; 9"

// text is what the backend writes, and want what the agent must get.
func (f form) text(key, placeholder string) (text, want string) {
	if f.code != nil {
		return f.code(lead + key + tail), f.code(lead + strings.Repeat("*", len(key)) + tail)
	}
	return lead + f.write(key) + tail, lead + placeholder + tail
}

// each writes every byte in its own way, by turns.
func each(formats ...string) func(string) string {
	return func(s string) string {
		var b strings.Builder
		for i, c := range []byte(s) {
			if format := formats[i%len(formats)]; format == "" {
				b.WriteByte(c)
			} else {
				fmt.Fprintf(&b, format, c)
			}
		}
		return b.String()
	}
}

func inJSON(s string) string {
	b, _ := json.Marshal(s)
	return strings.Trim(string(b), `"`)
}

// inPlainJSON leaves what JSON need not escape, and escapes "/".
func inPlainJSON(s string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "/", `\/`).Replace(s)
}

// inLines breaks a text.
func inLines(width int, with string) func(string) string {
	return func(s string) string {
		return strings.TrimSuffix(regexp.MustCompile(fmt.Sprintf(".{1,%d}", width)).ReplaceAllString(s, "$0"+with), with)
	}
}

// then is one encoder's text in the other's.
func then(first, second func(string) string) func(string) string {
	return func(s string) string { return second(first(s)) }
}

func shifted(n int, encode func([]byte) string) func(string) string {
	return func(s string) string { return encode([]byte("zyx"[:n] + s)) }
}

func inHex(separator string) func(string) string {
	return func(s string) string {
		digits := regexp.MustCompile("..").FindAllString(hex.EncodeToString([]byte(s)), -1)
		return strings.Join(digits, separator)
	}
}

func inUTF16(big bool) func(string) string {
	return func(s string) string {
		var b []byte
		for _, u := range utf16.Encode([]rune(s)) {
			if big {
				b = append(b, byte(u>>8), byte(u))
			} else {
				b = append(b, byte(u), byte(u>>8))
			}
		}
		return string(b)
	}
}

func matrixForms() []form {
	std, raw, web := base64.StdEncoding.EncodeToString, base64.RawStdEncoding.EncodeToString, base64.URLEncoding.EncodeToString
	twice := func(s string) string { return std([]byte(std([]byte(s)))) }
	same := func(s string) string { return s }
	named := strings.NewReplacer("/", "&sol;", "+", "&plus;", "~", "&#126;", `"`, "&QUOT;", "<", "&LT;", "&", "&#x26;", "k", "&#107;").Replace
	percentAll := each("%%%02x")
	all := []form{
		{name: "as it is", write: same},
		{name: "JSON", write: inJSON},
		{name: "JSON, slash", write: inPlainJSON},
		{name: "JSON, every character", write: each(`\u%04x`)},
		{name: "JSON, every second, upper", write: each(`\u%04X`, "")},
		{name: "JSON in JSON", write: then(inJSON, inJSON)},
		{name: "JSON in JSON, every third", write: then(each("", `\u%04x`, ""), inJSON)},
		{name: "JSON three deep", write: then(then(inJSON, inJSON), inJSON)},
		{name: "JSON three deep, every fourth", write: then(then(each("", "", "", `\u%04x`), inJSON), inJSON)},
		{name: "JavaScript", write: each(`\x%02x`, `\u%04x`, "")},
		{name: "query", write: url.QueryEscape},
		{name: "path", write: url.PathEscape},
		{name: "percent, every byte", write: percentAll},
		{name: "percent, some bytes", write: each("%%%02X", "", "%%%02x")},
		{name: "percent, doubled", write: then(url.QueryEscape, url.QueryEscape)},
		{name: "percent, doubled, every byte", write: then(percentAll, url.QueryEscape)},
		{name: "HTML", write: html.EscapeString},
		{name: "HTML, decimal", write: each("&#%d;")},
		{name: "HTML, hexadecimal", write: each("&#x%x;", "&#X%04X;", "")},
		{name: "HTML, named and mixed", write: named},
		{name: "HTML, doubled", write: then(html.EscapeString, html.EscapeString)},
		{name: "HTML in JSON", write: then(html.EscapeString, inJSON)},
		{name: "JSON in HTML", write: then(inJSON, html.EscapeString)},
		{name: "JSON in a query", write: then(inJSON, url.QueryEscape)},
		{name: "quoted-printable", write: each("=%02X", "")},
		{name: "hex", code: inHex("")},
		{name: "hex, upper", code: then(inHex(""), strings.ToUpper)},
		{name: "hex, colons", code: inHex(":")},
		{name: "hex, spaces", code: inHex(" ")},
		{name: "hex, dashes, upper", code: then(inHex("-"), strings.ToUpper)},
		{name: "base64 without padding", code: shifted(1, raw)},
		{name: "base64 in MIME", code: then(shifted(0, std), inLines(76, "\r\n"))},
		{name: "base64 in PEM", code: then(shifted(2, std), inLines(64, "\n"))},
		{name: "base64 in narrow lines", code: then(shifted(1, std), inLines(20, "\n  "))},
		{name: "base64 in lines in JSON", code: then(shifted(0, std), inLines(64, `\n`))},
		{name: "base64 in lines in JSON in JSON", code: then(shifted(0, std), inLines(60, `\\r\\n`))},
		{name: "UTF-16, little end first", code: inUTF16(false)},
		{name: "UTF-16, big end first", code: inUTF16(true)},
	}
	for n := range 3 {
		all = append(all, form{name: fmt.Sprint("base64 at ", n), code: shifted(n, std)},
			form{name: fmt.Sprint("base64url at ", n), code: shifted(n, web)},
			form{name: fmt.Sprint("base64 of base64 at ", n), code: func(s string) string { return twice("zyx"[:n] + s) }, slack: 4})
	}
	return all
}
