package integration

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"
)

// TestAValueInTheFirstMessage of a WebSocket: as APIs take it that authenticate
// by a message. Only the first message may carry one, only at its place, and only
// what is granted.
func TestAValueInTheFirstMessage(t *testing.T) {
	t.Parallel()
	key := value() + `"`
	heard := make(chan string, 10)
	b := backend(t, func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer c.CloseNow()
		for {
			_, text, err := c.Read(r.Context())
			if err != nil {
				heard <- "end"
				return
			}
			heard <- string(text)
			c.Write(r.Context(), websocket.MessageText, text)
		}
	})
	w := newWorld(t, setup{Values: map[string]string{"KEY": key, "THEIRS": value()}, Config: `
tiers: {low: {lease: 15m}}
credentials:
  - {name: chat, tier: low, groups: [ai-agents], value: {env: KEY}, allow: [{hosts: [api.test], methods: [GET], paths: ["/chat"], in: ["message:/auth/token"]}]}
  - {name: theirs, tier: low, groups: [finance], value: {env: THEIRS}, allow: [{hosts: [api.test], methods: [GET], paths: ["/chat"], in: ["message:/auth/token"]}]}
`, Upstreams: []string{fmt.Sprintf(`{host: api.test, prefix: /api, address: %q}`, b.address())}})
	headers := http.Header{"X-Cloakroom-Token": {w.token(agentClient)}}
	p := w.placeholder("chat")
	message := func(p string) string { return `{"note":"` + p + `","auth":{"token":"` + p + `"}}` }
	dial := func() *websocket.Conn {
		c, _, err := websocket.Dial(t.Context(), w.gateway+"/api/chat", &websocket.DialOptions{HTTPHeader: headers})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.CloseNow() })
		return c
	}
	c := dial()
	tell(t, c, message(p))
	if got, want := <-heard, `{"note":"`+p+`","auth":{"token":"`+strings.ReplaceAll(key, `"`, `\"`)+`"}}`; got != want {
		t.Errorf("the backend heard %s, want %s", got, want)
	}
	if _, got, err := hear(t, c); err != nil || strings.Contains(got, key[:20]) || !strings.Contains(got, `"note":"`+p) {
		t.Errorf("the agent heard %s, %v", got, err)
	}
	tell(t, c, message(p))
	if got := <-heard; got != message(p) {
		t.Errorf("a second message became %s", got)
	}
	c.CloseNow()
	<-heard
	for name, text := range map[string]string{"another group's": message(w.placeholder("theirs")), "forged": message("ckr_chat_" + strings.Repeat("0", 26)),
		"a ticket": message(w.ticket(agentClient, "chat")), "no JSON": "auth " + p} {
		c := dial()
		tell(t, c, text)
		if got := <-heard; got != "end" {
			t.Errorf("%s: the backend heard %s", name, got)
		}
	}
}
