package search

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"math/bits"
)

// MAC is an HMAC-SHA256, cut to 16 bytes.
type MAC [16]byte

// Key is what fingerprints are made with. Only what was made with the same Key
// can be compared.
type Key struct {
	whole     [sha256.Size]byte // of MACs
	book      [sha256.Size]byte // of a Book's lines
	mask, odd uint64            // of the hash of windows
}

// NewKey makes a Key of a secret.
func NewKey(secret [32]byte) Key {
	derive := func(label string) [sha256.Size]byte {
		h := hmac.New(sha256.New, secret[:])
		h.Write([]byte(label))
		return [sha256.Size]byte(h.Sum(nil))
	}
	window := derive("window")
	return Key{
		whole: derive("whole"),
		book:  derive("book"),
		mask:  binary.LittleEndian.Uint64(window[:]),
		odd:   binary.LittleEndian.Uint64(window[8:]) | 1,
	}
}

// widest and narrowest are how many last bytes of a form are its window: eight,
// but less where the four that may be lost in front would be among them.
const (
	widest    = 8
	narrowest = shortest - lost
)

// windowOf is the length of the window of a form of n bytes.
func windowOf(n int) int { return min(widest, n-lost) }

// window hashes the first n of eight bytes.
func (k *Key) window(eight uint64, n int) uint32 {
	eight &= ^uint64(0) >> (64 - 8*n)
	high, low := bits.Mul64(eight^k.mask, k.odd)
	return uint32((high ^ low) >> 16)
}

// windowOfText hashes the window at the end of text.
func (k *Key) windowOfText(text string) uint32 {
	var eight [widest]byte
	n := windowOf(len(text))
	lower(eight[:n], text[len(text)-n:])
	return k.window(binary.LittleEndian.Uint64(eight[:]), n)
}

// mac returns what makes MACs one after the other.
func (k *Key) mac() *macs { return &macs{Hash: hmac.New(sha256.New, k.whole[:])} }

type macs struct {
	hash.Hash
	sum [sha256.Size]byte
}

func (m *macs) of(parts ...[]byte) MAC {
	m.Reset()
	for _, p := range parts {
		m.Write(p)
	}
	return MAC(m.Sum(m.sum[:0])[:len(MAC{})])
}

// lower writes text with ASCII's capitals made small to dst, which is as long.
func lower[T string | []byte](dst []byte, text T) {
	for i := range dst {
		dst[i] = small[text[i]]
	}
}

var small = func() (t [256]byte) {
	for i := range t {
		t[i] = byte(i)
		if 'A' <= i && i <= 'Z' {
			t[i] += 'a' - 'A'
		}
	}
	return t
}()
