package integration

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// masked is a frame as a client sends it.
func masked(first byte, text string) string {
	key := [4]byte{1, 2, 0xfe, 0}
	out := append([]byte{first, 0x80 | byte(len(text))}, key[:]...)
	for i := range len(text) {
		out = append(out, text[i]^key[i%4])
	}
	return string(out)
}

// TestFidelityOfControlFrames: pings, pongs and closes of both sides are recorded as
// each end saw them, but for values, which are searched for in them.
func TestFidelityOfControlFrames(t *testing.T) {
	t.Parallel()
	key := value()
	stars := strings.Repeat("*", len(key))
	sent := masked(0x89, "alive?") + masked(0x81, "text") + masked(0x8a, "") + masked(0x89, "it is "+key) + masked(0x88, "\x0f\xa1done "+key)
	down := frame(0x8a, "alive?") + frame(0x89, "up "+key) + frame(0x88, "\x0f\xa0bye "+key)
	got := make(chan string, 1)
	up := backend(t, func(w http.ResponseWriter, _ *http.Request) {
		c, in, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer c.Close()
		io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: "+websocketAccept+"\r\n\r\n")
		all := make([]byte, len(sent))
		io.ReadFull(in, all)
		got <- string(all)
		io.WriteString(c, down)
		io.Copy(io.Discard, in) // the agent's end comes first
	})
	w := newWorld(t, demo(key, up.address()))
	answer := w.frames(t, sent, len(down))
	if want := frame(0x8a, "alive?") + frame(0x89, "up "+stars) + frame(0x88, "\x0f\xa0bye "+stars); answer != want {
		t.Errorf("the agent got %q, want %q", answer, want)
	}
	if up := <-got; up != sent {
		t.Errorf("the backend got %q, want %q", up, sent)
	}
	var all []string
	for _, m := range w.tapes(t, "controls", 1)[0].Messages {
		data := m.Data
		if m.Opcode != 1 {
			data = plain(t, data, "base64")
		}
		all = append(all, fmt.Sprintf("%s %d %s", m.Type, m.Opcode, data))
	}
	if want := []string{"send 9 alive?", "send 1 text", "send 10 ", "send 9 it is " + stars, "send 8 \x0f\xa1done " + stars,
		"receive 10 alive?", "receive 9 up " + stars, "receive 8 \x0f\xa0bye " + stars}; !slices.Equal(all, want) {
		t.Errorf("recorded %q\nwant %q", all, want)
	}
	text, stderr, code := command(t, w.dir, w.env, "session", "show", "controls")
	for _, want := range []string{"] ping: alive?\n", "] close 4001: done " + stars + "\n", "] close 4000: bye " + stars + "\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("session show: exit %d, no %q in %s%s", code, want, text, stderr)
		}
	}
	if stdout, stderr, code := command(t, w.dir, w.env, "session", "verify", "controls"); code != 0 {
		t.Errorf("session verify: exit %d: %s%s", code, stdout, stderr)
	}
}

// frames sends frames on a WebSocket of the session "controls", and returns as many
// bytes as it is to get.
func (w *world) frames(t *testing.T, sent string, n int) string {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(w.gateway, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(30 * time.Second))
	fmt.Fprintf(conn, "GET /api/v1/socket HTTP/1.1\r\nhost: api.test\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n"+
		"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nx-cloakroom-session: controls\r\nx-cloakroom-token: %s\r\nauthorization: Bearer %s\r\n\r\n",
		w.token(agentClient), w.placeholder("demo"))
	in := bufio.NewReader(conn)
	head, err := http.ReadResponse(in, nil)
	if err != nil || head.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("the handshake: %v, %v", head, err)
	}
	if _, err := io.WriteString(conn, sent); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, n)
	if m, err := io.ReadFull(in, got); err != nil {
		t.Fatalf("%q came: %v", got[:m], err)
	}
	page(string(got))
	return string(got)
}
