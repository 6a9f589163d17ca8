//go:build !amd64

package replace

// index returns the place of the first byte of text that is worth a look, or
// text's length.
func (h *hints) index(text []byte) int { return h.indexEach(text, 0) }
