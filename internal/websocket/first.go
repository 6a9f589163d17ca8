package websocket

import "errors"

// MaxFirst is the most bytes that a first text message may have.
const MaxFirst = 64 << 10

// ErrTooLong is returned for a first text message over MaxFirst.
var ErrTooLong = errors.New("the first message of a WebSocket is too long")

// First gives on what a client sends, with its first text message changed. It
// holds that message back until it is whole, and nothing else. The zero value
// panics.
type First struct {
	frames  frames
	fill    func(message []byte) ([]byte, error)
	message []byte // the first, as far as it came, without its mask
	done    bool
}

// NewFirst returns a First. An error of fill ends the stream.
func NewFirst(fill func(message []byte) ([]byte, error)) *First {
	return &First{frames: frames{client: true}, fill: fill}
}

// Append takes the next bytes, and appends to dst what may go on now. With last,
// nothing follows src. An error is final, and what was appended before it must
// not go.
func (f *First) Append(dst, src []byte, last bool) ([]byte, error) {
	if f.done {
		return append(dst, src...), nil
	}
	for p, err := range f.frames.pieces(src) {
		if err != nil {
			return dst, err
		}
		if p.kind != textFrame {
			dst = append(append(dst, p.head...), p.data...)
			continue
		}
		if err := f.collect(p); err != nil {
			return dst, err
		}
		if p.ends {
			dst, err = f.appendFilled(dst)
			return append(dst, p.rest...), err
		}
	}
	if last && !f.frames.between() {
		return dst, ErrFrame
	}
	return dst, nil
}

func (f *First) collect(p piece) error {
	n := len(f.message)
	if n+len(p.data) > MaxFirst {
		return ErrTooLong
	}
	f.message = append(f.message, p.data...)
	xor(f.message[n:], f.frames.head.key, p.at)
	return nil
}

// appendFilled masks with the key of the client's last fragment: it only has to
// be one that no script could choose.
func (f *First) appendFilled(dst []byte) ([]byte, error) {
	filled, err := f.fill(f.message)
	if err != nil {
		return dst, err
	}
	f.message, f.done = nil, true
	h := head{final: true, op: textFrame, masked: true, key: f.frames.head.key, length: uint64(len(filled))}
	dst = appendHead(dst, h)
	start := len(dst)
	dst = append(dst, filled...)
	xor(dst[start:], h.key, 0)
	return dst, nil
}
