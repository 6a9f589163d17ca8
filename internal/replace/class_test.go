package replace

import (
	"math/rand/v2"
	"testing"
)

// TestIndexClass has both ways find each byte at each place of texts of every
// length, among bytes that are of no class.
func TestIndexClass(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	for length := range 140 {
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
				if got := indexClassByBytes(text, classes); got != want {
					t.Fatalf("indexClassByBytes(%q, %b): got %d, want %d", text, classes, got, want)
				}
			}
		}
	}
}
