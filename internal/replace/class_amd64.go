package replace

// hasAVX2 tells whether processor and system have the instructions of indexAVX2.
var hasAVX2 = detectAVX2()

// index returns the place of the first byte of text that is worth a look, or
// text's length. Near the ends of text a few more may be.
func (h *hints) index(text []byte) int {
	if !hasAVX2 || len(text) < 40 {
		return h.indexEach(text, 0)
	}
	if h.own[text[0]] != 0 {
		return 0
	}
	at := indexAVX2(text, &h.halves)
	if at <= len(text)-33 {
		return at
	}
	return h.indexEach(text, at)
}

// indexAVX2 looks at blocks of 32 bytes of text from its second byte on, for as
// long as there is a byte behind them, and returns the first place, or that of
// the first byte that it did not look at.
//
//go:noescape
func indexAVX2(text []byte, h *[3]halves) int

func detectAVX2() bool
