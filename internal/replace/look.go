package replace

import (
	"bytes"
	"slices"
	"sync"
)

// views is room for the views of a block.
type views struct {
	raw, narrow, quoted, joined view
	decoded                     [2]view
	near                        []candidate
	spans                       []span
}

var viewPool = sync.Pool{New: func() any { return new(views) }}

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
	f.rehearsing, f.promising = true, false
	for _, s := range f.parts(survey, low) {
		from, to := max(0, s.from-aside), min(len(text), s.to+aside)
		f.sure = [2]int{low + from, low + to}
		// A little more, since an escape may have been cut there.
		from, to = max(0, from-cutEscape), min(len(text), to+cutEscape)
		f.raw = view{text: text[from:max(from, to)], start: low + from}
		if f.look(kinds); f.promising {
			break
		}
	}
	f.rehearsing = false
	if !f.promising {
		return 0
	}
	return kinds
}

// parts makes of the spans, and of what is near a pattern, parts of the text that
// do not overlap, in order: each place is looked at once.
func (f *finder) parts(survey *survey, low int) []span {
	slices.SortFunc(f.near, func(a, b candidate) int { return a.at - b.at })
	for _, c := range f.near {
		start := max(0, c.at-c.offset-low)
		survey.spans = append(survey.spans, span{from: start, to: start + int(f.patterns[c.pattern].length)})
	}
	slices.SortFunc(survey.spans, func(a, b span) int { return a.from - b.from })
	parts := survey.spans[:0]
	for _, s := range survey.spans {
		if n := len(parts); n > 0 && s.from <= parts[n-1].to {
			parts[n-1].to = max(parts[n-1].to, s.to)
			continue
		}
		parts = append(parts, s)
	}
	return parts
}

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
		f.join(&f.quoted)
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
	first, _ := slices.BinarySearchFunc(f.near, f.raw.start, func(c candidate, at int) int { return c.at - at })
	for _, c := range f.near[first:] {
		if c.at >= f.raw.start+len(f.raw.text) {
			break
		}
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
	from, seen := f.shown(v, end)
	if pat.kind < least || p < from || p > seen || offset >= len(text) || f.agree(pat.kind, v.text[p:seen], text[offset:]) < seen-p {
		return
	}
	first, left := p, offset
	for first > from && left > 0 && f.sameByte(pat.kind, v.text[first-1], text[left-1]) {
		first, left = first-1, left-1
	}
	if f.rehearsing && (seen < end || first == from && left > 0) {
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

// shown returns from where, and up to where before end, a view shows what the
// whole block would.
func (f *finder) shown(v *view, end int) (from, to int) {
	to = min(end, len(v.text))
	if f.rehearsing {
		last, _ := v.index(f.sure[1])
		from, _ = v.index(f.sure[0])
		to = min(to, last)
	}
	return from, to
}

// write makes ready what is written over an occurrence that is not a text, and
// finds the characters beside it that hold some of its bits: those that a line
// break or an escape parts from it are left as they are.
func (f *finder) write(v *view, m *match, first, end, left, length int) {
	if m.kind == asText && !(v.narrow && bytes.IndexByte(f.text[m.start:m.end], 0) >= 0) {
		return // a mask, which cannot stand in UTF-16
	}
	before, behind := edges(m.kind, length)
	if from, to := v.raw(max(first-1, 0)); left == 0 && first > 0 && from == m.start-1 && to == m.start && !endsEscape(f.text[:m.start]) {
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
