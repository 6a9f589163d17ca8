package console

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What of a recorded text a page shows; the rest is in the HAR.
const (
	mostText = 128 << 10 // bytes
	mostHex  = 4 << 10   // bytes
	foldText = 2 << 10   // bytes from which on a body is folded
	foldRows = 24        // likewise lines
)

// run is a stretch of text that is shown alike. Kind is the word by which the style
// knows it: empty for plain text, "odd" for what is not printed as itself, "used",
// "inert", "masked" or "token".
type run struct{ Kind, Text string }

// content is a body or a message, as a page shows it: text, or binary as hex.
type content struct {
	Runs []run
	Hex  string
	Size int64 // bytes that are kept
	Rest int64 // of them, those that are not shown
	Fold bool
}

// Lines says how long the content is, for who unfolds it.
func (c content) Lines() string {
	if c.Hex != "" {
		return "binary"
	}
	n := 1
	for _, r := range c.Runs {
		n += strings.Count(r.Text, "\n")
	}
	if n == 1 {
		return "1 line"
	}
	return fmt.Sprintf("%d lines", n)
}

// contentOf shows data that an agent or a backend wrote. kind says what a
// placeholder of a credential is here.
func contentOf(data []byte, binary bool, kind func(credential string) string) content {
	c := content{Size: int64(len(data))}
	if binary || bytes.IndexByte(data, 0) >= 0 || !utf8.Valid(wholeRunes(data)) {
		shown := data[:min(len(data), mostHex)]
		c.Hex, c.Rest, c.Fold = hex.Dump(shown), int64(len(data)-len(shown)), len(shown) > foldRows*16
		return c
	}
	shown := wholeRunes(data[:min(len(data), mostText)])
	c.Runs, c.Rest = runs(string(shown), false, kind), int64(len(data)-len(shown))
	c.Fold = len(shown) > foldText || bytes.Count(shown, []byte("\n")) > foldRows
	return c
}

// wholeRunes is text without a character that is cut at its end.
func wholeRunes(text []byte) []byte {
	for i := 1; i < utf8.UTFMax && i <= len(text); i++ {
		if tail := text[len(text)-i:]; utf8.RuneStart(tail[0]) {
			if !utf8.FullRune(tail) {
				return text[:len(text)-i]
			}
			break
		}
	}
	return text
}

// marked are the texts that stand for something: placeholders, with a lease's id
// in the place of a ticket's suffix, masks, and what stands for a token.
var marked = regexp.MustCompile(`ckr_([a-z0-9-]{1,48})_(?:[0-9a-hjkmnp-tv-z]{26}|\[ticket[ 0-9a-z]{0,32}\])|(\[masked\])|\[token(?: [0-9a-f]{16})?\]`)

// runs takes text apart. Line breaks and tabs are the only controls left in it, and
// of one line not even these.
func runs(text string, line bool, kind func(credential string) string) (all []run) {
	for len(text) > 0 {
		at := marked.FindStringSubmatchIndex(text)
		if at == nil {
			return visible(all, text, line)
		}
		all = visible(all, text[:at[0]], line)
		is := "token"
		switch {
		case at[2] >= 0:
			is = kind(text[at[2]:at[3]])
		case at[4] >= 0:
			is = "masked"
		}
		all = append(all, run{is, text[at[0]:at[1]]})
		text = text[at[1]:]
	}
	return all
}

// visible adds text in which what would change how other text is read is shown
// by its name.
func visible(all []run, text string, line bool) []run {
	from := 0
	for i, r := range text {
		if !odd(r) && (!line || r >= ' ') {
			continue
		}
		if from < i {
			all = append(all, run{"", text[from:i]})
		}
		all = append(all, run{"odd", picture(r)})
		from = i + utf8.RuneLen(r)
	}
	if from < len(text) {
		all = append(all, run{"", text[from:]})
	}
	return all
}

// odd tells whether a character is not printed as itself, or changes how others
// are; a line break and a tab are.
func odd(r rune) bool {
	return r != '\n' && r != '\t' && (!unicode.IsPrint(r) || unicode.In(r, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point))
}

// picture is what is shown in the place of an odd character: a control's caret
// form, or its number.
func picture(r rune) string {
	if r < ' ' || r == 0x7f {
		return "^" + string(r^0x40)
	}
	return fmt.Sprintf("U+%04X", r)
}
