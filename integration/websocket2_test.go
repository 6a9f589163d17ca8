package integration

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// TestWebSocketOverHTTP2: an agent may ask for one by extended CONNECT
// (RFC 8441); the backend hears of an upgrade of HTTP/1.1.
func TestWebSocketOverHTTP2(t *testing.T) {
	t.Parallel()
	k := newTalker(t, saying, "15m", asPrinted)
	up, say := io.Pipe()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodConnect, k.gateway+"/api/v1/socket", up)
	if err != nil {
		t.Fatal(err)
	}
	r.Header = k.headers.Clone()
	r.Header[":protocol"] = []string{"websocket"}
	r.Header.Set("sec-websocket-version", "13")
	r.Header.Set("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
	wire, err := dial(strings.TrimPrefix(k.gateway, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer wire.Close()
	//lint:ignore SA1019 net/http sends no :protocol
	conn, err := new(http2.Transport).NewClientConn(wire)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := conn.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK || k.last().Header.Get("authorization") != "Bearer "+k.key {
		t.Fatalf("status %d", answer.StatusCode)
	}
	io.WriteString(say, "\x81\x84\x00\x00\x00\x00text") // masked with zeros
	want := "it is " + k.placeholder + "."
	got := make([]byte, 2+len(want))
	if _, err := io.ReadFull(answer.Body, got); err != nil || string(got) != "\x81"+string(rune(len(want)))+want {
		t.Errorf("got %q, %v", got, err)
	}
}

// TestWebSocketToHTTP2: the other way round, the backend is asked by extended
// CONNECT. It answers no key, and the agent's is answered all the same.
func TestWebSocketToHTTP2(t *testing.T) {
	t.Parallel()
	key := value()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	asked := make(chan map[string]string, 1)
	go func() {
		if c, err := l.Accept(); err == nil {
			defer c.Close()
			connected(c, "\x81"+string(rune(len(key)))+key, asked)
		}
	}()
	s := demo(key, l.Addr().String())
	s.Upstreams = []string{`{host: api.test, prefix: /api, http2: true, address: "` + l.Addr().String() + `"}`}
	w := newWorld(t, s)
	placeholder := w.placeholder("demo")
	c, _, err := websocket.Dial(t.Context(), w.gateway+"/api/v1/socket", &websocket.DialOptions{HTTPHeader: http.Header{
		"X-Cloakroom-Token": {w.token(agentClient)}, "Authorization": {"Bearer " + placeholder}}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	if _, got, err := hear(t, c); err != nil || got != placeholder {
		t.Errorf("got %q, %v", got, err)
	}
	if got := <-asked; got[":method"] != "CONNECT" || got[":protocol"] != "websocket" || got["authorization"] != "Bearer "+key {
		t.Error("the backend was not asked, or did not get the value")
	}
}

// connected takes one extended CONNECT and says something on it.
func connected(c net.Conn, say string, asked chan<- map[string]string) {
	io.ReadFull(c, make([]byte, len(http2.ClientPreface)))
	f := http2.NewFramer(c, c)
	f.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	f.WriteSettings(http2.Setting{ID: http2.SettingEnableConnectProtocol, Val: 1})
	for {
		frame, err := f.ReadFrame()
		if err != nil {
			return
		}
		switch frame := frame.(type) {
		case *http2.SettingsFrame:
			if !frame.IsAck() {
				f.WriteSettingsAck()
			}
		case *http2.MetaHeadersFrame:
			fields := map[string]string{}
			for _, field := range frame.Fields {
				fields[field.Name] = field.Value
			}
			asked <- fields
			var head bytes.Buffer
			hpack.NewEncoder(&head).WriteField(hpack.HeaderField{Name: ":status", Value: "200"})
			f.WriteHeaders(http2.HeadersFrameParam{StreamID: frame.StreamID, BlockFragment: head.Bytes(), EndHeaders: true})
			f.WriteData(frame.StreamID, false, []byte(say))
		}
	}
}
