package corpus

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"unicode/utf8"
)

// Escapes returns n bytes that are full of escapes, in equal parts: text beyond
// ASCII written as \uXXXX, source code in a JSON string and in one within
// another, forms of percent-encoded prose, and HTML as text.
func Escapes(n int) []byte {
	w := newWriter(6)
	return w.fill(n, func(b *bytes.Buffer) {
		switch w.IntN(5) {
		case 0:
			encodeASCII(b, w.cyrillic(300))
		case 1:
			encode(b, object{"content": w.source(12)}, "")
		case 2:
			inner, err := json.Marshal(object{"path": "src/a.go", "text": w.source(6)})
			if err != nil {
				panic(err) // strings always encode
			}
			encode(b, object{"arguments": string(inner)}, "")
		case 3:
			fmt.Fprintf(b, "q=%s&next=%s\n", url.QueryEscape(w.cyrillic(60)), url.QueryEscape("https://example.com/?q="+w.prose(10)))
		case 4:
			b.WriteString(html.EscapeString(`<p class="note">` + w.prose(12) + "</p>\n<pre>" + w.source(4) + "</pre>\n"))
		}
	})
}

// cyrillic returns n letters, in words.
func (w writer) cyrillic(n int) string {
	letters := make([]rune, n)
	for i := range letters {
		if letters[i] = 'а' + rune(w.IntN(32)); w.IntN(7) == 0 {
			letters[i] = ' '
		}
	}
	return string(letters)
}

// source returns so many statements of a program.
func (w writer) source(n int) string {
	var b bytes.Buffer
	for range n {
		fmt.Fprintf(&b, "\tif v, ok := m[\"%s\"]; !ok && n < %d {\n\t\treturn fmt.Errorf(\"%s %%q: \\\"%%w\\\"\\n\", name, err)\n\t}\n",
			words[w.IntN(len(words))], w.IntN(99), words[w.IntN(len(words))])
	}
	return b.String()
}

// encodeASCII writes text as a JSON string that is confined to ASCII.
func encodeASCII(b *bytes.Buffer, text string) {
	b.WriteByte('"')
	for _, r := range text {
		if r < utf8.RuneSelf {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(b, `\u%04x`, r)
		}
	}
	b.WriteString("\"\n")
}
