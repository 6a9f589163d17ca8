package replace

// span is a part of a text in which views could hold an occurrence that the text
// itself does not.
type span struct {
	from, to int
	views    uint8
}

const (
	// apart is how far two places are from each other that cannot have to do
	// with one window of a view, and aside what of the text beside a place can.
	apart = 160
	aside = 80
	// cutEscape is how long an escape may be, one within others included.
	cutEscape = 32
	// farEscape is how far back an escape may begin that goes on at a place.
	farEscape = 40
)

// survey is a first look at a block: where something stands that could be part
// of an occurrence in a view.
type survey struct {
	*Set
	text  []byte
	spans []span
	// quiet are the views in which an occurrence may go on over a place that is in
	// no span: no window of a pattern is there.
	quiet uint8
	room  *views // taken when there is a span
	chain chain
}

func (s *survey) run() {
	e := escapes{text: s.text}
	for {
		e.i += s.reads.hints.index(s.text[e.i:])
		if e.i >= len(s.text) {
			s.close()
			return
		}
		at := e.i
		e.i = at + s.look(&e)
	}
}

// open enters a place around which the views have to be looked at.
func (s *survey) open(at, end int, view uint8) {
	s.close() // which may have a place before it
	if n := len(s.spans); n > 0 && at-s.spans[n-1].to < apart {
		s.spans[n-1].to, s.spans[n-1].views = end, s.spans[n-1].views|view
		return
	}
	if s.room == nil {
		s.room = viewPool.Get().(*views)
		s.spans = s.room.spans[:0]
	}
	s.spans = append(s.spans, span{at, end, view})
}

// look looks at the place e.i, and returns how many bytes have been seen.
func (s *survey) look(e *escapes) (size int) {
	text, at := s.text, e.i
	switch text[at] {
	case 0:
		if between(text, at) {
			s.open(at, at+1, viewNarrow)
		}
		return zeros(text[at:])
	case '\n':
		if mayBeFull(text, at) {
			s.open(at, at+1, viewJoined|viewsAround(text, at, at+1))
		}
	case '=':
		c, n, size := unquote(text[at:])
		switch {
		case size == 0:
		case n == 0 && s.reads.softLive(text, at, size), n == 1 && endsLine(c) && mayBeFull(text, at):
			s.open(at, at+size, viewQuoted|viewsAround(text, at, at+size))
		case n == 1 && s.reads.live[c]:
			s.one(at, size, c, viewQuoted)
		}
	default:
		n, size := e.read()
		switch {
		case size == 0:
			return 1
		case endsLine(e.out[0]) && mayBeFull(text, at), n > 1 && s.reads.live[e.out[0]]:
			s.open(at, at+size, viewDecoded|viewsAround(text, at, at+size))
		case n == 1 && s.reads.live[e.out[0]]:
			s.one(at, size, e.out[0], viewDecoded)
		}
		return size
	}
	return 1
}

// viewsAround returns the views that what begins close to [from, to) may ask
// for: near a line break, each escape matters.
func viewsAround(text []byte, from, to int) (views uint8) {
	for _, c := range text[max(0, from-fullLine):min(len(text), to+fullLine+farIndent)] {
		switch {
		case c == '=':
			views |= viewQuoted
		case classOf[c]&escapeClass != 0:
			views |= viewDecoded
		}
	}
	return views
}

// chain is escapes that stand for one byte each, so close to each other that a
// window can hold two, with what is around them, as all that reads.
type chain struct {
	from, end int // in the text: of the first escape, of the last; end 0: none
	view      uint8
	read      [64]byte
	n         int
}

// beside is how many bytes beside an escape a window with it can hold.
const beside = 7

// one deals with an escape that stands for one byte.
func (s *survey) one(at, size int, c byte, view uint8) {
	if s.deeper(at, size, c) {
		s.open(at, at+size, view)
		return
	}
	k := &s.chain
	gap := at - k.end
	if k.end > 0 && gap <= 2*beside && k.n+gap+1+beside > len(k.read) {
		s.slide()
	}
	if k.end == 0 || gap > 2*beside {
		s.close()
		k.from, k.view, k.n = at, view, 0
		k.add(s.text[max(0, at-beside):at])
	} else {
		k.add(s.text[k.end:at])
		if k.view |= view; k.view != view {
			s.open(k.from, at+size, k.view)
		}
	}
	k.read[k.n] = c
	k.n++
	k.end = at + size
}

func (k *chain) add(text []byte) { k.n += copy(k.read[k.n:], text) }

// slide makes room in the chain. What a window with the next byte can hold stays.
func (s *survey) slide() {
	k := &s.chain
	if s.hit() {
		s.open(k.from, k.end, k.view)
		return
	}
	k.n = copy(k.read[:], k.read[k.n-beside:k.n])
}

// close ends the chain, and opens it if one of its windows may be a pattern's.
func (s *survey) close() {
	k := &s.chain
	if k.end == 0 {
		return
	}
	k.add(s.text[k.end:min(len(s.text), k.end+beside)])
	end := k.end
	k.end = 0
	if s.hit() {
		s.open(k.from, end, k.view)
	}
}

// hit tells whether one of the chain's windows may be a pattern's. Only such can
// be whose bytes are all in some pattern.
func (s *survey) hit() bool {
	read := s.chain.read[:s.chain.n]
	for start := 0; start < len(read); start++ {
		stop := start
		for stop < len(read) && s.reads.member[read[stop]] {
			stop++
		}
		if s.windows(read[start:stop]) {
			return true
		}
		start = stop
	}
	return false
}

// windows tells whether one of the windows of a run may be a pattern's.
func (s *survey) windows(run []byte) bool {
	for i := range s.indexes {
		x := &s.indexes[i]
		for w := 0; w <= len(run)-x.window; w++ {
			s.quiet |= s.chain.view
			if x.passes(run, w) && x.known(run, w) {
				return true
			}
		}
	}
	return false
}

// deeper tells whether c, as which an escape reads, may be part of another that
// may be part of an occurrence.
func (s *survey) deeper(at, size int, c byte) bool {
	if !inEscape(c) {
		return false
	}
	if classOf[c]&escapeClass != 0 {
		var out [8]byte
		var b [1 + farEscape]byte
		b[0] = c
		n := copy(b[1:], s.text[at+size:])
		if n, size := unescape(b[:1+n], &out); size > 0 && (n > 1 || s.reads.decodedLive(s.text, at, out[:n])) {
			return true
		}
	}
	for i := at - 1; i >= max(0, at-farEscape); i-- {
		if classOf[s.text[i]]&escapeClass != 0 {
			return true
		}
		if !inEscape(s.text[i]) {
			break
		}
	}
	return false
}
