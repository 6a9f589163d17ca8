package replace

import "slices"

// view is a text as it reads to who decodes it: with escapes decoded, with line
// breaks or zero bytes left out. It knows where in the text each of its bytes
// comes from.
type view struct {
	text   []byte
	start  int // of the text's part that is viewed
	units  []unit
	narrow bool // zero bytes are left out
}

// unit is where a view differs from the text: its bytes [at, at+n) are how
// [from, to) of the text reads. With n zero that is left out.
type unit struct{ at, n, from, to int32 }

// raw returns where in the text the i-th byte of the view comes from.
func (v *view) raw(i int) (from, to int) {
	k, _ := slices.BinarySearchFunc(v.units, int32(i), func(u unit, i int32) int {
		if u.at <= i {
			return -1
		}
		return 1
	})
	if k == 0 {
		return v.start + i, v.start + i + 1
	}
	u := v.units[k-1]
	if int32(i) < u.at+u.n {
		return int(u.from), int(u.to)
	}
	from = int(u.to) + i - int(u.at+u.n)
	return from, from + 1
}

// index returns the place in the view of the text's byte p; if that is in a
// unit, the place behind the unit, and how many bytes of the text that skips.
func (v *view) index(p int) (i, skip int) {
	k, _ := slices.BinarySearchFunc(v.units, int32(p), func(u unit, p int32) int {
		if u.to <= p {
			return -1
		}
		return 1
	})
	if k < len(v.units) && int(v.units[k].from) <= p {
		u := v.units[k]
		return int(u.at + u.n), int(u.to) - p
	}
	if k == 0 {
		return p - v.start, 0
	}
	u := v.units[k-1]
	return int(u.at+u.n) + p - int(u.to), 0
}

// copier writes one view from another, which it reads from the beginning.
type copier struct {
	from, to *view
	i        int // of from.text: what is before is dealt with
	k        int // of from.units, likewise
}

func copying(from, to *view) copier {
	*to = view{text: to.text[:0], units: to.units[:0], start: from.start, narrow: from.narrow}
	return copier{from: from, to: to}
}

// until copies as it is what is before j.
func (c *copier) until(j int) {
	shift := int32(len(c.to.text) - c.i)
	c.to.text = append(c.to.text, c.from.text[c.i:j]...)
	for ; c.k < len(c.from.units); c.k++ {
		u := c.from.units[c.k]
		if u.at > int32(j) || u.at == int32(j) && u.n > 0 {
			break
		}
		u.at += shift
		c.to.units = append(c.to.units, u)
	}
	c.i = j
}

// put writes out in the place of the next size bytes, at j.
func (c *copier) put(j, size int, out []byte) {
	c.until(j)
	from, _ := c.from.raw(j)
	_, to := c.from.raw(j + size - 1)
	c.to.units = append(c.to.units, unit{int32(len(c.to.text)), int32(len(out)), int32(from), int32(to)})
	c.to.text = append(c.to.text, out...)
	c.i = j + size
	for c.k < len(c.from.units) && c.from.units[c.k].at < int32(c.i) {
		c.k++
	}
}

// finish copies the rest.
func (c *copier) finish() {
	if c.i < len(c.from.text) {
		c.until(len(c.from.text))
	}
}

// decode makes to how from reads with its escapes decoded once, and tells
// whether any of them may be part of an occurrence: if none may, to is left as
// it is.
func (r *reading) decode(from, to *view) (live bool) {
	e := escapes{text: from.text}
	at, n, size := e.next()
	for size > 0 && !r.decodedLive(from.text, at, e.out[:n]) {
		at, n, size = e.next()
	}
	if size == 0 {
		return false
	}
	c := copying(from, to)
	e = escapes{text: from.text}
	for at, n, size = e.next(); size > 0; at, n, size = e.next() {
		c.put(at, size, e.out[:n])
	}
	c.finish()
	return true
}

// unquote is decode for quoted-printable.
func (r *reading) unquote(from, to *view) (live bool) {
	c := copying(from, to)
	text := from.text
	for i := indexClass(text, equalsClass); i < len(text); i += indexClass(text[i:], equalsClass) {
		out, n, size := unquote(text[i:])
		if size == 0 {
			i++
			continue
		}
		c.put(i, size, []byte{out}[:n])
		i += size
		live = true
	}
	c.finish()
	return live
}

// join makes to of from without the breaks between lines of base64 and hex.
func join(from, to *view) (live bool) {
	c := copying(from, to)
	text := from.text
	for i := indexClass(text, lineClass); i < len(text); i += indexClass(text[i:], lineClass) {
		at, size := lineBreak(text, i)
		if size == 0 {
			i++
			continue
		}
		c.put(at, size, nil)
		i = at + size
		live = true
	}
	c.finish()
	return live
}

// narrow makes to of from without the zero bytes of UTF-16.
func narrow(from, to *view) {
	c := copying(from, to)
	text := from.text
	for i := indexClass(text, zeroClass); i < len(text); i += indexClass(text[i:], zeroClass) {
		if between(text, i) {
			c.put(i, 1, nil)
		}
		i++
	}
	c.finish()
	to.narrow = true
}
