package exchange

import (
	"errors"
	"strings"
	"testing"

	"cloakroom/internal/access"
)

// upgraded is an exchange that has become a tunnel, with the value of plain in
// its handshake.
func (w *world) upgraded(t testing.TB, fill func([]byte) ([]byte, error)) *Exchange {
	t.Helper()
	x := w.begin()
	x.socket.fill = fill
	h := head("/x", "authorization", "Bearer "+named("plain"), "upgrade", "WebSocket")
	h.Body = true
	if _, refused, err := x.RequestHead(w.granted(t, h, use(t, "plain", "header:authorization"))); refused != nil || err != nil {
		t.Fatal(refused, err)
	}
	if _, refused, err := x.ResponseHead(switching()); refused != nil || err != nil {
		t.Fatal(refused, err)
	}
	return x
}

func switching(more ...string) ResponseHead {
	return ResponseHead{Status: 101, Headers: head("", append([]string{"upgrade", "websocket", "sec-websocket-accept", "x"}, more...)...).Headers}
}

// TestAnUpgrade is masked as frames, counted, and over with the close frame.
func TestAnUpgrade(t *testing.T) {
	w := newWorld(t)
	x := w.upgraded(t, nil)
	v, p := values["plain"], named("plain")
	stars := strings.Repeat("*", len(v))
	for in, want := range map[string]string{
		"\x81" + string(rune(len(v))) + v: "\x81" + string(rune(len(p))) + p,
		"\x82" + string(rune(len(v))) + v: "\x82" + string(rune(len(v))) + stars,
		"\x89" + string(rune(len(v))) + v: "\x89" + string(rune(len(v))) + stars,
	} {
		if out, err := x.ResponseBody(nil, []byte(in), false); err != nil || string(out) != want {
			t.Errorf("%q gave %q, %v, want %q", in, out, err, want)
		}
	}
	if out, _, err := x.RequestBody(nil, []byte("any bytes "+p), false); err != nil || string(out) != "any bytes "+p {
		t.Errorf("the client's bytes became %q, %v", out, err)
	}
	if x.Complete() {
		t.Error("complete before its end")
	}
	if out, err := x.ResponseBody(nil, []byte("\x88\x00"), false); err != nil || string(out) != "\x88\x00" || !x.Complete() {
		t.Errorf("the close frame gave %q, %v", out, err)
	}
	if _, err := x.ResponseBody(nil, []byte("\x81\x01x"), false); err != ErrOrder {
		t.Errorf("behind the close frame: %v", err)
	}
	x.End(nil)
	if e := w.entries[0].End; e.Status != 101 || e.Masks[0].N != 3 || len(e.Substitutions) != 1 {
		t.Errorf("recorded %+v", e)
	}
}

// TestUnreadableUpgrades: a tunnel whose bytes could not be read is none.
func TestUnreadableUpgrades(t *testing.T) {
	for name, h := range map[string]ResponseHead{
		"an extension":     switching("sec-websocket-extensions", "permessage-deflate"),
		"another protocol": {Status: 101, Headers: head("", "upgrade", "h2c").Headers},
		"no protocol":      {Status: 101},
	} {
		w := newWorld(t)
		x := w.begin()
		x.RequestHead(w.granted(t, head("/x", "upgrade", "websocket")))
		if _, refused, err := x.ResponseHead(h); err != nil || refused == nil {
			t.Errorf("%s: %v, %v", name, refused, err)
		}
	}
	x := newWorld(t).upgraded(t, nil)
	if out, err := x.ResponseBody(nil, []byte("no frames of any kind"), false); !errors.Is(err, ErrBody) || len(out) != 0 {
		t.Errorf("no frames: %q, %v", out, err)
	}
}

// TestTheClientsKeyIsAnswered where the backend did not; the pair is RFC 6455's.
func TestTheClientsKeyIsAnswered(t *testing.T) {
	const key, accept = "dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
	for _, tt := range []struct{ key, got, want string }{
		{key, "", "sec-websocket-accept: " + accept}, {"", "", ""}, {key, "given", "sec-websocket-accept: given"},
	} {
		w := newWorld(t)
		x := w.begin()
		x.RequestHead(w.granted(t, head("/x", "upgrade", "websocket", "sec-websocket-key", tt.key)))
		lines := head("", "upgrade", "websocket").Headers
		if tt.got != "" {
			lines = append(lines, access.Header{Name: "sec-websocket-accept", Value: tt.got})
		}
		change, refused, err := x.ResponseHead(ResponseHead{Status: 101, Headers: lines})
		if got := text(apply(change, lines)); err != nil || refused != nil || got != strings.TrimSpace(tt.want+"\nupgrade: websocket") {
			t.Errorf("key %q, answer %q: got %q, %v, %v", tt.key, tt.got, got, refused, err)
		}
	}
}

// TestARefusedUpgradeIsAnOrdinaryAnswer: masked as a body, and no tunnel.
func TestARefusedUpgradeIsAnOrdinaryAnswer(t *testing.T) {
	w := newWorld(t)
	x := w.begin()
	x.RequestHead(w.granted(t, head("/x", "upgrade", "websocket")))
	x.ResponseHead(ResponseHead{Status: 401})
	if out, err := x.ResponseBody(nil, []byte("no "+values["plain"]), true); err != nil || string(out) != "no [masked]" || x.LivesUnder() != nil {
		t.Errorf("got %q, %v", out, err)
	}
}

// TestFirstMessage hands the first text message over, and ends the exchange
// where it may not go.
func TestFirstMessage(t *testing.T) {
	const hello, key = "\x81\x85\x01\x02\x03\x04", "\x01\x02\x03\x04\x01"
	masked := func(text string) string {
		b := []byte(text)
		for i := range b {
			b[i] ^= key[i]
		}
		return hello + string(b)
	}
	w := newWorld(t)
	x := w.upgraded(t, func(m []byte) ([]byte, error) { return []byte(strings.ToUpper(string(m))), nil })
	out, _, err := x.RequestBody(nil, []byte(masked("hello")+"rest"), false)
	if err != nil || string(out) != masked("HELLO")+"rest" {
		t.Errorf("got %q, %v", out, err)
	}
	x = w.upgraded(t, func([]byte) ([]byte, error) { return nil, errCut })
	if out, _, err := x.RequestBody(nil, []byte(masked("hello")), false); !errors.Is(err, errCut) || len(out) != 0 {
		t.Errorf("refused: %q, %v", out, err)
	}
	early := w.begin()
	early.socket.fill = func(m []byte) ([]byte, error) { return m, nil }
	h := head("/x", "upgrade", "websocket")
	h.Body = true
	early.RequestHead(w.granted(t, h))
	if out, _, err := early.RequestBody(nil, []byte(masked("hello")), false); err != ErrOrder || len(out) != 0 {
		t.Errorf("before the backend agreed: %q, %v", out, err)
	}
}

// TestATunnelTellsItsLeases, and nothing else does.
func TestATunnelTellsItsLeases(t *testing.T) {
	w := newWorld(t)
	w.done = make(chan struct{})
	if ends := w.upgraded(t, nil).LivesUnder(); len(ends) != 1 || ends[0] != w.done {
		t.Errorf("a tunnel tells %v", ends)
	}
	x := w.asked(t)
	x.ResponseHead(ResponseHead{Status: 200})
	if ends := x.LivesUnder(); ends != nil {
		t.Errorf("an answer tells %v", ends)
	}
}
