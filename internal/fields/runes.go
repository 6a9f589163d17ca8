package fields

import "unicode/utf8"

// runes checks that a text is UTF-8, however it is cut. To a reader who takes an
// overlong quote for a quote, strings end elsewhere than to us.
type runes struct {
	open [utf8.UTFMax]byte // of a character whose end has not come
	n    int
}

// valid tells whether src may follow what came before. With last, nothing follows.
func (r *runes) valid(src []byte, last bool) bool {
	for r.n > 0 && len(src) > 0 {
		r.open[r.n] = src[0]
		r.n, src = r.n+1, src[1:]
		if utf8.FullRune(r.open[:r.n]) {
			if !utf8.Valid(r.open[:r.n]) {
				return false
			}
			r.n = 0
		}
	}
	whole := len(src)
	for i := 1; i < utf8.UTFMax && i <= len(src); i++ {
		if start := src[len(src)-i:]; utf8.RuneStart(start[0]) {
			if !utf8.FullRune(start) {
				whole -= i
			}
			break
		}
	}
	if !utf8.Valid(src[:whole]) {
		return false
	}
	if whole < len(src) {
		r.n = copy(r.open[:], src[whole:])
	}
	return !last || r.n == 0
}
