package inventory

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"
)

// checkReading refuses a reading that different backends would take in ways
// that no step describes.
func checkReading(path string) error {
	if !utf8.ValidString(path) {
		return errors.New("the path hides bytes that are not UTF-8")
	}
	for _, r := range path {
		switch {
		case r < ' ' || r >= 0x7f && r <= 0x9f:
			return errors.New("the path hides a control byte")
		case r > 0x9f && (unicode.Is(folding, r) || unicode.Is(unicode.Cf, r)):
			return errors.New("the path hides a character that some backends take for another")
		}
	}
	for s := range strings.SplitSeq(path, "/") {
		if isDotted(s) {
			return errors.New("the path holds a dot segment with spaces or dots around it")
		}
	}
	return nil
}

// isDotted tells whether a segment is made of dots, with spaces (or "+", which
// some read as a space) around or between, and is not simply "." or "..".
func isDotted(s string) bool {
	s, _, _ = strings.Cut(s, ";")
	if s == "." || s == ".." || !strings.Contains(s, ".") {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool { return r != '.' && r != '+' && !unicode.IsSpace(r) })
}

// folding are the characters that hold one of ./\;?#% after Unicode's NFKC
// normalization, and those that Windows' best-fit tables make a slash or a
// backslash.
var folding = &unicode.RangeTable{R16: []unicode.Range16{
	{Lo: 0xa5, Hi: 0xa5, Stride: 1}, {Lo: 0x37e, Hi: 0x37e, Stride: 1},
	{Lo: 0x2024, Hi: 0x2026, Stride: 1}, {Lo: 0x2044, Hi: 0x2044, Stride: 1},
	{Lo: 0x2047, Hi: 0x2049, Stride: 1}, {Lo: 0x20a9, Hi: 0x20a9, Stride: 1},
	{Lo: 0x2100, Hi: 0x2101, Stride: 1}, {Lo: 0x2105, Hi: 0x2106, Stride: 1},
	{Lo: 0x2215, Hi: 0x2216, Stride: 1}, {Lo: 0x2488, Hi: 0x249b, Stride: 1},
	{Lo: 0x29f5, Hi: 0x29f5, Stride: 1}, {Lo: 0x29f8, Hi: 0x29f9, Stride: 1},
	{Lo: 0x33c2, Hi: 0x33c2, Stride: 1}, {Lo: 0x33c7, Hi: 0x33c7, Stride: 1},
	{Lo: 0x33d8, Hi: 0x33d8, Stride: 1}, {Lo: 0xfe14, Hi: 0xfe14, Stride: 1},
	{Lo: 0xfe16, Hi: 0xfe16, Stride: 1}, {Lo: 0xfe19, Hi: 0xfe19, Stride: 1},
	{Lo: 0xfe30, Hi: 0xfe30, Stride: 1}, {Lo: 0xfe52, Hi: 0xfe52, Stride: 1},
	{Lo: 0xfe54, Hi: 0xfe54, Stride: 1}, {Lo: 0xfe56, Hi: 0xfe56, Stride: 1},
	{Lo: 0xfe5f, Hi: 0xfe5f, Stride: 1}, {Lo: 0xfe68, Hi: 0xfe68, Stride: 1},
	{Lo: 0xfe6a, Hi: 0xfe6a, Stride: 1}, {Lo: 0xff03, Hi: 0xff03, Stride: 1},
	{Lo: 0xff05, Hi: 0xff05, Stride: 1}, {Lo: 0xff0e, Hi: 0xff0f, Stride: 1},
	{Lo: 0xff1b, Hi: 0xff1b, Stride: 1}, {Lo: 0xff1f, Hi: 0xff1f, Stride: 1},
	{Lo: 0xff3c, Hi: 0xff3c, Stride: 1},
}, R32: []unicode.Range32{{Lo: 0x1f100, Hi: 0x1f100, Stride: 1}}, LatinOffset: 1}
