package search

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"
)

// Search finds the values of some fingerprints. It never changes and may be used
// from many goroutines.
type Search struct {
	key     *Key
	prints  []Fingerprint
	tables  []table // one for each length of windows
	longest int     // bytes of an occurrence
	form    int     // bytes of the longest form
}

// Hit is an occurrence of a value: text[Start:End].
type Hit struct {
	Credential string
	Kind       Kind
	Start, End int
}

// table finds forms by the hash of their window.
type table struct {
	window int
	filter []uint64 // a bit for the first bits of each hash
	shift  int      // of a hash, to the number of its bit
	forms  map[uint32][]place
}

// place is a form of a fingerprint.
type place struct{ print, form int32 }

// Compile makes a Search for the values of fingerprints that were made with the
// key. A form that no fingerprint has is an error.
func (k *Key) Compile(prints []Fingerprint) (*Search, error) {
	s := &Search{key: k, prints: prints}
	known := map[MAC]bool{}
	tables := map[int]*table{}
	for i, p := range prints {
		if known[p.ID] {
			continue
		}
		known[p.ID] = true
		for j, f := range p.Forms {
			if f.Kind >= kinds || f.Length < shortest || f.Most < f.Length || f.Most > mostOfAll {
				return nil, fmt.Errorf("compiling a fingerprint of %q: form %d is of no value", p.Credential, j)
			}
			w := windowOf(f.Length)
			if tables[w] == nil {
				tables[w] = &table{window: w, forms: map[uint32][]place{}}
			}
			tables[w].forms[f.Window] = append(tables[w].forms[f.Window], place{int32(i), int32(j)})
			s.longest, s.form = max(s.longest, f.Most), max(s.form, f.Length)
		}
	}
	for w := narrowest; w <= widest; w++ {
		if t := tables[w]; t != nil {
			t.fill()
			s.tables = append(s.tables, *t)
		}
	}
	return s, nil
}

// mostOfAll bounds the memory that a Search takes: ten times the longest value
// that anybody declares.
const mostOfAll = 64 << 20

// fill makes the filter, in which one of 32 bits is set at most.
func (t *table) fill() {
	size := max(10, bits.Len(uint(32*len(t.forms))))
	t.shift = 32 - min(size, 32)
	t.filter = make([]uint64, 1<<(32-t.shift)/64)
	for h := range t.forms {
		h >>= t.shift
		t.filter[h/64] |= 1 << (h % 64)
	}
}

// find calls found with each form whose window lies in a part of a text, and
// where it ends. small is the text with small letters, and eight bytes more.
func (t *table) find(k *Key, small []byte, part stretch, found func(p place, end int)) {
	for i := part.from; i+t.window <= part.to; i++ {
		hash := k.window(binary.LittleEndian.Uint64(small[i:]), t.window)
		bit := hash >> t.shift
		if t.filter[bit/64]&(1<<(bit%64)) == 0 {
			continue
		}
		for _, p := range t.forms[hash] {
			found(p, i+t.window)
		}
	}
}

// inOrder sorts hits, and makes one of those that several readings show.
func inOrder(hits []Hit) []Hit {
	slices.SortFunc(hits, func(a, b Hit) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.End, b.End), cmp.Compare(a.Credential, b.Credential), cmp.Compare(a.Kind, b.Kind))
	})
	return slices.Compact(hits)
}
