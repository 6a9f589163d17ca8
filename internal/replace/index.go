package replace

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
	"slices"
	"unsafe"
)

const (
	// longPattern is the length from which on a pattern has wide windows.
	longPattern = 16
	// longStride is how far apart windows are at most. Where patterns are many it
	// is shortStride: a larger filter misses the cache oftener than longer strides
	// save.
	longStride  = 24
	shortStride = 16
	manyWindows = 1 << 19
	// fold makes one of the digits of hex in either case, at the price of a
	// few more windows that pass the filter.
	fold = 0x2020202020202020
)

// index finds where patterns may stand in a text without looking at every byte
// of it: windows of the text, stride bytes apart, are hashed and looked up in a
// filter; the few that pass are looked up in buckets and compared.
//
// Every pattern has stride consecutive windows in the index, so that wherever
// it stands one of them is looked at. Which ones is chosen by [census].
//
// The hash multiplies by an odd number that is drawn for each index, so that no
// text can be prepared that passes the filter more often than chance has it.
type index struct {
	multiplier uint64
	window     int // bytes: 8, or 4 for short patterns
	stride     int
	reach      int // the farthest that a window lies behind its pattern's start

	filter      []uint64 // the bits of each window, in one word
	filterShift uint
	heads       []uint32 // of bucket i: entries[heads[i]:heads[i+1]]
	headShift   uint
	entries     []entry
}

// entry is one window of one pattern.
type entry struct {
	pattern uint32
	offset  uint16 // of the window in the pattern
	mark    uint16 // of the window's hash
}

func mark(hash uint64) uint16 { return uint16(hash >> 12) }

// maskBits is how many of a word's bits are one window's.
const maskBits = 4

// masks are the bits that a window sets in its word of the filter.
var masks = func() (all [1024]uint64) {
	for i := range all {
		for bits.OnesCount64(all[i]) < maskBits {
			all[i] |= 1 << rand.IntN(64)
		}
	}
	return all
}()

// filterBits returns the bits of a word of the filter that belong to a hash.
// What chooses them does not also choose the word: a filter has at most 2^24
// words.
func filterBits(hash uint64) uint64 { return masks[hash>>28&1023] }

// newIndexes makes the indexes of s's patterns: one for the long, one for the
// short, each if there are any.
func newIndexes(s *Set) []index {
	all := []index{}
	var long, short []uint32
	for i := range s.patterns {
		if s.patterns[i].length >= longPattern {
			long = append(long, uint32(i))
		} else {
			short = append(short, uint32(i))
		}
	}
	for _, group := range []struct {
		patterns []uint32
		window   int
	}{{long, 8}, {short, 4}} {
		if len(group.patterns) > 0 {
			all = append(all, newIndex(s, group.patterns, group.window))
		}
	}
	return all
}

func newIndex(s *Set, patterns []uint32, window int) index {
	shortest := s.patterns[patterns[0]].length
	for _, i := range patterns {
		shortest = min(shortest, s.patterns[i].length)
	}
	x := index{multiplier: rand.Uint64() | 1, window: window}
	x.stride = min(int(shortest)-window+1, longStride)
	if len(patterns)*x.stride > manyWindows {
		x.stride = min(x.stride, shortStride)
	}
	n := len(patterns) * x.stride
	x.filter = make([]uint64, 1<<min(max(bits.Len(uint(n/4)), 1), 24))
	x.filterShift = uint(64 - bits.TrailingZeros(uint(len(x.filter))))
	x.headShift = uint(66 - bits.Len(uint(n)))
	x.fill(s, patterns, n)
	return x
}

// fill enters the windows of the patterns, n in all: it counts how many each
// bucket gets, and then puts them there.
func (x *index) fill(s *Set, patterns []uint32, n int) {
	firsts := x.anchors(s, patterns)
	x.heads = make([]uint32, 1<<(64-x.headShift)+2)
	next := x.heads[1:] // while they are counted and put, one further
	x.each(s, patterns, firsts, func(hash uint64, _ entry) {
		x.filter[hash>>x.filterShift] |= filterBits(hash)
		next[hash>>x.headShift+1]++
	})
	for i := range next[1:] {
		next[i+1] += next[i]
	}
	x.entries = make([]entry, n)
	x.each(s, patterns, firsts, func(hash uint64, e entry) {
		bucket := hash >> x.headShift
		x.entries[next[bucket]] = e
		next[bucket]++
	})
	for _, first := range firsts {
		x.reach = max(x.reach, int(first)+x.stride-1)
	}
}

// each tells every window that is to be in the index.
func (x *index) each(s *Set, patterns []uint32, firsts []uint8, tell func(hash uint64, e entry)) {
	for i, p := range patterns {
		text := s.text(&s.patterns[p])
		for offset := int(firsts[i]); offset < int(firsts[i])+x.stride; offset++ {
			hash := x.hash(text, offset)
			tell(hash, entry{p, uint16(offset), mark(hash)})
		}
	}
}

// hash is that of the window of text that begins at p.
func (x *index) hash(text []byte, p int) uint64 {
	if x.window == 4 {
		return uint64(binary.NativeEndian.Uint32(text[p:])|fold&0xffffffff) * x.multiplier
	}
	return (binary.NativeEndian.Uint64(text[p:]) | fold) * x.multiplier
}

// next returns the first place from p on, in steps of the stride, whose window
// passes the filter, or a place that is not before end. Every window before end
// must be in the text.
func (x *index) next(text []byte, p, end int) int {
	if end > len(text)-x.window+1 || p < 0 {
		panic("replace: a window outside of the text")
	}
	if x.window == 4 {
		return x.next4(text, p, end)
	}
	base, filter := unsafe.Pointer(unsafe.SliceData(text)), unsafe.Pointer(unsafe.SliceData(x.filter))
	multiplier, stride, shift := x.multiplier, x.stride, x.filterShift-3
	for ; p < end; p += stride {
		hash := (*(*uint64)(unsafe.Add(base, p)) | fold) * multiplier
		word := *(*uint64)(unsafe.Add(filter, hash>>(shift&63)&^7))
		if mask := masks[hash>>28&1023]; word&mask == mask {
			return p
		}
	}
	return p
}

func (x *index) next4(text []byte, p, end int) int {
	base, filter := unsafe.Pointer(unsafe.SliceData(text)), unsafe.Pointer(unsafe.SliceData(x.filter))
	multiplier, stride, shift := x.multiplier, x.stride, x.filterShift-3
	for ; p < end; p += stride {
		hash := uint64(*(*uint32)(unsafe.Add(base, p))|fold&0xffffffff) * multiplier
		word := *(*uint64)(unsafe.Add(filter, hash>>(shift&63)&^7))
		if mask := masks[hash>>28&1023]; word&mask == mask {
			return p
		}
	}
	return p
}

// bucket returns the entries whose window may be the one at p.
func (x *index) bucket(text []byte, p int) (entries []entry, m uint16) {
	hash := x.hash(text, p)
	i := hash >> x.headShift
	return x.entries[x.heads[i]:x.heads[i+1]], mark(hash)
}

// passes tells whether the window at p passes the filter.
func (x *index) passes(text []byte, p int) bool {
	hash := x.hash(text, p)
	bits := filterBits(hash)
	return x.filter[hash>>x.filterShift]&bits == bits
}

// known tells whether some entry's window may be the one at p.
func (x *index) known(text []byte, p int) bool {
	entries, m := x.bucket(text, p)
	return slices.ContainsFunc(entries, func(e entry) bool { return e.mark == m })
}
