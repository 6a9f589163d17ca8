package replace

import "math/bits"

// farthest bounds how many of a pattern's windows may be in the index.
const farthest = 256

// dull is what a window costs, in patterns, that ordinary text is full of.
const dull = 64

// census counts, roughly, in how many patterns each window stands. Keys of one
// kind begin alike (a prefix, a JWT's header, a connection string): were they
// found by what they share, each text of that kind would be compared with all
// of them.
type census struct {
	*index
	shift  uint
	counts []uint8
}

// anchors returns for each pattern the first of the consecutive windows that
// are to be in the index: those that fewest patterns share.
func (x *index) anchors(s *Set, patterns []uint32) []uint8 {
	n := 0
	for _, p := range patterns {
		n += x.windows(s.text(&s.patterns[p]))
	}
	size := min(bits.Len(uint(n)), 22)
	c := census{x, uint(64 - size), make([]uint8, 1<<size)}
	for _, p := range patterns {
		text := s.text(&s.patterns[p])
		for offset := range x.windows(text) {
			if count := &c.counts[x.hash(text, offset)>>c.shift]; *count < 255 {
				*count++
			}
		}
	}
	firsts := make([]uint8, len(patterns))
	for i, p := range patterns {
		firsts[i] = uint8(c.anchor(s.text(&s.patterns[p]), public(s.patterns[p].kind)))
	}
	return firsts
}

// windows returns how many windows of a text may be in the index.
func (x *index) windows(text []byte) int {
	return min(len(text)-x.window+1, farthest)
}

// public is how many of a form's first bytes stand for what is known of many a
// value, its prefix. With windows that hold some of it and one byte more, that byte
// could be tried: text with it costs more time.
func public(k kind) int {
	const prefix = 8
	switch {
	case k == asText:
		return prefix
	case k == asHex:
		return 2 * prefix
	case k < asBase64:
		return 3 * prefix
	case k < asTwice:
		return prefix * 4 / 3
	}
	return prefix * 16 / 9
}

func (c *census) anchor(text []byte, public int) int {
	var costs [farthest]int
	sum, least, best := 0, 0, 0
	for i := range c.windows(text) {
		costs[i] = c.cost(text, i)
		if i < public {
			costs[i] += dull
		}
		sum += costs[i]
		if i >= c.stride {
			sum -= costs[i-c.stride]
		}
		if i == c.stride-1 || i >= c.stride && sum < least {
			best, least = i-c.stride+1, sum
		}
	}
	return best
}

func (c *census) cost(text []byte, offset int) int {
	n := int(c.counts[c.hash(text, offset)>>c.shift])
	other := -1
	for i := offset + 1; i < offset+c.window; i++ {
		switch {
		case text[i] == text[offset] || int(text[i]) == other:
		case other < 0:
			other = int(text[i])
		default:
			return n
		}
	}
	return n + dull // at most two different bytes
}
