package recording

import (
	"crypto/cipher"
	"crypto/rand"
	"encoding/hex"
	"fmt"
)

// ring are the recording keys that are here. The first wraps the keys of new packs,
// each unwraps.
type ring []wrapper

// wrapper is a recording key.
type wrapper struct {
	id   string // from which the key does not follow
	aead cipher.AEAD
}

func newRing(key [32]byte, old ...[32]byte) (ring, error) {
	var all ring
	for _, key := range append([][32]byte{key}, old...) {
		wrapping, err := derive(key, "wrap")
		if err != nil {
			return nil, err
		}
		id, err := derive(key, "id")
		if err != nil {
			return nil, err
		}
		aead, err := newAEAD(wrapping)
		if err != nil {
			return nil, err
		}
		all = append(all, wrapper{hex.EncodeToString(id[:8]), aead})
	}
	return all, nil
}

// wrap puts a pack's own key in its header.
func (w wrapper) wrap(h *header, key [32]byte) {
	h.KeyID = w.id
	nonce := make([]byte, w.aead.NonceSize())
	rand.Read(nonce)
	h.Key = w.aead.Seal(nonce, nonce, key[:], h.bound())
}

// unwrap is the key in a header; nil: it does not open.
func (w wrapper) unwrap(h header) []byte {
	n := w.aead.NonceSize()
	if len(h.Key) <= n {
		return nil
	}
	key, err := w.aead.Open(nil, h.Key[:n], h.Key[n:], h.bound())
	if err != nil || len(key) != 32 {
		return nil
	}
	return key
}

// open unwraps a pack's own key. Of a header that is what it was, which its pack's id
// tells, an error is ErrKey's.
func (r ring) open(h header) (cipher.AEAD, error) {
	for _, w := range r {
		if h.KeyID != "" && h.KeyID != w.id {
			continue
		}
		if key := w.unwrap(h); key != nil {
			return newAEAD([32]byte(key))
		}
	}
	if h.KeyID == "" {
		return nil, fmt.Errorf("%w; the pack does not say which", ErrKey)
	}
	return nil, fmt.Errorf("%w: key %q", ErrKey, h.KeyID)
}
