package websocket

// Reading reads the messages that a client sends, for their contents alone. The
// zero value panics.
type Reading struct {
	frames       frames
	text, binary Rewriter
	plain, out   []byte
}

// NewReading returns a Reading. Each message is a text of its own for the one of
// the rewriters that its kind names; what they write goes nowhere. They may be one.
func NewReading(text, binary Rewriter) *Reading {
	return &Reading{frames: frames{client: true}, text: text, binary: binary}
}

// Read takes the next bytes; with last, nothing follows. An error is final.
func (r *Reading) Read(src []byte, last bool) error {
	for p, err := range r.frames.pieces(src) {
		if err != nil {
			return err
		}
		if p.kind.control() {
			continue
		}
		r.plain = append(r.plain[:0], p.data...)
		xor(r.plain, r.frames.head.key, p.at)
		rewriter := r.binary
		if p.kind == textFrame {
			rewriter = r.text
		}
		r.out = rewriter.Append(r.out[:0], r.plain, p.ends)
	}
	if last && !r.frames.between() {
		return ErrFrame
	}
	return nil
}
