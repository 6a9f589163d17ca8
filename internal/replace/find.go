package replace

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"slices"
	"sync"
)

const (
	// stretch is how many bytes of a text an occurrence may have for each of the
	// value's, escapes and all: what three levels of "\u0041" need.
	stretch = 9
	// lookahead is what must be known behind an occurrence, and behind what
	// before it, so that it reads the same however the text is cut: longer than
	// any one escape, the latter at each level.
	lookahead  = 64
	lookbehind = 256
	// block is how much of a text is looked at at once.
	block = 16 << 10
	// swallowed is how many first bytes of an occurrence may be read as part of
	// an escape that began before it.
	swallowed = 4
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

// finder looks for the occurrences in one block of a text.
type finder struct {
	*Set
	text          []byte
	from, through int  // where occurrences may start
	anyCase       bool // letters are compared without case
	found         []match
	// rehearsing: nothing is entered, but it is told whether anything may be.
	rehearsing, promising bool
	near                  []candidate // windows of patterns that do not stand there to the letter
	*views
}

// candidate is a window of a pattern.
type candidate struct {
	at      int
	pattern uint32
	offset  int
}

// views is room for the views of a block.
type views struct {
	raw, narrow, quoted, joined view
	decoded                     [2]view
	near                        []candidate
	spans                       []span
}

var viewPool = sync.Pool{New: func() any { return new(views) }}

// find appends to found, in no order and some twice, the occurrences in text that start in
// [from, through), of which there is at most a block. All of them must be in
// text.
func (s *Set) find(found []match, text []byte, from, through int) []match {
	f := finder{Set: s, text: text, from: from, through: through, found: found}
	return f.find()
}

func (f *finder) find() []match {
	low, high := max(0, f.from-lookbehind), min(len(f.text), f.through+f.hold)
	text := f.text[low:high]
	s := survey{Set: f.Set, text: text}
	s.run()
	if f.views = s.room; f.views == nil && s.quiet != 0 {
		f.views = viewPool.Get().(*views)
	}
	if f.views != nil {
		f.near = f.views.near[:0]
	}
	for i := range f.indexes {
		f.literally(&f.indexes[i], high)
	}
	if f.views != nil {
		if kinds := f.rehearse(&s, text, low); kinds != 0 {
			f.raw = view{text: text, start: low}
			f.look(kinds)
		}
		f.raw.text = nil
		f.views.near, f.views.spans = f.near, s.spans
		viewPool.Put(f.views)
	}
	return f.found
}

// rehearse looks around each span, and around what is near a pattern, whether a
// pattern stands there in some view as far as that shows, and returns the views
// in which the whole block has to be looked through; 0 if there is none.
func (f *finder) rehearse(survey *survey, text []byte, low int) (kinds uint8) {
	kinds = survey.quiet
	for _, s := range survey.spans {
		kinds |= s.views
	}
	if kinds&viewNarrow != 0 {
		return kinds
	}
	spans := survey.spans
	for _, c := range f.near {
		start := c.at - c.offset - low
		spans = append(spans, span{max(0, start), start + int(f.patterns[c.pattern].length), kinds})
	}
	f.rehearsing, f.promising = true, false
	for _, s := range spans {
		from := max(0, s.from-aside)
		f.raw = view{text: text[from:max(from, min(len(text), s.to+aside))], start: low + from}
		if f.look(s.views); f.promising {
			break
		}
	}
	f.rehearsing = false
	survey.spans = spans[:0]
	if !f.promising {
		return 0
	}
	return kinds
}

// inOrder sorts the occurrences in a block and leaves out what was found twice.
func inOrder(found []match) []match {
	if len(found) < 2 {
		return found
	}
	slices.SortFunc(found, match.before)
	return slices.CompactFunc(found, func(a, b match) bool {
		return a.start == b.start && a.end == b.end && a.pattern == b.pattern && a.set == b.set
	})
}

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
	if q := p + right; !whole && (f.views == nil || q < len(f.text) && classOf[f.text[q]] == 0 && f.text[q] != '\r') {
		return
	}
	left := 0
	for left < offset && left < p && f.sameByte(pat.kind, f.text[p-left-1], text[offset-left-1]) {
		left++
	}
	if whole && left == offset {
		f.letters(p-offset, e.pattern, pat)
		return
	}
	before := f.text[max(0, p-left-aside) : p-left]
	if f.views != nil && (left == offset || indexClass(before, everyClass) < len(before)) {
		f.near = append(f.near, candidate{p, e.pattern, offset})
	}
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

// look looks through the views of the block of the given kinds.
func (f *finder) look(kinds uint8) {
	base := &f.raw
	if kinds&viewNarrow != 0 {
		narrow(&f.raw, &f.views.narrow)
		base = &f.views.narrow
		f.view(base, asText)
		s := survey{Set: f.Set, text: base.text}
		s.run()
		kinds |= s.quiet
		for _, s := range s.spans {
			kinds |= s.views
		}
		if s.room != nil {
			s.room.spans = s.spans
			viewPool.Put(s.room)
		}
	}
	if kinds&viewJoined != 0 {
		f.join(base)
	}
	if kinds&viewDecoded != 0 {
		f.decode(base, levels)
	}
	if kinds&viewQuoted != 0 && f.reads.unquote(base, &f.quoted) {
		f.view(&f.quoted, asText)
		f.decode(&f.quoted, levels-1)
	}
}

func (f *finder) join(from *view) {
	if join(from, &f.joined) {
		f.view(&f.joined, asHex)
	}
}

// decode looks through what v reads as with its escapes decoded, so many times.
func (f *finder) decode(v *view, times int) {
	for i := range times {
		to := &f.decoded[i%2]
		if !f.reads.decode(v, to) {
			return
		}
		f.view(to, asText)
		f.join(to)
		v = to
	}
}

// view finds the patterns of a kind from least on in a view: those with a
// window that touches one of its units, and those near which one was in the
// text itself.
func (f *finder) view(v *view, least kind) {
	for i := range f.indexes {
		f.units(v, &f.indexes[i], least)
	}
	for _, c := range f.near {
		p, skip := v.index(c.at)
		f.viewed(v, p, c.pattern, c.offset+skip, least)
	}
}

func (f *finder) units(v *view, x *index, least kind) {
	done := 0
	last := len(v.text) - x.window
	for _, u := range v.units {
		first, end := int(u.at)-x.window+1, int(u.at+u.n)
		if u.n == 1 && !f.reads.member[v.text[u.at]] {
			done = max(done, end) // in no pattern, so that no window with it is
			continue
		}
		for w := max(first, done); w < end && w <= last; w++ {
			if !x.passes(v.text, w) {
				continue
			}
			entries, m := x.bucket(v.text, w)
			for _, e := range entries {
				if e.mark == m {
					f.viewed(v, w, e.pattern, int(e.offset), least)
				}
			}
		}
		done = max(done, end)
	}
}

// viewed enters the occurrence of a pattern whose byte at the offset is at p of
// a view, if it is one. In a rehearsal it tells whether it may be one, of which
// the view need not show all.
func (f *finder) viewed(v *view, p int, pattern uint32, offset int, least kind) {
	pat := &f.patterns[pattern]
	text := f.Set.text(pat)
	end := p - offset + len(text)
	seen := min(end, len(v.text))
	if pat.kind < least || p < 0 || p > seen || offset >= len(text) || f.agree(pat.kind, v.text[p:seen], text[offset:]) < seen-p {
		return
	}
	first, left := p, offset
	for first > 0 && left > 0 && f.sameByte(pat.kind, v.text[first-1], text[left-1]) {
		first, left = first-1, left-1
	}
	if f.rehearsing && (seen < end || first == 0 && left > 0) {
		f.promising = true
	}
	if seen < end {
		return
	}
	start, _ := v.raw(first)
	_, stop := v.raw(end - 1)
	// What is left of the pattern may have been swallowed by an escape.
	if left > swallowed || left > start || f.agree(pat.kind, f.text[start-left:start], text[:left]) < left {
		return
	}
	start -= left
	value := &f.values[pat.value]
	if start < f.from || start >= f.through || stop-start > value.most {
		return
	}
	if f.rehearsing {
		f.promising = true
		return
	}
	m := match{set: f.Set, start: start, end: stop, pattern: pattern, kind: pat.kind}
	f.write(v, &m, first, end, left, value.length)
	f.found = append(f.found, m)
}

// write makes ready what is written over an occurrence that is not a text, and
// finds the characters beside it that hold some of its bits: those that a line
// break or an escape parts from it are left as they are.
func (f *finder) write(v *view, m *match, first, end, left, length int) {
	if m.kind == asText && !(v.narrow && bytes.IndexByte(f.text[m.start:m.end], 0) >= 0) {
		return // a mask, which cannot stand in UTF-16
	}
	before, behind := edges(m.kind, length)
	if from, to := v.raw(max(first-1, 0)); left == 0 && first > 0 && from == m.start-1 && to == m.start {
		m.left = before
	}
	if end < len(v.text) {
		if from, to := v.raw(end); from == m.end && to == m.end+1 {
			m.right = behind
		}
	}
	m.upper = m.kind < asBase64 && bytes.ContainsAny(v.text[first:end], "ABCDEF")
	if m.kind == asText {
		length = int(f.patterns[m.pattern].length)
	}
	fill := m.filler(length)
	put := func(c byte, at int) {
		m.written, m.places = append(m.written, c), append(m.places, int32(at-m.start))
	}
	for i := range left {
		put(fill[i], m.start+i)
	}
	at := m.start + left
	for i := first; i < end; i++ {
		from, to := v.raw(i)
		for ; at < from; at++ { // what was left out stays
			put(f.text[at], at)
		}
		put(fill[left+i-first], from)
		at = to
	}
}
