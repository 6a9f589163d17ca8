package replace

// star is the byte that filler decodes to.
const star = '*'

// alphabet is base64's, in the order of the values. The two alphabets differ
// in the last two only.
const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

// edge is a base64 character that the value shares with a neighbour. The zero
// edge is no character.
type edge struct {
	bits byte // of the six, those that are the value's
	fill byte // what they become
}

// blend returns c with the value's bits replaced, or c itself if e is no edge
// or c no base64 character. The result is never one of the two characters in
// which the alphabets differ: the asterisk's bits see to that.
func (e edge) blend(c byte) byte {
	v, ok := sextet(c)
	if e.bits == 0 || !ok {
		return c
	}
	return alphabet[v&^e.bits|e.fill]
}

// wider returns that of e and other which covers more bits. Edges on the same
// side nest.
func (e edge) wider(other edge) edge {
	if other.bits > e.bits {
		return other
	}
	return e
}

// sextet returns the value of a base64 character of either alphabet.
func sextet(c byte) (byte, bool) {
	switch {
	case c >= 'A' && c <= 'Z':
		return c - 'A', true
	case c >= 'a' && c <= 'z':
		return c - 'a' + 26, true
	case c >= '0' && c <= '9':
		return c - '0' + 52, true
	case c == '+' || c == '-':
		return 62, true
	case c == '/' || c == '_':
		return 63, true
	}
	return 0, false
}

// leftEdge is the character in front of a value that begins behind so many
// bytes of a group: its low bits are the value's first.
func leftEdge(before int) edge {
	switch before {
	case 1:
		return edge{0b001111, star >> 4}
	case 2:
		return edge{0b000011, star >> 6}
	}
	return edge{}
}

// rightEdge is the character that holds, as its high bits, so many of a value's
// last bits.
func rightEdge(over int) edge {
	switch over {
	case 2:
		return edge{0b110000, star & 0b11 << 4}
	case 4:
		return edge{0b111100, star & 0b1111 << 2}
	}
	return edge{}
}
