package search

import (
	"bytes"
	"html"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// decode reads the escapes of JSON, JavaScript, URLs and HTML once. Of a run of
// backslashes the first 16 bytes are read so.
func decode(r *reading) *reading {
	const longRun = 16
	w, text := rewrite(r), r.text
	run := 0
	for i := nextEscape(text, 0); i < len(text); i = nextEscape(text, i) {
		if text[i] == '\\' && (i == 0 || text[i-1] != '\\') {
			run = i
		}
		size, out := escape(text[i:])
		if size == 0 || text[i] == '\\' && i-run >= longRun {
			i++
			continue
		}
		w.put(i, size, out)
		i += size
	}
	return w.done()
}

func nextEscape(text []byte, i int) int {
	for i < len(text) && text[i] != '\\' && text[i] != '%' && text[i] != '&' {
		i++
	}
	return i
}

// escape returns how many bytes of text are an escape that it begins with, and
// what they mean; 0 if it begins with none.
func escape(text []byte) (size int, out string) {
	switch text[0] {
	case '%':
		if c, ok := number(text, 1, 2); ok {
			return 3, string([]byte{byte(c)})
		}
		return 0, ""
	case '\\':
		return backslash(text)
	}
	end := bytes.IndexByte(text[:min(len(text), 40)], ';')
	if end < 2 {
		return 0, ""
	}
	return reference(string(text[:end+1]))
}

func backslash(text []byte) (size int, out string) {
	if len(text) < 2 {
		return 0, ""
	}
	switch text[1] {
	case 'u':
		return unit(text)
	case 'x':
		if c, ok := number(text, 2, 2); ok {
			return 4, string([]byte{byte(c)})
		}
		return 0, ""
	}
	if i := bytes.IndexByte([]byte(`"\/'bfnrt`), text[1]); i >= 0 {
		return 2, "\"\\/'\b\f\n\r\t"[i : i+1]
	}
	return 0, ""
}

// unit reads \uXXXX, or two of them that are one character.
func unit(text []byte) (size int, out string) {
	c, ok := number(text, 2, 4)
	if !ok {
		return 0, ""
	}
	if low, ok := number(text, 8, 4); ok && text[6] == '\\' && text[7] == 'u' {
		if both := utf16.DecodeRune(c, low); both != utf8.RuneError {
			return 12, string(both)
		}
	}
	if !utf8.ValidRune(c) {
		return 0, ""
	}
	return 6, string(c)
}

// number reads so many hexadecimal digits of text from i on.
func number(text []byte, i, digits int) (n rune, ok bool) {
	if i+digits > len(text) {
		return 0, false
	}
	for _, c := range text[i : i+digits] {
		switch {
		case '0' <= c && c <= '9':
			n = n<<4 | rune(c-'0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			n = n<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return n, true
}

// reference reads a character reference of HTML, from "&" to ";".
func reference(text string) (size int, out string) {
	inner := text[1 : len(text)-1]
	if inner[0] != '#' {
		return named(text)
	}
	inner, base, most := inner[1:], 10, 7
	if len(inner) > 1 && inner[0]|0x20 == 'x' {
		inner, base, most = inner[1:], 16, 6
	}
	c, err := strconv.ParseUint(inner, base, 31)
	if err != nil || len(inner) > most || !utf8.ValidRune(rune(c)) {
		return 0, ""
	}
	return len(text), string(rune(c))
}

// named reads a reference by name, of which the standard library knows all that
// there are. It also reads names without their ";", which are none here.
func named(text string) (size int, out string) {
	for _, c := range []byte(text[1 : len(text)-1]) {
		if c < '0' || c > '9' && c < 'A' || c > 'Z' && c < 'a' || c > 'z' {
			return 0, ""
		}
	}
	out = html.UnescapeString(text)
	switch {
	case text == "&amp;" || text == "&AMP;" || text == "&semi;":
	case out == text, out[0] == '&', out[len(out)-1] == ';', len(out) > 8:
		return 0, ""
	}
	return len(text), out
}

// unquote reads a text as quoted-printable.
func unquote(r *reading) *reading {
	w, text := rewrite(r), r.text
	for i := 0; ; {
		n := bytes.IndexByte(text[i:], '=')
		if n < 0 {
			return w.done()
		}
		i += n
		switch rest := text[i+1:]; {
		case bytes.HasPrefix(rest, []byte("\n")):
			w.put(i, 2, "")
			i += 2
		case bytes.HasPrefix(rest, []byte("\r\n")):
			w.put(i, 3, "")
			i += 3
		default:
			c, ok := number(rest, 0, 2)
			if ok {
				w.put(i, 3, string([]byte{byte(c)}))
				i += 2
			}
			i++
		}
	}
}
