package replace

import "maps"

// fewMatches is how many a Rewriter keeps room for.
const fewMatches = 64

// Rewriter masks one text as it streams.
//
// Append may be called with the text cut in any way, one byte at a time
// included; the outputs, joined, depend only on the text. What Append keeps
// between two calls depends only on the number of bytes since the last flush
// point: those before it, and all but the last [Set.Longest] behind it, have
// gone. It keeps no reference to its arguments, allocates nothing as long as
// dst has room, and its memory is bounded by the longest form and a constant,
// however long the text or its pieces are.
//
// A Rewriter costs next to nothing until text has to be kept. It is not for use
// by several goroutines at once. The zero Rewriter panics.
type Rewriter struct {
	sets   []*Set
	hold   int // the longest of them
	label  func(name string) string
	filler bool // text forms are written as asterisks, of equal length
	breaks breaks
	kept   kept
	hits   map[string]int

	// The following speak of the text from the first kept byte on.

	gone    int     // the first bytes have gone, and are kept for what they say of the next
	scanned int     // occurrences that start before this are dealt with
	done    int     // everything before this has been written or masked
	silent  bool    // what overlaps the mask that ends at done writes nothing
	edge    edge    // of the byte at done, if the next union leaves it over
	found   []match // room for a block's
}

// NewRewriter returns a Rewriter for one text with such flush points. The text
// that replaces the value called name is mask(name), or "[masked]" if mask is
// nil or returns "".
func (s *Set) NewRewriter(f Flush, mask func(name string) string) *Rewriter {
	return &Rewriter{sets: []*Set{s}, hold: s.hold, label: mask, breaks: breaks{kind: f}}
}

// NewFiller returns a Rewriter that writes as many bytes as it reads: where a
// [Set.NewRewriter] would write a mask, it writes asterisks over the form. It is
// for texts whose parts are counted elsewhere.
func (s *Set) NewFiller(f Flush) *Rewriter {
	return &Rewriter{sets: []*Set{s}, hold: s.hold, filler: true, breaks: breaks{kind: f}}
}

// Renew has the rest of the text, what is kept of it included, searched for the
// values of s too: they were changed while the text is under way.
func (r *Rewriter) Renew(s *Set) {
	r.sets = Renewed(r.sets, s)
	r.hold = 0
	for _, s := range r.sets {
		r.hold = max(r.hold, s.hold)
	}
}

// Renewed returns the sets with s as the last, without those whose values s has
// all. If s is the last already, the sets are returned as they are.
func Renewed(sets []*Set, s *Set) []*Set {
	if len(sets) > 0 && sets[len(sets)-1] == s {
		return sets
	}
	all := []*Set{}
	for _, old := range sets {
		if old != s && !s.covers(old) {
			all = append(all, old)
		}
	}
	return append(all, s)
}

// Append appends to dst what may go now that src has come, and returns the
// extended slice. The two must not overlap. With last the text ends with src,
// so that all of it goes; the Rewriter then stands at the beginning of another
// text, such as the next message of a stream of messages.
func (r *Rewriter) Append(dst, src []byte, last bool) []byte {
	if r.empty() {
		return append(dst, src...)
	}
	for n := r.breaks.next(src); n >= 0; n = r.breaks.next(src) {
		dst = r.finish(dst, src[:n])
		src = src[n:]
	}
	if !last {
		return r.advance(dst, src)
	}
	dst = r.finish(dst, src)
	r.kept.free()
	r.breaks.place = lineStart
	return dst
}

// empty tells whether there is nothing to find, nor has been in this text.
func (r *Rewriter) empty() bool {
	for _, s := range r.sets {
		if !s.empty() {
			return false
		}
	}
	return r.kept.len() == 0
}

// Hits returns how often each value was masked so far, by name, in all texts.
// An occurrence counts if it has a byte that those before it had not masked.
// The map is the caller's; it is nil if there were none.
func (r *Rewriter) Hits() map[string]int { return maps.Clone(r.hits) }

// advance takes src as text that goes on, and writes what may go.
func (r *Rewriter) advance(dst, src []byte) []byte {
	if len(src) == 0 {
		return dst
	}
	dst = r.pastKept(dst, src)
	text := r.kept.join(src)
	dst = r.step(dst, text)
	cut := max(0, r.gone-lookbehind)
	r.move(cut)
	r.kept.keep(text[cut:])
	return dst
}

// finish takes src as the text's rest up to a flush point, and writes all.
func (r *Rewriter) finish(dst, src []byte) []byte {
	dst = r.pastKept(dst, src)
	text := r.kept.join(src)
	n := release(len(text), len(text), r.hold)
	dst = r.settle(dst, text, n, n)
	r.kept.keep(nil)
	r.gone, r.scanned, r.done, r.edge = 0, 0, 0, edge{}
	return dst
}

// pastKept joins only as much of a long src to what is kept as that needs. The
// rest need not be copied: what is kept is let go.
func (r *Rewriter) pastKept(dst, src []byte) []byte {
	n := r.kept.len()
	if n == 0 || len(src) < 2*(r.hold+lookbehind) {
		return dst
	}
	dst = r.step(dst, r.kept.join(src[:r.hold+lookbehind]))
	r.move(n)
	r.kept.keep(nil)
	return dst
}

// step writes what of the text may go while it goes on.
func (r *Rewriter) step(dst, text []byte) []byte {
	limit := r.gone + release(len(text)-r.gone, 0, r.hold)
	if limit <= r.gone {
		return dst
	}
	r.gone = limit
	// An occurrence at the limit itself may change the byte before it, which goes
	// now.
	return r.settle(dst, text, limit, limit+1)
}

// move makes the text's n-th byte the first.
func (r *Rewriter) move(n int) { r.gone, r.done, r.scanned = r.gone-n, r.done-n, r.scanned-n }

// settle writes text up to limit and deals with the occurrences that start
// before through, all of which must be complete in text.
func (r *Rewriter) settle(dst, text []byte, limit, through int) []byte {
	for r.scanned < through {
		next := min(r.scanned+block, through)
		r.found = r.found[:0]
		for _, s := range r.sets {
			r.found = s.find(r.found, text, r.scanned, next)
		}
		r.found = inOrder(r.found)
		dst = r.write(dst, text, next)
		r.scanned = next
	}
	if cap(r.found) > fewMatches {
		r.found = nil
	}
	return r.pass(dst, text, limit)
}
