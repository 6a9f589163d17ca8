package replace

import "bytes"

// A class is the bytes with which something may begin that a text has to be
// viewed otherwise for. Each has one bit, so that several can be looked for at
// once.
const (
	zeroClass      = 1 << iota // text of two bytes a character
	lineClass                  // "\n"
	percentClass               // "%"
	ampersandClass             // "&"
	equalsClass                // "=": quoted-printable
	backslashClass             // "\\"

	escapeClass = percentClass | ampersandClass | backslashClass
	everyClass  = zeroClass | lineClass | escapeClass | equalsClass
)

var classBytes = [...]byte{0, '\n', '%', '&', '=', '\\'}

// classOf is the class of each byte.
var classOf = func() (t [256]uint8) {
	for i, c := range classBytes {
		t[c] = 1 << i
	}
	return t
}()

// indexClass returns the place of the first byte of text that is of one of the
// classes, or text's length.
func indexClass(text []byte, classes uint8) int {
	for i, c := range classBytes {
		if classes&(1<<i) == 0 {
			continue
		}
		if at := bytes.IndexByte(text, c); at >= 0 {
			text = text[:at]
		}
	}
	return len(text)
}

// hints tell at which bytes a look is worth its while: those that have a bit in
// common with what is known of the byte before and of the byte behind.
type hints struct {
	before, own, behind [256]uint8
	// The same by the halves of a byte, for many at once: what both halves have
	// in common. It may be more than is so, never less.
	halves [3]halves
}

type halves struct{ low, high [16]uint8 }

// parted makes ready what is known by the halves.
func (h *hints) parted() {
	for i, of := range []*[256]uint8{&h.before, &h.own, &h.behind} {
		for c, bits := range of {
			h.halves[i].low[c&15] |= bits
			h.halves[i].high[c>>4] |= bits
		}
	}
}

// indexEach is index for texts of any length, a byte at a time from the place
// on.
func (h *hints) indexEach(text []byte, at int) int {
	for ; at < len(text); at++ {
		bits := h.own[text[at]]
		if bits == 0 {
			continue
		}
		if at > 0 {
			bits &= h.before[text[at-1]]
		}
		if at+1 < len(text) {
			bits &= h.behind[text[at+1]]
		}
		if bits != 0 {
			break
		}
	}
	return at
}
