package websocket

import (
	"encoding/binary"
	"errors"
	"iter"
)

// ErrFrame is returned for bytes that are no frames of RFC 6455 as one side may
// send them where no extension was negotiated, or that end within a frame.
var ErrFrame = errors.New("no frames of a WebSocket")

// opcode is what a frame is (RFC 6455, 5.2).
type opcode byte

const (
	continuation opcode = 0x0
	textFrame    opcode = 0x1
	binaryFrame  opcode = 0x2
	closeFrame   opcode = 0x8
	pingFrame    opcode = 0x9
	pongFrame    opcode = 0xa // the last that is known
)

// controls are the names of control frames.
var controls = map[opcode]string{closeFrame: "close", pingFrame: "ping", pongFrame: "pong"}

// longestControl is the most bytes that a control frame may carry.
const longestControl = 125

func (o opcode) control() bool { return o >= closeFrame }

// head is what a frame's head says.
type head struct {
	final, masked, reserved bool
	op                      opcode
	length                  uint64
	key                     [4]byte
}

// piece is some of one frame's payload.
type piece struct {
	kind opcode // text or binary, of the whole message; else of the control frame
	head []byte // the frame's, as it came: with its first piece only
	data []byte
	at   uint64 // where in the payload data begins
	ends bool   // the message, or the control frame, ends with data
	rest []byte // what was given behind data
}

// frames takes what one side sends apart, however it is cut. Its memory is a
// frame's head.
type frames struct {
	client  bool // the side is a client, which masks; a server never does
	raw     [14]byte
	n       int // bytes in raw, of a head that is not complete
	head    head
	inside  bool // within the payload of the frame of head
	left    uint64
	message opcode // text or binary while a message is under way, else 0
	closed  bool   // a close frame has come, behind which nothing may
}

// pieces returns what src brings, in order. An error is the last element.
func (f *frames) pieces(src []byte) iter.Seq2[piece, error] {
	return func(yield func(piece, error) bool) {
		for {
			var p piece
			if !f.inside {
				n, err := f.readHead(src)
				if err != nil {
					yield(piece{}, err)
					return
				}
				if src = src[n:]; !f.inside {
					return
				}
				p.head, f.n = f.raw[:f.n], 0
			} else if len(src) == 0 {
				return
			}
			f.cut(&p, src)
			src = p.rest
			if !yield(p, nil) {
				return
			}
		}
	}
}

// cut takes what belongs to the frame's payload off src.
func (f *frames) cut(p *piece, src []byte) {
	n := min(f.left, uint64(len(src)))
	p.data, p.rest, p.at = src[:n], src[n:], f.head.length-f.left
	f.left -= n
	f.inside = f.left > 0
	p.ends = !f.inside && f.head.final
	if p.kind = f.head.op; p.kind.control() {
		f.closed = p.kind == closeFrame && p.ends
		return
	}
	if p.kind = f.message; p.ends {
		f.message = 0
	}
}

// between tells whether a frame ended with the last byte, or none has begun.
func (f *frames) between() bool { return !f.inside && f.n == 0 }

// readHead takes n bytes of src to complete a head. Once it is complete, the
// frame's payload follows.
func (f *frames) readHead(src []byte) (n int, err error) {
	for f.n < headSize(f.raw[:f.n]) {
		if n == len(src) {
			return n, nil
		}
		f.raw[f.n] = src[n]
		f.n++
		n++
	}
	f.head = parseHead(f.raw[:f.n])
	if !f.allows(f.head) {
		return n, ErrFrame
	}
	if f.head.op == textFrame || f.head.op == binaryFrame {
		f.message = f.head.op
	}
	f.inside, f.left = true, f.head.length
	return n, nil
}

// allows tells whether a frame may have this head, and stand here.
func (f *frames) allows(h head) bool {
	var shortest [14]byte
	switch {
	case f.closed || h.reserved || h.masked != f.client || h.length>>63 != 0:
		return false
	case f.n != len(appendHead(shortest[:0], h)): // its length is written longer than it has to be
		return false
	case h.op.control():
		return h.op <= pongFrame && h.final && h.length <= longestControl
	case h.op == continuation:
		return f.message != 0
	}
	return h.op <= binaryFrame && f.message == 0
}

// headSize is how long a head is that begins with raw, as far as that tells.
func headSize(raw []byte) int {
	if len(raw) < 2 {
		return 2
	}
	n := 2
	switch raw[1] & 0x7f {
	case 126:
		n += 2
	case 127:
		n += 8
	}
	if raw[1]&0x80 != 0 {
		n += 4
	}
	return n
}

// parseHead reads a whole head.
func parseHead(raw []byte) head {
	h := head{final: raw[0]&0x80 != 0, reserved: raw[0]&0x70 != 0, op: opcode(raw[0] & 0x0f),
		masked: raw[1]&0x80 != 0, length: uint64(raw[1] & 0x7f)}
	switch h.length {
	case 126:
		h.length = uint64(binary.BigEndian.Uint16(raw[2:]))
	case 127:
		h.length = binary.BigEndian.Uint64(raw[2:])
	}
	if h.masked {
		copy(h.key[:], raw[len(raw)-4:])
	}
	return h
}

// appendHead writes a head, its length as short as it can be.
func appendHead(dst []byte, h head) []byte {
	first, second := byte(h.op), byte(0)
	if h.final {
		first |= 0x80
	}
	if h.masked {
		second = 0x80
	}
	switch {
	case h.length <= 125:
		dst = append(dst, first, second|byte(h.length))
	case h.length <= 0xffff:
		dst = binary.BigEndian.AppendUint16(append(dst, first, second|126), uint16(h.length))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, first, second|127), h.length)
	}
	if h.masked {
		dst = append(dst, h.key[:]...)
	}
	return dst
}

// xor masks data, which begins at a place of a frame's payload, or takes the
// mask off.
func xor(data []byte, key [4]byte, at uint64) {
	for i := range data {
		data[i] ^= key[(at+uint64(i))&3]
	}
}
