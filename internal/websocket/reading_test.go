package websocket

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// heard keeps the messages of one kind as a rewriter gets them.
type heard struct {
	op  opcode
	now []byte
	all *[]message
}

func (h *heard) Append(dst, src []byte, last bool) []byte {
	if h.now = append(h.now, src...); last {
		*h.all = append(*h.all, message{h.op, string(h.now)})
		h.now = nil
	}
	return append(dst, src...)
}

// listen gives in, cut into pieces of size bytes, to a Reading.
func listen(in string, size int) (all []message, err error) {
	r := NewReading(&heard{op: textFrame, all: &all}, &heard{op: binaryFrame, all: &all}, func(name string, payload []byte) []byte {
		all = append(all, message{named(name), string(payload)})
		return nil
	})
	for in != "" {
		n := min(size, len(in))
		if err := r.Read([]byte(in[:n]), n == len(in)); err != nil {
			return all, err
		}
		in = in[n:]
	}
	return all, nil
}

// named is the control frame of a name.
func named(name string) opcode {
	for op, n := range controls {
		if n == name {
			return op
		}
	}
	return 0
}

// TestReading hears each message and control frame of a client once, without its key,
// however it is cut.
func TestReading(t *testing.T) {
	key := []byte{1, 2, 0xff, 0}
	long := strings.Repeat("long ", 20_000)
	in := frame(true, textFrame, "hello", key...) + frame(false, binaryFrame, "a", key...) + frame(true, 9, "ping", key...) +
		frame(true, continuation, "b", 9, 8, 7, 6) + frame(true, textFrame, "", key...) + frame(true, pongFrame, "", key...) +
		frame(true, textFrame, long, key...) + frame(true, closeFrame, "\x03\xe8bye", key...)
	want := []message{{textFrame, "hello"}, {pingFrame, "ping"}, {binaryFrame, "ab"}, {textFrame, ""}, {pongFrame, ""}, {textFrame, long}, {closeFrame, "\x03\xe8bye"}}
	for _, size := range []int{1, 2, 3, 7, 1 << 20} {
		if got, err := listen(in, size); err != nil || !slices.Equal(got, want) {
			t.Errorf("by %d: %.80v, %v", size, got, err)
		}
	}
	for name, in := range map[string]string{
		"not masked":      frame(true, textFrame, "x"),
		"behind a close":  frame(true, closeFrame, "", key...) + frame(true, textFrame, "x", key...),
		"cut in a frame":  frame(true, textFrame, "hello", key...)[:7],
		"nothing of this": "GET / HTTP/1.1\r\n",
	} {
		if got, err := listen(in, 1<<20); !errors.Is(err, ErrFrame) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}
