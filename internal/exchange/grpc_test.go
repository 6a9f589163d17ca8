package exchange

import (
	"encoding/binary"
	"errors"
	"strings"
	"testing"
)

// prefixed is one message of gRPC.
func prefixed(flags byte, message string) string {
	return string(binary.BigEndian.AppendUint32([]byte{flags}, uint32(len(message)))) + message
}

// answer runs a response's body through an exchange, in pieces of the sizes that
// cuts lists over and over.
func answer(t testing.TB, w *world, h ResponseHead, body string, cuts ...byte) (out string, err error) {
	t.Helper()
	x := w.asked(t)
	if _, refused, err := x.ResponseHead(h); refused != nil || err != nil {
		t.Fatal(refused, err)
	}
	var dst []byte
	for i := 0; err == nil; i++ {
		n := len(body)
		if len(cuts) > 0 && i < 1<<20 {
			n = min(n, int(cuts[i%len(cuts)]))
		}
		last := n == len(body)
		dst, err = x.ResponseBody(dst, []byte(body[:n]), last)
		if body = body[n:]; last {
			break
		}
	}
	x.End(err)
	return string(dst), err
}

func grpcHead(contentType string) ResponseHead {
	return ResponseHead{Status: 200, Headers: head("", "content-type", contentType).Headers}
}

// TestMessagesKeepTheirLength: each message is masked by itself, at equal
// length, however it is cut.
func TestMessagesKeepTheirLength(t *testing.T) {
	v := values["plain"]
	stars := strings.Repeat("*", len(v))
	for _, tt := range []struct {
		name, in string
		want     string // empty: ErrBody
	}{
		{"one", prefixed(0, "\x0a\x17"+v), prefixed(0, "\x0a\x17"+stars)},
		{"several", prefixed(0, "") + prefixed(0, v) + prefixed(0, "x"), prefixed(0, "") + prefixed(0, stars) + prefixed(0, "x")},
		{"a value cut by messages", prefixed(0, v[:9]) + prefixed(0, v[9:]), prefixed(0, v[:9]) + prefixed(0, v[9:])},
		{"long", prefixed(0, strings.Repeat("x", 70_000)+v), prefixed(0, strings.Repeat("x", 70_000)+stars)},
		{"trailers for browsers", prefixed(0, v) + prefixed(0x80, "grpc-message: "+v+"\r\n"), prefixed(0, stars) + prefixed(0x80, "grpc-message: "+stars+"\r\n")},
		{"compressed", prefixed(1, "x"), ""},
		{"compressed trailers", prefixed(0x81, "x"), ""},
		{"compressed behind another", prefixed(0, "x") + prefixed(1, "x"), ""},
		{"an unknown flag", prefixed(2, "x"), ""},
		{"cut in a prefix", "\x00\x00\x00", ""},
		{"cut in a message", prefixed(0, "hello")[:8], ""},
		{"no messages", "<html>" + v, ""},
	} {
		for _, size := range []byte{1, 3, 255} {
			for _, contentType := range []string{"application/grpc", "Application/gRPC+proto", "application/grpc-web+proto"} {
				out, err := answer(t, newWorld(t), grpcHead(contentType), tt.in, size)
				if tt.want != "" && (err != nil || out != tt.want) || tt.want == "" && !errors.Is(err, ErrBody) {
					t.Errorf("%s by %d: %.60q, %v, want %.60q", tt.name, size, out, err, tt.want)
				}
			}
		}
	}
}

// TestMessagesOfConnect end with one that says so; compressed ones are refused.
func TestMessagesOfConnect(t *testing.T) {
	v := values["plain"]
	stars := strings.Repeat("*", len(v))
	for in, want := range map[string]string{
		prefixed(0, v) + prefixed(2, `{"error":"`+v+`"}`): prefixed(0, stars) + prefixed(2, `{"error":"`+stars+`"}`),
		prefixed(1, "x"): "", prefixed(0, v) + prefixed(3, "x"): "", prefixed(0x80, "x"): "",
	} {
		out, err := answer(t, newWorld(t), grpcHead("application/connect+json"), in, 3)
		if want != "" && (err != nil || out != want) || want == "" && !errors.Is(err, ErrBody) {
			t.Errorf("%q gave %q, %v, want %q", in, out, err, want)
		}
	}
}

// TestAMessageGoesWhenItEnds: nothing of it is kept for the next.
func TestAMessageGoesWhenItEnds(t *testing.T) {
	x := newWorld(t).asked(t)
	x.ResponseHead(grpcHead("application/grpc"))
	for _, m := range []string{prefixed(0, "one"), prefixed(0, ""), prefixed(0, "three")} {
		if out, err := x.ResponseBody(nil, []byte(m), false); err != nil || string(out) != m {
			t.Errorf("%q gave %q, %v", m, out, err)
		}
	}
	if out, err := x.ResponseBody(nil, []byte("\x00\xff\xff\xff\xff"), false); err != nil || len(out) != 5 {
		t.Errorf("the prefix of a long one gave %q, %v", out, err)
	}
	if _, _, err := x.ResponseTrailers(nil, nil); err != ErrBody {
		t.Errorf("trailers within a message: %v", err)
	}
}

// TestUnreadableMessages: a refusal takes the place of an answer of which nothing
// has gone down.
func TestUnreadableMessages(t *testing.T) {
	for first, refused := range map[string]bool{"": true, prefixed(0, "x"): false} {
		w := newWorld(t)
		x := w.asked(t)
		x.ResponseHead(grpcHead("application/grpc"))
		x.ResponseBody(nil, []byte(first), false)
		if _, err := x.ResponseBody(nil, []byte(prefixed(1, "x")), false); err != ErrBody {
			t.Errorf("a compressed message behind %q: %v", first, err)
		}
		if r := x.Instead(ErrBody); (r != nil) != refused {
			t.Errorf("behind %q: %v", first, r)
		}
	}
}

// FuzzMessages takes any bytes, cut in any way, beside a reading of the whole.
func FuzzMessages(f *testing.F) {
	v := values["plain"]
	for _, seed := range []string{"", prefixed(0, v), prefixed(0, "a") + prefixed(0x80, v), prefixed(1, "x"), prefixed(0, v)[:12]} {
		f.Add([]byte(seed), []byte{1, 4})
	}
	w := newWorld(f)
	f.Fuzz(func(t *testing.T, in, cuts []byte) {
		want, ok := "", true
		for rest := string(in); rest != ""; {
			if len(rest) < 5 || rest[0]&0x7f != 0 || int64(len(rest)-5) < int64(binary.BigEndian.Uint32([]byte(rest[1:]))) {
				ok = false
				break
			}
			n := binary.BigEndian.Uint32([]byte(rest[1:]))
			want += rest[:5] + strings.ReplaceAll(rest[5:5+n], v, strings.Repeat("*", len(v)))
			rest = rest[5+n:]
		}
		if strings.Trim(string(cuts), "\x00") == "" {
			cuts = nil
		}
		out, err := answer(t, w, grpcHead("application/grpc"), string(in), cuts...)
		if (err == nil) != ok || ok && out != want {
			t.Fatalf("%q gave %q, %v, want %q, %v", in, out, err, want, ok)
		}
	})
}
