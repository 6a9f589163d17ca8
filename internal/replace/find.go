package replace

const (
	// stretch is how many bytes of a text an occurrence may have for each of the
	// value's, escapes and all: what three levels of "\u0041" need.
	stretch = 9
	// lookahead and lookbehind are what must be known behind an occurrence and
	// before it, so that it reads the same however the text is cut: longer than
	// an escape, the latter one within others.
	lookahead  = 64
	lookbehind = 256
	// block is how much of a text is looked at at once: many times what has to be
	// looked at beside it.
	block = 64 << 10
	// swallowed is how many first bytes of an occurrence may be read as part of
	// an escape that began before it.
	swallowed = 4
)

// finder looks for the occurrences in one block of a text.
type finder struct {
	*Set
	text          []byte
	from, through int  // where occurrences may start
	anyCase       bool // letters are compared without case
	found         []match
	// rehearsing: nothing is entered, but it is told whether anything may be.
	rehearsing, promising bool
	sure                  [2]int      // of the text in a rehearsal, the part that reads as it does in the whole
	near                  []candidate // windows of patterns that do not stand there to the letter
	*views
}

// candidate is a window of a pattern.
type candidate struct {
	at      int
	pattern uint32
	offset  int
}

// find appends to found, in no order and some twice, the occurrences in text
// that start in [from, through), which is at most a block. All of them must be
// whole in text.
func (s *Set) find(found []match, text []byte, from, through int) []match {
	f := finder{Set: s, text: text, from: from, through: through, found: found}
	return f.find()
}

// find looks at what may have to do with escapes, then for what stands to the
// letter, and then, where the two leave it open, at views of the text.
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
		if f.views.near = f.near; s.spans != nil { // else there was no span
			f.views.spans = s.spans
		}
		viewPool.Put(f.views)
	}
	return f.found
}
