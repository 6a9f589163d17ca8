package secret

import "math"

// The strength that a value must have unless its source says that it is weak.
const (
	MinBytes = 16
	MinBits  = 64
	// Floor is the length in bytes that even a weak value must have: a shorter
	// one stands in too many innocent texts to be masked.
	Floor = 8
)

// Weak tells whether a value could be guessed: it is under MinBytes long, or an
// attacker would need fewer than 2^MinBits tries by Bits.
func Weak(b []byte) bool { return len(b) < MinBytes || Bits(b) < MinBits }

// Bits estimates the entropy of a value: Shannon's, of its bytes and of the
// differences between neighbours (so that "abcdefgh" and "12345678" count for
// little), the smaller of the two, times the length, with Miller's and Madow's
// correction for short texts. It knows no dictionary: it takes a long sentence
// for strong, and a repeated random block for better than it is.
func Bits(b []byte) float64 {
	if len(b) < 2 {
		return 0
	}
	var bytes, steps [256]int
	for i, c := range b {
		bytes[c]++
		if i > 0 {
			steps[c-b[i-1]]++
		}
	}
	return min(perSymbol(&bytes, len(b)), perSymbol(&steps, len(b)-1)) * float64(len(b))
}

// perSymbol is the entropy in bits of one of n symbols with these counts.
func perSymbol(counts *[256]int, n int) float64 {
	h, kinds := 0.0, 0
	for _, c := range counts {
		if c > 0 {
			p := float64(c) / float64(n)
			h -= p * math.Log2(p)
			kinds++
		}
	}
	return h + float64(kinds-1)/(2*float64(n)*math.Ln2)
}
