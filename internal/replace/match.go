package replace

import (
	"bytes"
	"slices"
)

// match is an occurrence of a pattern.
type match struct {
	set         *Set
	start, end  int
	pattern     uint32
	kind        kind
	left, right edge
	upper       bool // of hex: the digits are
	// written is what takes the place of an occurrence that is no mask, where it
	// is not simply filler of the same length; each byte stands in the place of
	// the text's from start+place on.
	written []byte
	places  []int32
}

func (m *match) value() *value { return &m.set.values[m.set.patterns[m.pattern].value] }

// before orders matches as they are written: by where they begin, the longest
// first, text forms before others, then by rank.
func (m match) before(o match) int {
	switch {
	case m.start != o.start:
		return m.start - o.start
	case m.end != o.end:
		return o.end - m.end
	case m.isText() != o.isText():
		if m.isText() {
			return -1
		}
		return 1
	}
	return int(m.pattern) - int(o.pattern)
}

func (m match) isText() bool { return m.kind == asText && m.written == nil }

// filler is what is written over m, of a value of n bytes.
func (m *match) filler(n int) []byte {
	if m.upper {
		return bytes.ToUpper(filler(m.kind, n))
	}
	return filler(m.kind, n)
}

// inOrder sorts the occurrences in a block, and makes one of what was found in
// several views.
func inOrder(found []match) []match {
	if len(found) < 2 {
		return found
	}
	slices.SortFunc(found, match.before)
	all := found[:1]
	for _, m := range found[1:] {
		last := &all[len(all)-1]
		if m.start == last.start && m.end == last.end && m.pattern == last.pattern && m.set == last.set {
			last.left, last.right = last.left.wider(m.left), last.right.wider(m.right)
			continue
		}
		all = append(all, m)
	}
	return all
}
