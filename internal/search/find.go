package search

import "slices"

// piece is how much of a text is read at once, at least; around is how far it is
// read beyond, so that it reads as in the whole text.
const (
	piece  = 64 << 10
	around = 4 << 10
)

// Find returns the occurrences in text in order, each once. The memory that it
// takes is some dozen times the longest occurrence, or a megabyte.
func (s *Search) Find(text []byte) []Hit {
	if len(s.tables) == 0 {
		return nil
	}
	f := finder{Search: s, macs: s.key.mac()}
	step := max(piece, 4*s.longest)
	for from := 0; from < len(text); from += step {
		low, high := max(0, from-around), min(len(text), from+step+s.longest+around)
		f.raw, f.low = text[low:high], low
		f.from, f.through = from-low, from-low+step
		f.readings()
	}
	return inOrder(f.hits)
}

// finder looks through one piece of a text.
type finder struct {
	*Search
	macs          *macs
	raw           []byte
	low           int // where raw begins in the text
	from, through int // of raw: where an occurrence may begin
	small         []byte
	hits          []Hit
}

// readings looks through all readings of the piece. One that is as the reading
// that it was made of shows nothing new.
func (f *finder) readings() {
	raw := plain(f.raw)
	f.look(raw, Text)
	base := narrow(raw)
	if base != raw {
		f.look(base, Text)
	}
	f.joined(base)
	f.decoded(base, levels)
	if quoted := unquote(base); quoted != base {
		f.look(quoted, Text)
		f.joined(quoted)
		f.decoded(quoted, levels-1)
	}
}

func (f *finder) decoded(r *reading, times int) {
	for range times {
		next := decode(r)
		if next == r {
			return
		}
		f.look(next, Text)
		f.joined(next)
		r = next
	}
}

func (f *finder) joined(r *reading) {
	if j := join(r); j != r {
		f.look(j, Text+1)
	}
}

// look finds forms of the kinds from least on in a reading, where it differs
// from the one that it was made of, and as far behind as a form may end that
// begins there.
func (f *finder) look(r *reading, least Kind) {
	n := len(r.text)
	f.small = slices.Grow(f.small[:0], n+widest)[:n+widest]
	lower(f.small[:n], r.text)
	clear(f.small[n:])
	done := 0
	for _, s := range r.fresh {
		part := stretch{max(done, s.from-widest), min(n, s.to+f.form)}
		for i := range f.tables {
			f.tables[i].find(f.key, f.small, part, func(p place, end int) {
				if form := &f.prints[p.print].Forms[p.form]; form.Kind >= least {
					f.compare(r, form, f.prints[p.print].Credential, end)
				}
			})
		}
		done = max(done, part.to-widest)
	}
}

// compare enters the occurrences of a form that end at a place of a reading,
// with up to four characters in front of it that are no part of it: the raw
// text's, before where the rest comes from.
func (f *finder) compare(r *reading, form *Form, credential string, end int) {
	text, raw := r.text, f.raw
	if form.Kind.anyCase() {
		text = f.small
	}
	for n := range lost + 1 {
		first := end - (form.Length - n)
		if first < 0 {
			continue
		}
		start := int(r.from[first]) - n
		if start < f.from || start >= f.through || int(r.to[end-1])-start > form.Most {
			continue
		}
		var before [lost]byte
		copy(before[:n], raw[start:start+n])
		if form.Kind.anyCase() {
			lower(before[:n], raw[start:start+n])
		}
		if n > 0 && first > 0 && text[first-1] == before[n-1] {
			continue // it is no more than part of one that lost less
		}
		if f.macs.of(before[:n], text[first:end]) == form.MAC {
			f.hits = append(f.hits, Hit{credential, form.Kind, f.low + start, f.low + int(r.to[end-1])})
		}
	}
}
