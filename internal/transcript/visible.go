package transcript

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Visible shows a text of one line: a character that is not printed as itself, a
// byte that is no UTF-8, a line break too, becomes ‹U+001B› or ‹ff›.
func Visible(text string) string {
	if !strings.ContainsFunc(text, hidden) {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, "‹%02x›", text[i])
		case hidden(r):
			fmt.Fprintf(&b, "‹U+%04X›", r)
		default:
			b.WriteRune(r)
		}
		i += n
	}
	return b.String()
}

// Harmless tells whether a terminal may be given the data: all of it is printed as
// itself, but for tabs and the ends of lines.
func Harmless(data []byte) bool {
	return !strings.ContainsFunc(string(data), func(r rune) bool { return hidden(r) && r != '\t' && r != '\n' })
}

// hidden tells whether a character is not printed as itself, or may stand for a
// byte that is no UTF-8.
func hidden(r rune) bool {
	return !unicode.IsPrint(r) || r == utf8.RuneError ||
		unicode.In(r, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point)
}

// JSON is a JSON text that says the same, in which characters that are not printed as
// themselves are escaped: they stand in strings alone.
func JSON(text []byte) []byte {
	if !bytes.ContainsFunc(text, func(r rune) bool { return r != '\n' && hidden(r) }) {
		return text
	}
	var out []byte
	for _, r := range string(text) { // a byte that is no UTF-8 is U+FFFD
		switch {
		case r == '\n' || !hidden(r):
			out = utf8.AppendRune(out, r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
	}
	return out
}

// isText tells whether data is text, which may be cut within its last character.
func isText(data []byte) bool {
	for range utf8.UTFMax - 1 {
		if r, n := utf8.DecodeLastRune(data); r != utf8.RuneError || n != 1 {
			break
		}
		data = data[:len(data)-1]
	}
	return utf8.Valid(data) && !strings.ContainsRune(string(data), 0)
}

// Lines shows a text line by line; a tab stays, for code and tables.
func Lines(text string) []string {
	var lines []string
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
		cells := strings.Split(strings.TrimSuffix(line, "\r"), "\t")
		for i, c := range cells {
			cells[i] = Visible(c)
		}
		lines = append(lines, strings.Join(cells, "\t"))
	}
	return lines
}

// dump shows bytes in hex beside their printable ASCII, sixteen a line.
func dump(data []byte) []string {
	var lines []string
	for at := 0; at < len(data); at += 16 {
		row := data[at:min(at+16, len(data))]
		lines = append(lines, fmt.Sprintf("%08x  % -47x  %s", at, row, ascii(row)))
	}
	return lines
}

func ascii(row []byte) string {
	out := make([]byte, len(row))
	for i, c := range row {
		if out[i] = '.'; c >= ' ' && c <= '~' {
			out[i] = c
		}
	}
	return string(out)
}
