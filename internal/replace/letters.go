package replace

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// literally finds what stands in the text to the letter. Windows that are near
// an occurrence are kept where there are views.
func (f *finder) literally(x *index, high int) {
	end := min(f.through+x.reach, len(f.text)-x.window+1)
	if f.views != nil {
		end = high - x.window + 1
	}
	for p := x.next(f.text, f.from, end); p < end; p = x.next(f.text, p+x.stride, end) {
		entries, m := x.bucket(f.text, p)
		for _, e := range entries {
			if e.mark == m {
				f.window(p, e)
			}
		}
	}
}

// window deals with a window of a pattern at p: the pattern stands there to the
// letter, or is near if it does up to where an escape may be, on both sides.
func (f *finder) window(p int, e entry) {
	pat := &f.patterns[e.pattern]
	text, offset := f.Set.text(pat), int(e.offset)
	right := f.agree(pat.kind, f.text[p:], text[offset:])
	whole := right == len(text)-offset
	if !whole && (f.views == nil || !f.mayEscape(p+right)) {
		return
	}
	left := 0
	for left < offset && left < p && f.sameByte(pat.kind, f.text[p-left-1], text[offset-left-1]) {
		left++
	}
	if whole && left == offset {
		f.letters(p-offset, e.pattern, pat)
		if classOf[text[len(text)-1]] == 0 { // else its end may be more of an escape
			return
		}
	}
	before := f.text[max(0, p-left-aside) : p-left]
	if f.views != nil && (left == offset || indexClass(before, everyClass) < len(before)) {
		f.near = append(f.near, candidate{p, e.pattern, offset})
	}
}

// mayEscape tells whether a text that is not a pattern's from q on may be part of
// an escape there, which may have begun with what the pattern has there too.
func (f *finder) mayEscape(q int) bool {
	if q == len(f.text) || f.text[q] == '\r' {
		return true
	}
	near := f.text[max(0, q-farEscape) : q+1]
	return indexClass(near, everyClass) < len(near)
}

// letters enters the occurrence of a pattern that stands to the letter.
func (f *finder) letters(start int, pattern uint32, pat *pattern) {
	if start < f.from || start >= f.through {
		return
	}
	m := match{set: f.Set, start: start, end: start + int(pat.length), pattern: pattern, kind: pat.kind}
	m.left, m.right = edges(pat.kind, f.values[pat.value].length)
	if start > 0 && endsEscape(f.text[:start]) {
		m.left = edge{}
	}
	m.upper = pat.kind < asBase64 && pat.kind != asText && bytes.ContainsAny(f.text[start:m.end], "ABCDEF")
	f.found = append(f.found, m)
}

// endsEscape tells whether a text ends with an escape, so that its last
// character is no neighbour of what follows.
func endsEscape(text []byte) bool {
	var out [8]byte
	for size := 2; size <= min(len(text), 12); size++ {
		if _, n := unescape(text[len(text)-size:], &out); n == size {
			return true
		}
	}
	return false
}

// agree returns how many first bytes of a text and of a pattern are the same.
// The digits of hex are of either case; where they differ it may tell a few more.
func (f *finder) agree(k kind, text, pattern []byte) int {
	n, folded := min(len(text), len(pattern)), uint64(0)
	if f.anyCase || k >= asHex && k < asBase64 {
		folded = fold // which makes one of more than letters
	}
	i := 0
	for ; i+8 <= n; i += 8 {
		x := binary.LittleEndian.Uint64(text[i:]) ^ binary.LittleEndian.Uint64(pattern[i:])
		if x &^= folded; x != 0 {
			return i + bits.TrailingZeros64(x)/8
		}
	}
	if folded != 0 {
		i = 0
	}
	for i < n && f.sameByte(k, text[i], pattern[i]) {
		i++
	}
	return i
}

func (f *finder) sameByte(k kind, c, pattern byte) bool {
	return c == pattern || (f.anyCase || k >= asHex && k < asBase64) && letter(pattern) && c|0x20 == pattern|0x20
}

func letter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
