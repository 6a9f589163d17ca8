// Package websocket rewrites the messages of a WebSocket (RFC 6455) as they
// stream by, each direction by itself: [Rewriting] all that a server sends,
// [First] the first text message of a client. [Reading] only reads what a client sends.
//
// It promises that however the bytes are cut, the messages are the same; that a
// value cut by fragments is seen whole; that a message goes when its end has
// come, and a control frame at once; and that its memory does not grow with a
// message. What is no frame, or needs an extension to be read, is an error.
//
// A long message may go on in other fragments than it came in, as RFC 6455 (5.4)
// allows between two ends without extensions. The handshake is not its
// business, nor whether a text is UTF-8.
package websocket

// Rewriter rewrites texts as they stream, one after the other: Append appends to
// dst what of the text may go now, and with last the text ends with src.
// *replace.Rewriter is one.
type Rewriter interface {
	Append(dst, src []byte, last bool) []byte
}

// Control is told of a control frame once it is whole: its name ("ping", "pong",
// "close") and its payload, at most 125 bytes, good until it returns. That of a close is
// a code of two bytes and the reason. It returns what goes on in its place, as long as
// that.
type Control func(name string, payload []byte) []byte

// Rewriting gives on what a server sends, with its messages rewritten. The zero
// value panics.
type Rewriting struct {
	frames       frames
	text, binary Rewriter
	control      Control
	payload      []byte // of a control frame, as far as it came
	begun        bool   // a fragment of the message under way has gone
}

// NewRewriting returns a Rewriting. The rewriters may not be one.
func NewRewriting(text, binary Rewriter, control Control) *Rewriting {
	return &Rewriting{text: text, binary: binary, control: control}
}

// Append takes the next bytes, and appends to dst what may go on now. With last,
// nothing follows src. An error is final, and what was appended before it must
// not go.
func (w *Rewriting) Append(dst, src []byte, last bool) ([]byte, error) {
	for p, err := range w.frames.pieces(src) {
		switch {
		case err != nil:
			return dst, err
		case p.kind.control():
			dst = w.appendControl(dst, p)
		default:
			dst = w.appendMessage(dst, p)
		}
	}
	if last && !w.frames.between() {
		return dst, ErrFrame
	}
	return dst, nil
}

// Closed tells whether a close frame has gone, so that nothing may follow.
func (w *Rewriting) Closed() bool { return w.frames.closed }

func (w *Rewriting) appendControl(dst []byte, p piece) []byte {
	w.payload = append(w.payload, p.data...)
	if !p.ends {
		return dst
	}
	payload := w.control(controls[p.kind], w.payload)
	w.payload = w.payload[:0]
	return append(appendHead(dst, head{final: true, op: p.kind, length: uint64(len(payload))}), payload...)
}

// appendMessage makes a fragment of what may go, if there is any.
func (w *Rewriting) appendMessage(dst []byte, p piece) []byte {
	rewriter := w.binary
	if p.kind == textFrame {
		rewriter = w.text
	}
	var room [10]byte // for the longest head
	start := len(dst)
	dst = rewriter.Append(append(dst, room[:]...), p.data, p.ends)
	payload := dst[start+len(room):]
	if len(payload) == 0 && !p.ends {
		return dst[:start]
	}
	h := head{final: p.ends, op: p.kind, length: uint64(len(payload))}
	if w.begun {
		h.op = continuation
	}
	w.begun = !p.ends
	return append(appendHead(dst[:start], h), payload...) // moves it down to where it belongs
}
