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

// indexClassByBytes returns the place of the first byte of text that is of one
// of the classes, or text's length: indexClass for processors without a way of
// their own.
func indexClassByBytes(text []byte, classes uint8) int {
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
