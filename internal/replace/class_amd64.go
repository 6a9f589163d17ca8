package replace

// hasAVX2 tells whether processor and system have the instructions of
// indexClassAVX2.
var hasAVX2 = detectAVX2()

// shortText is the length below which a look at each byte is fastest.
const shortText = 32

// indexClass returns the place of the first byte of text that is of one of the
// classes, or text's length.
func indexClass(text []byte, classes uint8) int {
	at := 0
	if len(text) >= shortText {
		if !hasAVX2 {
			return indexClassByBytes(text, classes)
		}
		if at = indexClassAVX2(text, classes); at < len(text)&^(shortText-1) {
			return at
		}
	}
	for ; at < len(text); at++ {
		if classOf[text[at]]&classes != 0 {
			break
		}
	}
	return at
}

var classOf = func() (t [256]uint8) {
	for i, c := range classBytes {
		t[c] = 1 << i
	}
	return t
}()

// indexClassAVX2 looks at the whole blocks of 32 bytes of text, and returns the
// first place, or their length.
//
//go:noescape
func indexClassAVX2(text []byte, classes uint8) int

func detectAVX2() bool
