package websocket

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
)

// TestMessages takes messages apart in every regular cutting.
func TestMessages(t *testing.T) {
	long := strings.Repeat("x", 70_000)
	for _, tt := range []struct{ name, in string }{
		{"nothing", ""},
		{"a text", frame(true, textFrame, "it is "+value)},
		{"an empty text", frame(true, textFrame, "")},
		{"a binary", frame(true, binaryFrame, "\x00"+value+"\xff")},
		{"texts", frame(true, textFrame, "a"+value) + frame(true, textFrame, value+"b") + frame(true, textFrame, "c")},
		{"a value in fragments", frame(false, textFrame, value[:5]) + frame(false, continuation, value[5:9]) + frame(true, continuation, value[9:])},
		{"a binary in fragments", frame(false, binaryFrame, value[:5]) + frame(true, continuation, value[5:])},
		{"empty fragments", frame(false, textFrame, "") + frame(false, continuation, "") + frame(true, continuation, "")},
		{"a ping between", frame(false, textFrame, value[:5]) + frame(true, 9, value) + frame(true, continuation, value[5:])},
		{"a value cut by messages", frame(true, textFrame, value[:5]) + frame(true, textFrame, value[5:])},
		{"a pong", frame(true, pongFrame, "p")},
		{"medium", frame(true, textFrame, strings.Repeat(value, 100))},
		{"long", frame(true, textFrame, long+value+long)},
		{"a close", frame(true, closeFrame, "\x03\xe8since "+value)},
		{"a close without a code", frame(true, textFrame, "x") + frame(true, closeFrame, "")},
	} {
		in, ok := read([]byte(tt.in), false)
		if !ok {
			t.Fatalf("%s: the reference does not read it", tt.name)
		}
		for _, size := range []byte{0, 1, 2, 3, 7, 64, 255} {
			w := rewriting(masks(t))
			out, err := feed(w, tt.in, []byte{size}[:min(int(size), 1)])
			got, ok := read([]byte(out), false)
			if err != nil || !ok || !slices.Equal(got, want(in)) {
				t.Errorf("%s by %d: %.80v, %v, want %.80v", tt.name, size, got, err, want(in))
			}
			if w.Closed() != strings.HasPrefix(tt.name, "a close") {
				t.Errorf("%s by %d: closed %v", tt.name, size, w.Closed())
			}
		}
	}
}

// TestHostileFrames are those that nobody may send.
func TestHostileFrames(t *testing.T) {
	for name, in := range map[string]string{
		"a reserved bit":             "\xc1\x00",
		"an unknown data frame":      "\x83\x00",
		"an unknown control frame":   "\x8b\x00",
		"masked":                     frame(true, textFrame, "x", 1, 2, 3, 4),
		"a fragment of nothing":      frame(true, continuation, "x"),
		"a text within a text":       frame(false, textFrame, "x") + frame(true, textFrame, "y"),
		"a ping in fragments":        frame(false, 9, "x"),
		"a long ping":                frame(true, 9, strings.Repeat("x", 126)),
		"a length longer than it is": "\x81\x7e\x00\x05hello",
		"one longer still":           "\x81\x7f\x00\x00\x00\x00\x00\x00\xff\xff",
		"a negative length":          "\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xff",
		"behind a close":             frame(true, closeFrame, "") + frame(true, textFrame, "x"),
		"cut in a head":              "\x81",
		"cut in a length":            "\x81\x7e\x00",
		"cut in a payload":           "\x81\x05hell",
		"no frames":                  "HTTP/1.1 200 OK\r\n\r\n",
	} {
		for _, size := range []byte{1, 255} {
			if out, err := feed(rewriting(masks(t)), in, []byte{size}); err != ErrFrame {
				t.Errorf("%s by %d: %q, %v", name, size, out, err)
			}
		}
	}
}

// TestWhatIsHeldBack depends on how much came, never on what came: the same
// lengths give the same cuts.
func TestWhatIsHeldBack(t *testing.T) {
	cuts := func(text string) (all []int) {
		w := rewriting(masks(t))
		for _, b := range []byte(frame(false, textFrame, text) + frame(true, continuation, text)) {
			out, err := w.Append(nil, []byte{b}, false)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, len(out))
		}
		return all
	}
	right, wrong := strings.Repeat("y", 300)+value[:15], strings.Repeat("y", 300)+strings.Repeat("z", 15)
	if a, b := cuts(right), cuts(wrong); !slices.Equal(a, b) {
		t.Errorf("the cuts differ:\n%v\n%v", a, b)
	}
}

// TestAMessageGoesWhenItEnds, and a control frame at once.
func TestAMessageGoesWhenItEnds(t *testing.T) {
	w := rewriting(masks(t))
	for _, f := range []string{frame(true, textFrame, "short"), frame(true, 9, "p"), frame(true, binaryFrame, "b")} {
		if out, err := w.Append(nil, []byte(f), false); err != nil || string(out) != f {
			t.Errorf("%q gave %q, %v", f, out, err)
		}
	}
	out, err := w.Append(nil, []byte(frame(false, textFrame, "begun")+frame(true, 9, "p")), false)
	if want := frame(true, 9, "p"); err != nil || string(out) != want {
		t.Errorf("within a message: %q, %v, want %q", out, err, want)
	}
}

// TestEndlessMessage: what a message needs does not grow with it.
func TestEndlessMessage(t *testing.T) {
	w := rewriting(masks(t))
	out, err := w.Append(nil, []byte(appendHead(nil, head{op: binaryFrame, final: true, length: math.MaxInt64})), false)
	if err != nil {
		t.Fatal(err)
	}
	chunk := make([]byte, 64<<10)
	room := make([]byte, 0, 2*len(chunk))
	var total int
	if n := testing.AllocsPerRun(1000, func() {
		out, err = w.Append(room[:0], chunk, false)
		total += len(out)
	}); err != nil || n > 0 || total < 1000*len(chunk) {
		t.Errorf("%v allocations a chunk, %d bytes, %v", n, total, err)
	}
}

// FuzzRewriting takes any bytes, cut in any way, beside the reference.
func FuzzRewriting(f *testing.F) {
	for _, seed := range []string{"", frame(true, textFrame, value), frame(false, textFrame, value[:3]) + frame(true, 9, "p") + frame(true, continuation, value[3:]),
		frame(false, binaryFrame, value) + frame(true, closeFrame, "\x03\xe8"+value), "\x81\x7e\x00\x05hello", "\xc1\x00"} {
		f.Add([]byte(seed), []byte{1, 3})
	}
	set := masks(f)
	f.Fuzz(func(t *testing.T, in, cuts []byte) {
		messages, ok := read(in, false)
		out, err := feed(rewriting(set), string(in), cuts)
		if (err == nil) != ok {
			t.Fatalf("%q: %v, the reference reads it: %v", in, err, ok)
		}
		if got, whole := read([]byte(out), false); ok && (!whole || fmt.Sprint(got) != fmt.Sprint(want(messages))) {
			t.Fatalf("%q gave %v, want %v", in, got, want(messages))
		}
	})
}
