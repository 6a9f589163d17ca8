package websocket

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

var key = []byte{0x37, 0xfa, 0x21, 0x3d}

func shout(message []byte) ([]byte, error) {
	return []byte(strings.ToUpper(string(message)) + "!"), nil
}

// TestFirst changes the first text message, and nothing else.
func TestFirst(t *testing.T) {
	others := frame(true, 9, "ping", key...) + frame(false, binaryFrame, "bin", 1, 2, 3, 4) + frame(true, continuation, "ary", key...)
	for _, tt := range []struct {
		name, in string
		want     []message
	}{
		{"nothing", "", nil},
		{"a text", frame(true, textFrame, "hello", key...), []message{{textFrame, "HELLO!"}}},
		{"an empty text", frame(true, textFrame, "", key...), []message{{textFrame, "!"}}},
		{"two texts", frame(true, textFrame, "one", key...) + frame(true, textFrame, "two", 9, 9, 9, 9), []message{{textFrame, "ONE!"}, {textFrame, "two"}}},
		{"a text in fragments", frame(false, textFrame, "he", key...) + frame(false, continuation, "", 1, 1, 1, 1) + frame(true, continuation, "llo", 5, 6, 7, 8),
			[]message{{textFrame, "HELLO!"}}},
		{"a ping between", frame(false, textFrame, "he", key...) + frame(true, 9, "p", key...) + frame(true, continuation, "llo", key...),
			[]message{{9, "p"}, {textFrame, "HELLO!"}}},
		{"others before", others + frame(true, textFrame, "hello", key...) + others,
			[]message{{9, "ping"}, {binaryFrame, "binary"}, {textFrame, "HELLO!"}, {9, "ping"}, {binaryFrame, "binary"}}},
		{"only others", others, []message{{9, "ping"}, {binaryFrame, "binary"}}},
		{"the longest", frame(true, textFrame, strings.Repeat("x", MaxFirst), key...), []message{{textFrame, strings.Repeat("X", MaxFirst) + "!"}}},
	} {
		for _, size := range []byte{1, 2, 5, 255} {
			out, err := feed(NewFirst(shout), tt.in, []byte{size})
			got, ok := read([]byte(out), true)
			if err != nil || !ok || !slices.Equal(got, tt.want) {
				t.Errorf("%s by %d: %.80v, %v, want %.80v", tt.name, size, got, err, tt.want)
			}
		}
	}
}

// TestFirstRefused: nothing of the message goes on.
func TestFirstRefused(t *testing.T) {
	errFill := errors.New("not granted")
	for _, tt := range []struct {
		name, in string
		want     error
	}{
		{"an error", frame(true, textFrame, "hello", key...), errFill},
		{"too long", frame(true, textFrame, strings.Repeat("x", MaxFirst+1), key...), ErrTooLong},
		{"too long in fragments", frame(false, textFrame, strings.Repeat("x", MaxFirst), key...) + frame(false, continuation, "x", key...), ErrTooLong},
		{"not masked", frame(true, textFrame, "hello"), ErrFrame},
		{"cut", frame(true, textFrame, "hello", key...)[:8], ErrFrame},
	} {
		for _, size := range []byte{1, 255} {
			f := NewFirst(func([]byte) ([]byte, error) { return nil, errFill })
			if out, err := feed(f, tt.in, []byte{size}); err != tt.want || out != "" {
				t.Errorf("%s by %d: %q, %v", tt.name, size, out, err)
			}
		}
	}
}

// FuzzFirst takes any bytes, cut in any way, beside the reference.
func FuzzFirst(f *testing.F) {
	for _, seed := range []string{"", frame(true, textFrame, "hello", key...), frame(false, textFrame, "he", key...) + frame(true, 9, "p", key...) + frame(true, continuation, "llo", key...),
		frame(true, binaryFrame, "b", key...) + frame(true, textFrame, "t", key...) + frame(true, closeFrame, "", key...)} {
		f.Add([]byte(seed), []byte{1, 3})
	}
	f.Fuzz(func(t *testing.T, in, cuts []byte) {
		messages, ok := read(in, true)
		out, err := feed(NewFirst(shout), string(in), cuts)
		at := slices.IndexFunc(messages, func(m message) bool { return m.op == textFrame })
		if at >= 0 {
			text, _ := shout([]byte(messages[at].text))
			messages[at].text = string(text)
		}
		if ok && err != nil {
			t.Fatalf("%q: %v", in, err)
		}
		if !ok && at < 0 && err == nil && len(in) > 0 {
			t.Fatalf("%q went on as %q", in, out)
		}
		if got, _ := read([]byte(out), true); err == nil && fmt.Sprint(got) != fmt.Sprint(messages) {
			t.Fatalf("%q gave %v, want %v", in, got, messages)
		}
	})
}
