package integration

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// talker is a backend that takes upgrades, a world or a rig in front of it, and
// what its agent sends.
type talker struct {
	*rig
	*seen
	key, placeholder string
	headers          http.Header
}

// newTalker starts one. Each text that comes is answered by what say makes of it
// and the value.
func newTalker(t *testing.T, say func(ctx context.Context, c *websocket.Conn, text, key string) error, lease string, patch func(node)) *talker {
	t.Helper()
	k := &talker{key: `k"9/<+&é~` + value()[3:]}
	k.seen = backend(t, func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"demo"}, CompressionMode: websocket.CompressionContextTakeover})
		if err != nil {
			return
		}
		defer c.CloseNow()
		c.SetReadLimit(-1)
		for {
			_, b, err := c.Read(r.Context())
			if err != nil || say(r.Context(), c, string(b), k.key) != nil {
				return
			}
		}
	})
	s := demo(k.key, k.address())
	s.Config = strings.NewReplacer("15m", lease, "paths:", "in: [header, 'query:key']\n        paths:").Replace(s.Config)
	k.rig = newRig(t, s, patch)
	k.placeholder = k.rig.placeholder("demo")
	k.headers = http.Header{"X-Cloakroom-Token": {k.token(agentClient)}, "Authorization": {"Bearer " + k.placeholder},
		"X-Cloakroom-Session": {"sockets"}}
	return k
}

// dial opens a WebSocket through the gateway.
func (k *talker) dial(path string) (*websocket.Conn, *http.Response, error) {
	k.t.Helper()
	c, answer, err := websocket.Dial(k.t.Context(), k.gateway+path, &websocket.DialOptions{HTTPHeader: k.headers,
		Subprotocols: []string{"demo"}, CompressionMode: websocket.CompressionContextTakeover})
	if err == nil {
		c.SetReadLimit(-1)
		k.t.Cleanup(func() { c.CloseNow() })
	}
	return c, answer, err
}

// socket is dial for an upgrade that must succeed.
func (k *talker) socket() *websocket.Conn {
	k.t.Helper()
	c, answer, err := k.dial("/api/v1/socket")
	if err != nil {
		k.t.Fatalf("dialling: %v", err)
	}
	if c.Subprotocol() != "demo" || answer.Header.Get("sec-websocket-extensions") != "" {
		k.t.Errorf("the handshake's answer: %v", answer.Header)
	}
	return c
}

// hear reads a message, within time.
func hear(t *testing.T, c *websocket.Conn) (websocket.MessageType, string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	kind, b, err := c.Read(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		t.Fatal("nothing comes")
	}
	page(string(b))
	return kind, string(b), err
}

func tell(t *testing.T, c *websocket.Conn, text string) {
	t.Helper()
	if err := c.Write(t.Context(), websocket.MessageText, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

// saying answers by the name of what is asked for.
func saying(ctx context.Context, c *websocket.Conn, text, key string) error {
	switch text {
	case "text":
		return c.Write(ctx, websocket.MessageText, []byte("it is "+key+"."))
	case "binary":
		return c.Write(ctx, websocket.MessageBinary, []byte("\x00\x05"+key+"\xff"))
	case "nothing":
		return c.Write(ctx, websocket.MessageText, nil)
	case "fragments":
		w, err := c.Writer(ctx, websocket.MessageText)
		if err != nil {
			return err
		}
		for piece := range slices.Chunk([]byte("<"+key+">"), 5) {
			if _, err := w.Write(piece); err != nil {
				return err
			}
		}
		return w.Close()
	case "long":
		return c.Write(ctx, websocket.MessageText, []byte(strings.Repeat("a"+key, 100_000)))
	case "ping":
		go c.Read(ctx) // the pong
		if err := c.Ping(ctx); err != nil {
			return err
		}
		return c.Write(ctx, websocket.MessageText, []byte("ponged"))
	case "close":
		return errors.Join(c.Close(4000, "because of "+key), io.EOF)
	}
	return c.Write(ctx, websocket.MessageText, []byte("you said "+text))
}

// showMessages has Envoy show the service what agents send on a WebSocket, as it
// does where a credential may stand there.
func showMessages(b node) {
	r := route(b, "prefix:/api+upgrade")["typed_per_filter_config"].(node)
	mode := maps.Clone(filter(b, procFilter)["processing_mode"].(node))
	mode["request_body_mode"], mode["request_trailer_mode"] = "FULL_DUPLEX_STREAMED", "SEND"
	r[procFilter] = node{"@type": "type.googleapis.com/envoy.extensions.filters.http.ext_proc.v3.ExtProcPerRoute",
		"overrides": node{"processing_mode": mode}}
}

// TestWebSocket looks at every kind of message that a backend may send.
func TestWebSocket(t *testing.T) {
	t.Parallel()
	for name, patch := range map[string]func(node){"as it is": asPrinted, "with the agent's messages": showMessages} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			talk(t, newTalker(t, saying, "15m", patch))
		})
	}
}

func talk(t *testing.T, k *talker) {
	c := k.socket()
	if got := k.last().Header; got.Get("authorization") != "Bearer "+k.key || got.Get("sec-websocket-extensions") != "" {
		t.Error("the backend did not get the value, or an extension was offered to it")
	}
	stars := strings.Repeat("*", len(k.key))
	for _, tt := range []struct {
		ask  string
		kind websocket.MessageType
		want string
	}{
		{"text", websocket.MessageText, "it is " + k.placeholder + "."},
		{"binary", websocket.MessageBinary, "\x00\x05" + stars + "\xff"},
		{"nothing", websocket.MessageText, ""},
		{"fragments", websocket.MessageText, "<" + k.placeholder + ">"},
		{"long", websocket.MessageText, strings.Repeat("a"+k.placeholder, 100_000)},
		{k.placeholder, websocket.MessageText, "you said " + k.placeholder},
		{strings.Repeat("long ", 100_000), websocket.MessageText, "you said " + strings.Repeat("long ", 100_000)},
	} {
		tell(t, c, tt.ask)
		if kind, got, err := hear(t, c); err != nil || kind != tt.kind || got != tt.want {
			t.Errorf("%.20s: %v %.60q, %v, want %v %.60q", tt.ask, kind, got, err, tt.kind, tt.want)
		}
	}
	go c.Write(t.Context(), websocket.MessageText, []byte("ping"))
	if _, got, err := hear(t, c); err != nil || got != "ponged" {
		t.Errorf("ping: %q, %v", got, err)
	}
	answered := c.CloseRead(t.Context()) // which reads the pong
	if err := c.Ping(t.Context()); err != nil {
		t.Errorf("a ping of the agent's own: %v", err)
	}
	c.CloseNow()
	<-answered.Done()
}

// TestWebSocketForms sends every form of a value in every kind of message.
func TestWebSocketForms(t *testing.T) {
	t.Parallel()
	var forms map[string]string
	kinds := map[string]websocket.MessageType{"text": websocket.MessageText, "binary": websocket.MessageBinary}
	k := newTalker(t, func(ctx context.Context, c *websocket.Conn, ask, _ string) error {
		kind, form, _ := strings.Cut(ask, " ")
		kind, cut, _ := strings.Cut(kind, "/")
		size, _ := strconv.Atoi(cut)
		w, err := c.Writer(ctx, kinds[kind])
		if err != nil {
			return err
		}
		for piece := range slices.Chunk([]byte("<"+forms[form]+">"), max(size, 1)) {
			if _, err := w.Write(piece); err != nil {
				return err
			}
		}
		return w.Close()
	}, "15m", asPrinted)
	forms = textForms(k.key)
	texts, masks := binaryForms(k.key)
	maps.Copy(forms, texts)
	c := k.socket()
	for _, kind := range []string{"text/10000", "text/7", "text/1", "binary/10000", "binary/7"} {
		for name, form := range forms {
			want, ok := masks[name]
			if !ok && strings.HasPrefix(kind, "text") {
				want = k.placeholder
			} else if !ok {
				want = strings.Repeat("*", len(form))
			}
			tell(t, c, kind+" "+name)
			if _, got, err := hear(t, c); err != nil || got != "<"+want+">" {
				t.Errorf("%s, %s: %q, %v, want <%s>", kind, name, got, err, want)
			}
		}
	}
}

// TestWebSocketEnds: what a close frame says is masked, and the exchange is in
// the log with what became of it.
func TestWebSocketEnds(t *testing.T) {
	t.Parallel()
	k := newTalker(t, saying, "15m", asPrinted)
	c := k.socket()
	tell(t, c, "text")
	hear(t, c)
	tell(t, c, "close")
	_, _, err := hear(t, c)
	var end websocket.CloseError
	if !errors.As(err, &end) || end.Code != 4000 || end.Reason != "because of "+strings.Repeat("*", len(k.key)) {
		t.Errorf("the end: %v", err)
	}
	x := k.session(t, "sockets", 1, true)[0]
	if d := x.Decision.Decision; d.Method != "GET" || d.Outcome != "allow" || len(d.Uses) != 1 {
		t.Errorf("the decision: %+v", d)
	}
	if e := x.End.End; e.Status != 101 || len(e.Substitutions) != 1 || len(e.Masks) != 1 || e.Masks[0].N != 2 || e.Error != "" || e.ResponseBytes == 0 {
		t.Errorf("the end: %+v", e)
	}
}

// TestWebSocketDenied: the credential may stand in the query, if the rule says
// so, and a refusal is an ordinary answer.
func TestWebSocketDenied(t *testing.T) {
	t.Parallel()
	k := newTalker(t, saying, "15m", asPrinted)
	if _, _, err := k.dial("/api/v1/socket?key=" + k.placeholder); err != nil || k.last().URL.Query().Get("key") != k.key {
		t.Errorf("with the placeholder in the query too: %v, or the backend did not get the value", err)
	}
	_, answer, err := k.dial("/api/v2/socket")
	if err == nil || answer == nil || answer.StatusCode != http.StatusForbidden {
		t.Fatalf("got %v, %v", answer, err)
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil || errorCode(string(body)) != "not_granted" {
		t.Errorf("got %s, %v", body, err)
	}
	if k.count() != 1 {
		t.Error("the backend heard of it")
	}
}

// TestWebSocketWithoutFrames: what a backend sends that is none ends the tunnel,
// and does not come down.
func TestWebSocketWithoutFrames(t *testing.T) {
	t.Parallel()
	key := value()
	for _, sent := range []string{"no frames but " + key, "\xc1\x2e" + key, "\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xff" + key} {
		address, _ := rawBackend(t, func(string) string {
			return "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n" + sent
		})
		r := newRig(t, demo(key, address), asPrinted)
		got, hung := r.raw("GET /api/v1/x HTTP/1.1\r\nhost: api.test\r\nconnection: upgrade\r\nupgrade: websocket\r\n" +
			"x-cloakroom-token: " + r.token(agentClient) + "\r\nauthorization: Bearer " + r.placeholder("demo") + "\r\n\r\n")
		if hung || strings.Contains(got, key) {
			t.Errorf("%.10q came down as %q (hung: %v)", sent, got, hung)
		}
	}
}

// TestWebSocketIsCut: when the service dies, and when the lease ends, so does
// the tunnel, both ways.
func TestWebSocketIsCut(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]func(k *talker){
		"the service dies": func(k *talker) { k.service.kill() },
		"the lease ends":   func(k *talker) { k.ended() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lease := "15m"
			if name == "the lease ends" {
				lease = "2s"
			}
			over := make(chan error, 1)
			k := newTalker(t, func(ctx context.Context, c *websocket.Conn, text, key string) error {
				if err := saying(ctx, c, text, key); err != nil {
					return err
				}
				_, _, err := c.Read(ctx)
				over <- err
				return io.EOF
			}, lease, asPrinted)
			c := k.socket()
			tell(t, c, "text")
			hear(t, c)
			fault(k)
			if _, got, err := hear(t, c); err == nil {
				t.Errorf("the agent gets %q", got)
			}
			if err := <-over; err == nil {
				t.Error("the backend gets more")
			}
			if name == "the lease ends" {
				if e := k.session(t, "sockets", 1, true)[0].End.End; !strings.Contains(e.Error, "lease") {
					t.Errorf("the end: %+v", e)
				}
			}
		})
	}
}
