package integration

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// backendOn is a backend that speaks the given protocol in clear text: HTTP/2
// by prior knowledge, else HTTP/1.1.
func backendOn(t *testing.T, http2 bool, handler http.HandlerFunc) *seen {
	t.Helper()
	b := &seen{}
	b.Server = httptest.NewUnstartedServer(b.keeping(handler))
	b.Config.Protocols = new(http.Protocols)
	b.Config.Protocols.SetHTTP1(!http2)
	b.Config.Protocols.SetUnencryptedHTTP2(http2)
	b.Start()
	t.Cleanup(b.Close)
	return b
}

// clientOn is a Go client that speaks HTTP/2 by prior knowledge, or HTTP/1.1.
func clientOn(http2 bool) *http.Client {
	tr := &http.Transport{DisableCompression: true, Protocols: new(http.Protocols)}
	tr.Protocols.SetHTTP1(!http2)
	tr.Protocols.SetUnencryptedHTTP2(http2)
	return &http.Client{Transport: tr, Timeout: 60 * time.Second}
}

// curl runs curl and returns what it printed: the status line and headers, an
// empty line, and the body.
func curl(t *testing.T, arguments ...string) string {
	t.Helper()
	out, err := exec.Command("curl", append([]string{"-sS", "-i", "--max-time", "30"}, arguments...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("curl: %v\n%s", err, out)
	}
	page(string(out))
	return string(out)
}

// TestClients crosses the protocols of clients with those of backends.
func TestClients(t *testing.T) {
	t.Parallel()
	key := value()
	echo := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("x-echo", r.Header.Get("authorization"))
		w.Header().Set("x-protocol", r.Proto)
		io.Copy(w, io.MultiReader(strings.NewReader("you sent "+r.Header.Get("authorization")+" and "), r.Body))
	}
	one, two := backendOn(t, false, echo), backendOn(t, true, echo)
	w := newWorld(t, setup{Values: map[string]string{"DEMO_KEY": key}, Config: oneCredential, Upstreams: []string{
		`{host: api.test, prefix: /one, address: "` + one.address() + `"}`,
		`{host: api.test, prefix: /two, address: "` + two.address() + `", http2: true}`}})
	placeholder, token := w.placeholder("demo"), w.token(agentClient)
	headers := []string{"x-cloakroom-token", token, "authorization", "Bearer " + placeholder}
	want := "you sent Bearer " + placeholder + " and a body"

	for _, up := range []struct {
		name string
		b    *seen
	}{{"one", one}, {"two", two}} {
		check := func(t *testing.T, header http.Header, body string) {
			t.Helper()
			if body != want || header.Get("x-echo") != "Bearer "+placeholder {
				t.Errorf("the agent got %q and %q", body, header.Get("x-echo"))
			}
			if got := up.b.last().Header.Get("authorization"); got != "Bearer "+key {
				t.Error("the backend did not get the value")
			}
			if got := map[string]string{"one": "HTTP/1.1", "two": "HTTP/2.0"}[up.name]; header.Get("x-protocol") != got {
				t.Errorf("the backend was called by %s, want %s", header.Get("x-protocol"), got)
			}
		}
		url := w.gateway + "/" + up.name + "/v1/x"
		for flag, proto := range map[string]string{"--http1.1": "HTTP/1.1 200", "--http2-prior-knowledge": "HTTP/2 200"} {
			t.Run("curl"+flag+"/"+up.name, func(t *testing.T) {
				got := curl(t, flag, "-d", "a body", "-H", "x-cloakroom-token: "+token, "-H", "authorization: Bearer "+placeholder, url)
				head, body, _ := strings.Cut(got, "\r\n\r\n")
				if !strings.HasPrefix(head, proto) {
					t.Fatalf("got %s", got)
				}
				h := http.Header{}
				for line := range strings.Lines(head) {
					if name, v, ok := strings.Cut(strings.TrimSpace(line), ": "); ok {
						h.Add(name, v)
					}
				}
				check(t, h, body)
			})
		}
		for name, http2 := range map[string]bool{"go/1.1": false, "go/2": true} {
			t.Run(name+"/"+up.name, func(t *testing.T) {
				asked := *w
				asked.t, asked.client = t, clientOn(http2)
				r, err := http.NewRequest(http.MethodPost, url, strings.NewReader("a body"))
				if err != nil {
					t.Fatal(err)
				}
				answer, body := asked.do(r, headers...)
				if (answer.ProtoMajor == 2) != http2 {
					t.Errorf("the answer came by %s", answer.Proto)
				}
				check(t, answer.Header, body)
			})
		}
	}
}
