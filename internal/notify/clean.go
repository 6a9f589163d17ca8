package notify

import (
	"strings"
	"unicode"

	"cloakroom/internal/replace"
)

// Masker takes every known value out of a text. It must be safe for concurrent
// use.
type Masker interface {
	Mask(text string) replace.Masked
}

// cleaner makes texts fit to be shown to people, and notes whether that changed
// one.
type cleaner struct {
	masker  Masker
	altered bool
}

// clean masks a text, makes it plain and cuts it to most characters.
func (c *cleaner) clean(text string, most int) string {
	out := cut(plain(c.masker.Mask(text).String()), most)
	c.altered = c.altered || out != text
	return out
}

// plain puts a visible mark in place of every character that is none: controls,
// line ends, bidirectional and zero-width ones, what Unicode leaves private or
// unassigned, broken UTF-8. A mark, so that what stood on both sides of it does
// not become one word.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r' || r == '\t' || unicode.Is(unicode.Zs, r):
			return ' '
		case unicode.IsPrint(r) && !blank(r):
			return r
		}
		return unicode.ReplacementChar
	}, text)
}

// blank tells of letters and marks that show nothing: fillers and variation
// selectors, in which a text can be hidden, but for the two that choose an
// emoji's looks.
func blank(r rune) bool {
	return unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r) || r == '\u2800' ||
		unicode.Is(unicode.Variation_Selector, r) && r != '\ufe0e' && r != '\ufe0f'
}

// cut leaves at most that many characters, the last of which then tells that
// there were more.
func cut(text string, most int) string {
	n := 0
	for i := range text {
		if n++; n > most {
			// the place before the last that fits is where the mark goes
			return strings.TrimRight(string([]rune(text[:i])[:most-1]), " ") + "…"
		}
	}
	return text
}
