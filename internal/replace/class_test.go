package replace

import (
	"math/rand/v2"
	"testing"
)

// TestIndexClass finds each byte at each place of texts of every length, among
// bytes that are of no class.
func TestIndexClass(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	for length := range 70 {
		for c := range 256 {
			text := make([]byte, length)
			for i := range text {
				text[i] = "\x01 ABz09+/\x0b\x5d\x80\x8a\xa5\xff\xdc"[random.IntN(16)]
			}
			at := random.IntN(length + 1)
			if at < length {
				text[at] = byte(c)
			}
			for _, classes := range []uint8{everyClass, escapeClass, 1 << random.IntN(6), uint8(random.IntN(64)), 0} {
				want := length
				for i, is := range classBytes {
					if at < length && byte(c) == is && classes&(1<<i) != 0 {
						want = at
					}
				}
				if got := indexClass(text, classes); got != want {
					t.Fatalf("indexClass(%q, %b): got %d, want %d", text, classes, got, want)
				}
			}
		}
	}
}

// TestHints compares both ways to look at texts of every length. The one that
// takes many bytes at once may tell of a few more, never of fewer.
func TestHints(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	more, all := 0, 0
	for range 400 {
		var h hints
		for c := range 256 {
			h.before[c], h.own[c], h.behind[c] = uint8(random.Uint32()|random.Uint32()), 0, uint8(random.Uint32()|random.Uint32())
		}
		for i := range 1 + random.IntN(6) {
			h.own[random.IntN(128)] |= 1 << i
		}
		h.parted()
		for range 100 {
			text := make([]byte, random.IntN(300))
			for i := range text {
				text[i] = byte(random.Uint32())
			}
			want, got := h.indexEach(text, 0), h.index(text)
			all++
			if got > want || got < len(text) && h.own[text[got]] == 0 {
				t.Fatalf("%d, want %d, in %q", got, want, text)
			}
			if got < want {
				more++
			}
		}
	}
	if more > all/2 {
		t.Errorf("%d of %d looks are in vain", more, all)
	}
}
