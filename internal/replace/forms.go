package replace

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// form is one way in which a value may stand in a text.
type form struct {
	text string
	// fill is what is written over the form, repeated; zero for a text form,
	// which is written as a mask.
	fill [4]byte
	// left and right are the characters around text that carry some of the
	// value's bits.
	left, right edge
}

func (f *form) isText() bool { return f.fill == [4]byte{} }

// forms returns every form of v, with repetitions.
func forms(v string) []form {
	var fs []form
	for _, texts := range [][]string{{v}, jsonForms(v), percentForms(v), htmlForms(v)} {
		for _, t := range texts {
			fs = append(fs, form{text: t})
		}
	}
	fs = append(fs, base64Forms(v)...)
	return append(fs, hexForms(v)...)
}

// jsonForms escapes v as the common encoders do: with and without the escapes
// that make JSON safe inside HTML, with "/" escaped or not, and confined to
// ASCII or not; and as those of jsonStyles do. A value that is not UTF-8 has no
// JSON form.
func jsonForms(v string) []string {
	if !utf8.ValidString(v) {
		return nil
	}
	var all []string
	for _, forHTML := range []bool{false, true} {
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(forHTML)
		if e.Encode(v) != nil {
			continue // a string always encodes
		}
		s := strings.TrimSuffix(b.String(), "\n")
		s = s[1 : len(s)-1]
		for _, t := range []string{s, strings.ReplaceAll(s, "/", `\/`)} {
			all = append(all, t, asciiJSON(t, lowerEscape))
		}
	}
	for _, style := range jsonStyles {
		if s := style.escape(v); style.asciiOnly {
			all = append(all, asciiJSON(s, style.format))
		} else {
			all = append(all, s, asciiJSON(s, lowerEscape))
		}
	}
	return all
}

const lowerEscape, upperEscape = `\u%04x`, `\u%04X`

// jsonStyles are encoders that escape more of ASCII than JSON asks for: "=" ends
// many a key in base64, and "+" stands within.
var jsonStyles = []jsonStyle{
	{chars: "<>&='", format: lowerEscape},                         // Gson
	{chars: "<>&'", format: lowerEscape},                          // Python's MarkupSafe and Jinja
	{chars: `<>&'"`, format: upperEscape, slash: true},            // Symfony and Laravel
	{chars: "<>&'\"+`\x7f", format: upperEscape, asciiOnly: true}, // .NET's System.Text.Json
}

type jsonStyle struct {
	chars     string // that become \u escapes
	format    string // of these
	slash     bool   // "/" becomes "\/"
	asciiOnly bool   // whatever is not ASCII becomes such an escape too
}

func (j jsonStyle) escape(v string) string {
	var b strings.Builder
	for _, r := range v {
		short := strings.IndexRune("\b\t\n\f\r\"\\", r)
		switch {
		case strings.ContainsRune(j.chars, r):
			fmt.Fprintf(&b, j.format, r)
		case short >= 0:
			b.WriteByte('\\')
			b.WriteByte(`btnfr"\`[short])
		case r < ' ':
			fmt.Fprintf(&b, j.format, r)
		case r == '/' && j.slash:
			b.WriteString(`\/`)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// asciiJSON replaces what is not ASCII in the inside of a JSON string by \u
// escapes.
func asciiJSON(s, format string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r < utf8.RuneSelf:
			b.WriteByte(byte(r))
		case r > 0xffff:
			hi, lo := utf16.EncodeRune(r)
			fmt.Fprintf(&b, format+format, hi, lo)
		default:
			fmt.Fprintf(&b, format, r)
		}
	}
	return b.String()
}

// percentStyles are the ways in which libraries encode for URLs and forms: what
// stays beside letters and digits, and what a space becomes.
var percentStyles = []struct{ keep, space string }{
	{"-_.~", "%20"},                 // RFC 3986: unreserved
	{"-_.~$&+=:@", "%20"},           // a path segment: Go's PathEscape
	{"-_.~/", "%20"},                // a path: Python's quote
	{"-_.~!'()*", "%20"},            // JavaScript's encodeURIComponent
	{"-_.~!'()*;,/?:@&=+$#", "%20"}, // JavaScript's encodeURI
	{"", "%20"},                     // nothing
	{"-_.~", "+"},                   // a query or form: Go's QueryEscape
	{"-_.*", "+"},                   // a form, by the URL standard of the WHATWG
}

func percentForms(v string) []string {
	var all []string
	for _, style := range percentStyles {
		for _, digits := range []string{"0123456789ABCDEF", "0123456789abcdef"} {
			all = append(all, percent(v, style.keep, style.space, digits))
		}
	}
	return all
}

func percent(v, keep, space, digits string) string {
	var b strings.Builder
	b.Grow(3 * len(v))
	for i := range len(v) {
		c := v[i]
		switch {
		case c == ' ':
			b.WriteString(space)
		case alphanumeric(c) || strings.IndexByte(keep, c) >= 0:
			b.WriteByte(c)
		default:
			b.WriteByte('%')
			b.WriteByte(digits[c>>4])
			b.WriteByte(digits[c&15])
		}
	}
	return b.String()
}

func alphanumeric(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// htmlForms escapes v as Go's html package does and as encoders do that know
// other names for the quotes, or leave them.
func htmlForms(v string) []string {
	if !strings.ContainsAny(v, `&<>"'`) {
		return nil
	}
	all := []string{html.EscapeString(v)}
	for _, quote := range []string{"&#34;", "&quot;", `"`} {
		for _, apostrophe := range []string{"&#39;", "&#x27;", "&#039;", "&apos;", "'"} {
			all = append(all, strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;",
				`"`, quote, "'", apostrophe).Replace(v))
		}
	}
	return all
}

func hexForms(v string) []form {
	lower := hex.EncodeToString([]byte(v))
	fs := []form{{text: lower, fill: [4]byte{'2', 'a', '2', 'a'}}}
	if upper := strings.ToUpper(lower); upper != lower {
		fs = append(fs, form{text: upper, fill: [4]byte{'2', 'A', '2', 'A'}})
	}
	return fs
}
