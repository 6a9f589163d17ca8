package replace

// What a text has to be viewed as, as far as its first look tells.
const (
	viewNarrow uint8 = 1 << iota // without the zero bytes of UTF-16
	viewDecoded
	viewQuoted // as quoted-printable
	viewJoined // without line breaks
)

// fullLine is how many characters of base64 or hex a line has at least that the
// next one goes on with.
const fullLine = 16

// reading tells which of a text's escapes and breaks can be part of an
// occurrence of some value, so that a view is made only where one may be. It
// never changes.
type reading struct {
	member [256]bool // stands in some pattern
	live   [256]bool // stands in some pattern, or may be part of another escape
	hints  hints
}

func newReading(s *Set) (r reading) {
	for _, c := range s.arena {
		r.member[c] = true
	}
	for c := range 256 {
		r.live[c] = r.member[c] || inEscape(byte(c))
	}
	r.hints.own = [256]uint8{0: hintZero, '%': hintEscape, '&': hintEscape, '=': hintQuoted,
		'\n': hintLow | hintHigh | hintMark, '\\': hintBackslash}
	for c := range 256 {
		r.hints.before[c], r.hints.behind[c] = r.before(byte(c)), r.behind(byte(c))
	}
	r.hints.parted()
	return r
}

// inEscape tells whether an escape may have the byte in it.
func inEscape(c byte) bool {
	return alphanumeric(c) || c == '\\' || c == '%' || c == '&' || c == '#' || c == ';' || c == '='
}

// What is looked for at once. No two bytes have a hint in common but such that
// have a half in common; and the bytes of base64 are apart, so that what is
// before a line break is known by its halves: a bracket or comma is not meant.
const (
	hintZero      = 1 << iota
	hintEscape    // "%" and "&", before what goes on as an escape
	hintQuoted    // "=", likewise
	hintBackslash // before what makes an escape that may matter, or is a line break
	hintLow       // "\n" behind a digit or one of the letters up to "o"
	hintHigh      // "\n" behind one of the other letters, or "_"
	hintMark      // "\n" behind another mark of base64, or "\r"
)

// before returns the hints that may be so behind the byte.
func (r *reading) before(c byte) (hints uint8) {
	hints = hintEscape | hintQuoted | hintBackslash
	if c != 0 {
		hints |= hintZero
	}
	switch {
	case c == '+' || c == '-' || c == '/' || c == '\r':
		hints |= hintMark
	case inLine64[c] && (c>>4 == 5 || c>>4 == 7):
		hints |= hintHigh
	case inLine64[c] || c == ';': // which ends an escape of a mark
		hints |= hintLow
	}
	return hints
}

// behind returns the hints that may be so in front of the byte.
func (r *reading) behind(c byte) (hints uint8) {
	hints = hintLow | hintHigh | hintMark
	if c != 0 {
		hints |= hintZero
	}
	if alphanumeric(c) || c == '#' {
		hints |= hintEscape
	}
	if _, digit := unhex(c); digit || c == '\r' || c == '\n' {
		hints |= hintQuoted
	}
	var out [8]byte
	if n, _ := unescape([]byte{'\\', c}, &out); c == 'u' || c == 'x' || c == 'n' || c == 'r' || n > 0 && r.live[out[0]] {
		hints |= hintBackslash
	}
	return hints
}

// decodedLive tells whether an escape at a place of a text, which stands for
// out, may be part of an occurrence.
func (r *reading) decodedLive(text []byte, at int, out []byte) bool {
	c := out[0]
	return r.live[c] || endsLine(c) && mayBeFull(text, at)
}

func endsLine(c byte) bool { return c == '\n' || c == '\r' }

// softLive tells the same of a line break that quoted-printable leaves out.
func (r *reading) softLive(text []byte, at, size int) bool {
	end := at + size
	return at > 0 && r.live[text[at-1]] && end < len(text) && r.live[text[end]]
}

// zeros returns how many zero bytes text begins with.
func zeros(text []byte) int {
	n := 0
	for n < len(text) && text[n] == 0 {
		n++
	}
	return n
}

// zeroRun is how many zero bytes two bytes apart are UTF-16.
const zeroRun = 4

// between tells whether the zero byte at a place looks like the other half of a
// character in UTF-16, in either order: there are others like it, and none
// beside it.
func between(text []byte, at int) bool {
	if at == 0 || at == len(text)-1 || text[at-1] == 0 || text[at+1] == 0 {
		return false
	}
	n := 1
	for i := at - 2; i >= 0 && text[i] == 0 && n < zeroRun; i -= 2 {
		n++
	}
	for i := at + 2; i < len(text) && text[i] == 0 && n < zeroRun; i += 2 {
		n++
	}
	return n >= zeroRun
}

// farIndent bounds how far the next line of base64 may be indented.
const farIndent = 64

// lineBreak returns where the line break begins whose "\n" is at a place, and
// its size with the indent behind it; a size of 0 if the next line does not go
// on with a text of base64 or hex.
func lineBreak(text []byte, at int) (from, size int) {
	from = at
	if from > 0 && text[from-1] == '\r' {
		from--
	}
	if !fullBefore(text, from) {
		return 0, 0
	}
	end := at + 1
	for end < len(text) && end-at <= farIndent && (text[end] == ' ' || text[end] == '\t') {
		end++
	}
	if end == len(text) || !inLine64[text[end]] {
		return 0, 0
	}
	return from, end - from
}

// mayBeFull tells whether a whole line's worth of base64 or hex may be before i,
// some of which is escaped.
func mayBeFull(text []byte, i int) bool {
	if i > 0 && text[i-1] == '\r' {
		i--
	}
	for n := 1; n <= min(fullLine, i); n++ {
		if c := text[i-n]; !inLine64[c] && !inEscape(c) {
			return false
		}
	}
	return true
}

// fullBefore tells whether a whole line's worth of base64 or hex is before i.
func fullBefore(text []byte, i int) bool {
	if i < fullLine {
		return false
	}
	for n := 1; n <= fullLine; n++ { // words are short: from the end it is soon seen
		if !inLine64[text[i-n]] {
			return false
		}
	}
	return true
}

// inLine64 are the bytes of base64 and of hex with separators that are no space.
var inLine64 = func() (t [256]bool) {
	for c := range 256 {
		t[c] = alphanumeric(byte(c)) || c == '+' || c == '/' || c == '-' || c == '_' || c == ':'
	}
	return t
}()

// unquote reads an escape of quoted-printable (RFC 2045, 6.7) that text begins
// with: a byte, or a line break that is left out. The size is 0 if it is none.
func unquote(text []byte) (c byte, n, size int) {
	switch c, ok := hexByte(text[1:]); {
	case ok:
		return c, 1, 3
	case closes(text, 1, '\n'):
		return 0, 0, 2
	case closes(text, 1, '\r') && closes(text, 2, '\n'):
		return 0, 0, 3
	}
	return 0, 0, 0
}
