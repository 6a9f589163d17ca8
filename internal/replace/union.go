package replace

// anonymous replaces a value for which the caller has no other text.
const anonymous = "[masked]"

// write writes the found occurrences that start before the place, and the text
// in front of them. Package replace's comment defines what is written.
func (r *Rewriter) write(dst, text []byte, before int) []byte {
	n := 0
	for n < len(r.found) && r.found[n].start < before {
		m := r.found[n]
		if m.start >= r.done {
			dst = r.begin(dst, text, r.found[n:])
		}
		dst = r.cover(dst, m)
		n++
	}
	if n > 0 {
		r.found = r.found[:copy(r.found, r.found[n:])]
	}
	return dst
}

// begin begins a union at the first of the matches: it passes the text in front
// of it on, and masks its last byte where it is an edge of one of the matches
// that begin there.
func (r *Rewriter) begin(dst, text []byte, ms []match) []byte {
	start := ms[0].start
	if start > r.done {
		dst = r.pass(dst, text, start)
		var e edge
		for _, m := range ms {
			if m.start != start {
				break
			}
			e = e.wider(m.left)
		}
		dst[len(dst)-1] = e.blend(dst[len(dst)-1])
	}
	r.silent = false
	return dst
}

// cover masks what is left of m, which overlaps or touches what is masked.
func (r *Rewriter) cover(dst []byte, m match) []byte {
	if m.end <= r.done {
		if m.end == r.done {
			r.edge = r.edge.wider(m.right)
		}
		return dst
	}
	value := m.value()
	switch {
	case r.silent:
	case r.filler && (m.isText() || m.written != nil && len(m.written) != m.end-m.start):
		for range m.end - r.done {
			dst = append(dst, star)
		}
	case m.isText():
		dst = append(dst, r.mask(value.name)...)
		r.silent = true
	case m.written == nil:
		dst = append(dst, m.filler(value.length)[r.done-m.start:]...)
	default:
		for i, place := range m.places {
			if m.start+int(place) >= r.done {
				dst = append(dst, m.written[i])
			}
		}
	}
	r.done, r.edge = m.end, m.right
	if r.hits == nil {
		r.hits = map[string]int{}
	}
	r.hits[value.name]++
	return dst
}

func (r *Rewriter) mask(name string) string {
	if r.label != nil {
		if text := r.label(name); text != "" {
			return text
		}
	}
	return anonymous
}

// pass passes the text up to the place on, apart from the edge of the union
// before it.
func (r *Rewriter) pass(dst, text []byte, to int) []byte {
	if to <= r.done {
		return dst
	}
	first := len(dst)
	dst = append(dst, text[r.done:to]...)
	dst[first] = r.edge.blend(dst[first])
	r.done, r.edge = to, edge{}
	return dst
}
