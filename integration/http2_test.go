package integration

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// http2Backend is a backend that speaks HTTP/2 in the clear, and HTTP/1.1.
func http2Backend(t *testing.T, handler http.HandlerFunc) *seen {
	t.Helper()
	b := &seen{}
	b.Server = httptest.NewUnstartedServer(b.keeping(handler))
	b.Config.Protocols = new(http.Protocols)
	b.Config.Protocols.SetHTTP1(true)
	b.Config.Protocols.SetUnencryptedHTTP2(true)
	b.Start()
	t.Cleanup(b.Close)
	return b
}

// speakHTTP2 is a client that speaks nothing else.
func speakHTTP2() *http.Client {
	transport := &http.Transport{DisableCompression: true, Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	return &http.Client{Timeout: 60 * time.Second, Transport: transport}
}

// TestHTTP2BothSides takes an exchange through every pair of versions: the value
// goes up, and in head, cookies, body and trailers it does not come down.
func TestHTTP2BothSides(t *testing.T) {
	t.Parallel()
	key := value()
	b := http2Backend(t, func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("trailer", "x-late")
		h["Set-Cookie"] = []string{"a=" + key, "b=" + base64.StdEncoding.EncodeToString([]byte(key))}
		h.Set("content-type", "text/event-stream")
		for i := range 3 {
			fmt.Fprintf(w, "data: %d %s\n\n", i, key)
			http.NewResponseController(w).Flush()
		}
		io.WriteString(w, strings.Repeat("long "+key, 100_000))
		h.Set("x-late", key)
	})
	s := demo(key, b.address())
	s.Upstreams = append(s.Upstreams, `{host: api.test, prefix: /two, http2: true, address: "`+b.address()+`"}`)
	w := newWorld(t, s)
	placeholder := w.placeholder("demo")
	agent := []string{"x-cloakroom-token", w.token(agentClient), "authorization", "Bearer " + placeholder, "te", "trailers"}
	for up, prefix := range map[string]string{"HTTP/1.1": "/api", "HTTP/2.0": "/two"} {
		for down, client := range map[string]*http.Client{"HTTP/1.1": w.client, "HTTP/2.0": speakHTTP2()} {
			t.Run(down+" and "+up, func(t *testing.T) {
				r, err := http.NewRequest(http.MethodGet, w.gateway+prefix+"/v1/x", nil)
				if err != nil {
					t.Fatal(err)
				}
				for i := 0; i < len(agent); i += 2 {
					r.Header.Set(agent[i], agent[i+1])
				}
				answer, err := client.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				defer answer.Body.Close()
				body, err := io.ReadAll(answer.Body)
				if err != nil {
					t.Fatal(err)
				}
				if got := b.last(); answer.Proto != down || got.Proto != up || got.Header.Get("authorization") != "Bearer "+key {
					t.Errorf("spoke %s and %s, or the backend did not get the value", answer.Proto, got.Proto)
				}
				want := ""
				for i := range 3 {
					want += fmt.Sprintf("data: %d %s\n\n", i, placeholder)
				}
				want += strings.Repeat("long "+placeholder, 100_000)
				cookies := answer.Header.Values("set-cookie")
				if string(body) != want || answer.Trailer.Get("x-late") != placeholder || len(cookies) != 2 || cookies[0] != "a="+placeholder {
					t.Errorf("%d bytes %.100q, trailers %v, cookies %v", len(body), body, answer.Trailer, cookies)
				}
				page(fmt.Sprint(answer.Header, answer.Trailer), string(body))
			})
		}
	}
}
