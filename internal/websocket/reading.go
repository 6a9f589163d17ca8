package websocket

// Reading reads the messages and control frames that a client sends, for their
// contents alone. The zero value panics.
type Reading struct {
	frames       frames
	text, binary Rewriter
	control      Control
	plain, out   []byte
	payload      []byte // of a control frame, as far as it came
}

// NewReading returns a Reading. Each message is a text of its own for the one of
// the rewriters that its kind names; what they write, and control returns, goes
// nowhere. The rewriters may be one.
func NewReading(text, binary Rewriter, control Control) *Reading {
	return &Reading{frames: frames{client: true}, text: text, binary: binary, control: control}
}

// Read takes the next bytes; with last, nothing follows. An error is final.
func (r *Reading) Read(src []byte, last bool) error {
	for p, err := range r.frames.pieces(src) {
		if err != nil {
			return err
		}
		r.plain = append(r.plain[:0], p.data...)
		xor(r.plain, r.frames.head.key, p.at)
		switch {
		case p.kind == textFrame:
			r.out = r.text.Append(r.out[:0], r.plain, p.ends)
		case p.kind == binaryFrame:
			r.out = r.binary.Append(r.out[:0], r.plain, p.ends)
		default:
			r.hear(p)
		}
	}
	if last && !r.frames.between() {
		return ErrFrame
	}
	return nil
}

// hear gathers a control frame, and tells of it.
func (r *Reading) hear(p piece) {
	r.payload = append(r.payload, r.plain...)
	if p.ends {
		r.control(controls[p.kind], r.payload)
		r.payload = r.payload[:0]
	}
}
