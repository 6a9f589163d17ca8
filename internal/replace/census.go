package replace

import "math/bits"

// farthest bounds how far behind a pattern's start its windows in the index may
// begin.
const farthest = 256

// dull is what a window costs, in patterns, that ordinary text is full of.
const dull = 64

// census counts, roughly, in how many patterns each window stands. Keys of one
// kind begin alike (a prefix, a JWT's header, a connection string): were they
// found by what they share, each text of that kind would be compared with all
// of them.
type census struct {
	multiplier uint64
	shift      uint
	counts     []uint32
}

func takeCensus(patterns []pattern, multiplier uint64) *census {
	n := 0
	for i := range patterns {
		n += min(len(patterns[i].text), farthest)
	}
	size := min(bits.Len(uint(n)), 22)
	c := &census{multiplier, uint(64 - size), make([]uint32, 1<<size)}
	for i := range patterns {
		for offset := range windows(patterns[i].text) {
			c.counts[hashAt(patterns[i].text, offset, multiplier)>>c.shift]++
		}
	}
	return c
}

// windows returns how many windows of a text may be in the index.
func windows(text string) int {
	return min(len(text)-window+1, farthest)
}

// anchor returns the offset of the first of the n consecutive windows of text
// that fewest patterns share.
func (c *census) anchor(text string, n int) int {
	var costs [farthest]uint64
	var sum, least uint64
	best := 0
	for i := range windows(text) {
		costs[i] = c.cost(text, i)
		sum += costs[i]
		if i >= n {
			sum -= costs[i-n]
		}
		if i == n-1 || i >= n && sum < least {
			best, least = i-n+1, sum
		}
	}
	return best
}

func (c *census) cost(text string, offset int) uint64 {
	n := uint64(c.counts[hashAt(text, offset, c.multiplier)>>c.shift])
	other := -1
	for i := offset + 1; i < offset+window; i++ {
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
