package replace

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
)

const (
	// window is how many bytes of text are looked at at once. No form is
	// shorter.
	window = 8
	// longestStride bounds how far apart the windows are: farther saves less
	// than the larger filter costs.
	longestStride = 8
)

// index finds where patterns may stand in a text without looking at every byte
// of it: windows of the text, stride bytes apart, are hashed and looked up in a
// filter; the few that pass are looked up in buckets and compared.
//
// Every pattern has stride consecutive windows in the index, so that wherever
// it stands one of them is looked at. Which ones is chosen by [newIndex].
//
// The hash multiplies by an odd number that is drawn for each index, so that no
// text can be prepared that passes the filter more often than chance has it.
type index struct {
	multiplier uint64
	stride     int // 0: there are no patterns
	reach      int // the farthest that a window lies behind its pattern's start

	filter      []uint64 // two bits for each window, in one word
	filterShift uint
	heads       []uint32 // of bucket i: entries[heads[i]:heads[i+1]]
	headShift   uint
	entries     []entry
}

// entry is one window of one pattern.
type entry struct {
	mark    uint32 // of the window's hash
	pattern uint32
	offset  uint32 // of the window in the pattern
}

func mark(hash uint64) uint32 { return uint32(hash >> 8) }

// filterBits returns the two bits of a word of the filter that belong to a
// hash. They are not among those that choose the word: a filter has at most
// 2^24 words.
func filterBits(hash uint64) uint64 {
	return 1<<(hash>>34&63) | 1<<(hash>>28&63)
}

// newIndex makes the index of the patterns, none of them shorter than a window.
func newIndex(patterns []pattern) *index {
	x := &index{multiplier: rand.Uint64() | 1}
	if len(patterns) == 0 {
		return x
	}
	shortest := len(patterns[0].text)
	for i := range patterns {
		shortest = min(shortest, len(patterns[i].text))
	}
	x.stride = min(shortest-window+1, longestStride)
	n := len(patterns) * x.stride
	x.filter = make([]uint64, 1<<min(max(bits.Len(uint(n/4)), 1), 24))
	x.filterShift = uint(64 - bits.TrailingZeros(uint(len(x.filter))))
	x.headShift = uint(64 - bits.Len(uint(n)))
	x.fill(patterns, n)
	return x
}

// fill enters the windows of the patterns, n in all.
func (x *index) fill(patterns []pattern, n int) {
	hashes := make([]uint64, 0, n)
	all := make([]entry, 0, n)
	x.heads = make([]uint32, 1<<(64-x.headShift)+1)
	seen := takeCensus(patterns, x.multiplier)
	for i := range patterns {
		text := patterns[i].text
		first := seen.anchor(text, x.stride)
		for offset := first; offset < first+x.stride; offset++ {
			hash := hashAt(text, offset, x.multiplier)
			x.filter[hash>>x.filterShift] |= filterBits(hash)
			x.heads[hash>>x.headShift+1]++
			hashes = append(hashes, hash)
			all = append(all, entry{mark(hash), uint32(i), uint32(offset)})
		}
		x.reach = max(x.reach, first+x.stride-1)
	}
	for i := range x.heads[1:] {
		x.heads[i+1] += x.heads[i]
	}
	next := append([]uint32(nil), x.heads...)
	x.entries = make([]entry, n)
	for i, hash := range hashes {
		bucket := hash >> x.headShift
		x.entries[next[bucket]] = all[i]
		next[bucket]++
	}
}

func hashAt(text string, offset int, multiplier uint64) uint64 {
	var b [window]byte
	copy(b[:], text[offset:])
	return binary.LittleEndian.Uint64(b[:]) * multiplier
}

// next returns the first place from p on, in steps of the stride, whose window
// passes the filter, or a place that is not before end. Every window before end
// must be in the text.
func (x *index) next(text []byte, p, end int) int {
	multiplier, stride, shift, filter := x.multiplier, x.stride, x.filterShift&63, x.filter
	for ; p < end; p += stride {
		hash := binary.LittleEndian.Uint64(text[p:]) * multiplier
		word := filter[hash>>shift]
		if word>>(hash>>34&63)&(word>>(hash>>28&63))&1 != 0 {
			return p
		}
	}
	return p
}

// match is an occurrence of a pattern.
type match struct {
	start, end int
	*pattern
}

// before orders matches as they are written: by where they begin, the longest
// first, text forms before others, then by rank.
func (m match) before(o match) bool {
	switch {
	case m.start != o.start:
		return m.start < o.start
	case m.end != o.end:
		return m.end > o.end
	case m.isText() != o.isText():
		return m.isText()
	}
	return m.rank < o.rank
}

// verify inserts into found, which is in order, the occurrences that start in
// [from, through) and have a window of theirs at p.
func (s *Set) verify(found []match, text []byte, p, from, through int) []match {
	x := s.index
	hash := binary.LittleEndian.Uint64(text[p:]) * x.multiplier
	bucket := hash >> x.headShift
	for _, e := range x.entries[x.heads[bucket]:x.heads[bucket+1]] {
		start := p - int(e.offset)
		if e.mark != mark(hash) || start < from || start >= through {
			continue
		}
		pat := &s.patterns[e.pattern]
		end := start + len(pat.text)
		if end > len(text) || string(text[start:end]) != pat.text {
			continue
		}
		m := match{start, end, pat}
		found = append(found, m)
		i := len(found) - 1
		for ; i > 0 && m.before(found[i-1]); i-- {
			found[i] = found[i-1]
		}
		found[i] = m
	}
	return found
}
