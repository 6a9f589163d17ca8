package replace

import (
	"html"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// levels is how many escapes may lie around each other: JSON in a JSON string
// in a JSON string.
const levels = 3

// longestRun is how many backslashes in a row are read in pairs. Behind so
// many, those that follow stand for themselves.
const longestRun = 16

// longestName bounds the name of a character reference, with "&" and ";".
const longestName = 40

// unescape reads the escape that text begins with, if it does: with a backslash
// (JSON, JavaScript, C), with "%" (URLs and forms) or with "&" (HTML). It
// returns what it stands for, and its length; 0 if it is none.
func unescape(text []byte, out *[utf8.UTFMax * 2]byte) (n, size int) {
	if len(text) < 2 {
		return 0, 0
	}
	switch text[0] {
	case '%':
		if c, ok := hexByte(text[1:]); ok {
			out[0] = c
			return 1, 3
		}
	case '\\':
		return unescapeBackslash(text, out)
	case '&':
		return unescapeReference(text, out)
	}
	return 0, 0
}

func unescapeBackslash(text []byte, out *[utf8.UTFMax * 2]byte) (n, size int) {
	switch c := text[1]; c {
	case 'u':
		return unescapeUnicode(text, out)
	case 'x':
		if c, ok := hexByte(text[2:]); ok {
			out[0] = c
			return 1, 4
		}
		return 0, 0
	case '"', '\\', '/', '\'':
		out[0] = c
	case 'b':
		out[0] = '\b'
	case 'f':
		out[0] = '\f'
	case 'n':
		out[0] = '\n'
	case 'r':
		out[0] = '\r'
	case 't':
		out[0] = '\t'
	default:
		return 0, 0
	}
	return 1, 2
}

// unescapeUnicode reads "\u0041", or a pair of them for what is beyond 16 bits.
func unescapeUnicode(text []byte, out *[utf8.UTFMax * 2]byte) (n, size int) {
	r, ok := hexUnit(text)
	if !ok {
		return 0, 0
	}
	size = 6
	if utf16.IsSurrogate(r) {
		low, ok := hexUnit(text[6:])
		if r = utf16.DecodeRune(r, low); !ok || r == utf8.RuneError {
			return 0, 0
		}
		size = 12
	}
	return utf8.EncodeRune(out[:], r), size
}

// unescapeReference reads a character reference that ends in ";".
func unescapeReference(text []byte, out *[utf8.UTFMax * 2]byte) (n, size int) {
	if text[1] != '#' {
		return unescapeName(text, out)
	}
	r, size := digits(text[1:], 1, 7, 10)
	head := 1
	if len(text) > 3 && text[2]|0x20 == 'x' {
		r, size = digits(text[2:], 1, 6, 16)
		head = 2
	}
	if size == 0 || !closes(text, head+size, ';') || !utf8.ValidRune(r) {
		return 0, 0
	}
	return utf8.EncodeRune(out[:], r), head + size + 1
}

func unescapeName(text []byte, out *[utf8.UTFMax * 2]byte) (n, size int) {
	for size = 1; size < len(text) && size < longestName && alphanumeric(text[size]); size++ {
	}
	if size == 1 || !closes(text, size, ';') {
		return 0, 0
	}
	size++
	if c, ok := asciiNames[string(text[1:size-1])]; ok {
		out[0] = c
		return 1, size
	}
	if s, ok := latinNames[string(text[1:size-1])]; ok {
		return copy(out[:], s), size
	}
	name := string(text[:size])
	if s := html.UnescapeString(name); s != name && len(s) <= len(out) && s[0] != '&' && s[len(s)-1] != ';' {
		return copy(out[:], s), size
	}
	return 0, 0
}

// asciiNames are the references of HTML (13.5) to characters of ASCII.
var asciiNames = map[string]byte{
	"Tab": '\t', "NewLine": '\n', "excl": '!', "quot": '"', "QUOT": '"', "num": '#', "dollar": '$', "percnt": '%',
	"amp": '&', "AMP": '&', "apos": '\'', "lpar": '(', "rpar": ')', "ast": '*', "midast": '*', "plus": '+',
	"comma": ',', "period": '.', "sol": '/', "colon": ':', "semi": ';', "lt": '<', "LT": '<', "equals": '=',
	"gt": '>', "GT": '>', "quest": '?', "commat": '@', "lsqb": '[', "lbrack": '[', "bsol": '\\', "rsqb": ']',
	"rbrack": ']', "Hat": '^', "lowbar": '_', "UnderBar": '_', "grave": '`', "DiacriticalGrave": '`',
	"lcub": '{', "lbrace": '{', "verbar": '|', "vert": '|', "VerticalLine": '|', "rcub": '}', "rbrace": '}',
}

// latinNames are the references to the characters of Latin-1, which are common:
// reading one needs no memory.
var latinNames = func() map[string]string {
	all := map[string]string{}
	for _, name := range strings.Fields(`nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr
		deg plusmn sup2 sup3 acute micro para middot cedil sup1 ordm raquo frac14 frac12 frac34 iquest
		Agrave Aacute Acirc Atilde Auml Aring AElig Ccedil Egrave Eacute Ecirc Euml Igrave Iacute Icirc Iuml
		ETH Ntilde Ograve Oacute Ocirc Otilde Ouml times Oslash Ugrave Uacute Ucirc Uuml Yacute THORN szlig
		agrave aacute acirc atilde auml aring aelig ccedil egrave eacute ecirc euml igrave iacute icirc iuml
		eth ntilde ograve oacute ocirc otilde ouml divide oslash ugrave uacute ucirc uuml yacute thorn yuml`) {
		all[name] = html.UnescapeString("&" + name + ";")
	}
	return all
}()

// digits reads up to most digits from text[skip:], and returns how many bytes of
// text that and skip were; 0 if there is none.
func digits(text []byte, skip, most int, base rune) (r rune, size int) {
	for size = skip; size < len(text) && size < skip+most; size++ {
		d, ok := unhex(text[size])
		if !ok || rune(d) >= base {
			break
		}
		r = r*base + rune(d)
	}
	if size <= skip {
		return 0, 0
	}
	return r, size
}

func closes(text []byte, i int, c byte) bool { return i < len(text) && text[i] == c }

// hexUnit reads "\u0041".
func hexUnit(text []byte) (rune, bool) {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return 0, false
	}
	high, ok := hexByte(text[2:])
	low, ok2 := hexByte(text[4:])
	return rune(high)<<8 | rune(low), ok && ok2
}

func hexByte(text []byte) (byte, bool) {
	if len(text) < 2 {
		return 0, false
	}
	high, ok := unhex(text[0])
	low, ok2 := unhex(text[1])
	return high<<4 | low, ok && ok2
}

func unhex(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10, true
	}
	return 0, false
}

func alphanumeric(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// escapes walks over the escapes of a text, from left to right.
type escapes struct {
	text []byte
	i    int // where the next may begin
	run  int // where the backslashes began whose pair was read last
	out  [utf8.UTFMax * 2]byte
}

// next returns the place of the next escape, what it stands for and its size;
// a size of 0 if there is none.
func (e *escapes) next() (at, n, size int) {
	for {
		e.i = nextEscape(e.text, e.i)
		if e.i >= len(e.text) {
			return e.i, 0, 0
		}
		at = e.i
		if n, size = e.read(); size > 0 {
			e.i += size
			return at, n, size
		}
		e.i++
	}
}

// nextEscape returns the place of the next byte from i on with which an escape
// may begin. Where there is one, the next is often close.
func nextEscape(text []byte, i int) int {
	for near := min(len(text), i+16); i < near; i++ {
		if classOf[text[i]]&escapeClass != 0 {
			return i
		}
	}
	return i + indexClass(text[i:], escapeClass)
}

func (e *escapes) read() (n, size int) {
	if e.text[e.i] == '\\' {
		if e.i == 0 || e.text[e.i-1] != '\\' {
			e.run = e.i
		}
		if e.i-e.run >= longestRun {
			return 0, 0
		}
	}
	return unescape(e.text[e.i:], &e.out)
}

// decodeString decodes every escape of s once.
func decodeString(s string) string {
	var b []byte
	e := escapes{text: []byte(s)}
	done := 0
	for at, n, size := e.next(); size > 0; at, n, size = e.next() {
		b = append(append(b, s[done:at]...), e.out[:n]...)
		done = at + size
	}
	return string(append(b, s[done:]...))
}
