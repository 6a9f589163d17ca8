package integration

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// taped is one exchange of a session's recording, as `session replay --har` writes it.
type taped struct {
	Exchange string `json:"_exchange"`
	Decision string `json:"_decision"`
	Request  struct {
		Method, URL string
		Headers     []pair
		PostData    struct {
			Text     string
			Encoding string `json:"_encoding"`
		}
	}
	Response struct {
		Status  int
		Headers []pair
		Content struct{ Text, Encoding string }
	}
	Messages []struct {
		Type, Data string
		Opcode     int
	} `json:"_webSocketMessages"`
}

type pair struct{ Name, Value string }

// tapes are the n exchanges of a session, once all have ended.
func (w *world) tapes(t *testing.T, session string, n int) []taped {
	t.Helper()
	w.eventually("the exchanges of "+session+" have ended, refused ones too", func() bool {
		return !slices.ContainsFunc(w.session(t, session, n, true), func(x shown) bool { return x.End == nil })
	})
	stdout, stderr, code := command(t, w.dir, w.env, "session", "replay", session, "--har", "-")
	if code != 0 {
		t.Fatalf("session replay: %s", stderr)
	}
	page(stdout)
	var har struct{ Log struct{ Entries []taped } }
	if err := json.Unmarshal([]byte(stdout), &har); err != nil {
		t.Fatal(err)
	}
	if len(har.Log.Entries) != n {
		t.Fatalf("session %s: %d exchanges are recorded, want %d", session, len(har.Log.Entries), n)
	}
	return har.Log.Entries
}

func plain(t *testing.T, text, encoding string) string {
	t.Helper()
	if encoding != "base64" {
		return text
	}
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func (x *taped) sent(t *testing.T) string {
	return plain(t, x.Request.PostData.Text, x.Request.PostData.Encoding)
}

func (x *taped) got(t *testing.T) string {
	return plain(t, x.Response.Content.Text, x.Response.Content.Encoding)
}

// linesOf writes headers in one order, without those that only one of two ends sees.
func linesOf(h []pair, but ...string) string {
	var lines []string
	for _, p := range h {
		if !slices.Contains(but, strings.ToLower(p.Name)) {
			lines = append(lines, strings.ToLower(p.Name)+": "+p.Value)
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func pairsOf(h http.Header) (all []pair) {
	for name, values := range h {
		for _, v := range values {
			all = append(all, pair{name, v})
		}
	}
	return all
}

const recordedCredential = `
tiers: {low: {lease: 15m}}
credentials:
  - name: demo
    tier: low
    groups: [ai-agents]
    value: {env: DEMO_KEY}
    allow: [{hosts: [api.test], methods: ["*"], paths: ["/v1/**"], in: [header, "query:key", "body:/secret"]}]
  - name: other
    tier: low
    groups: [finance]
    value: {env: OTHER_KEY}
    allow: [{hosts: [api.test], methods: ["*"], paths: ["/v1/**"], in: [header, "body:/secret"]}]
record: {bodies: 1MiB}
`

// noise is how many bytes an answer has that cannot be made shorter.
const noise = 300_000

// faithful is a world that records, between a client and a backend that capture.
type faithful struct {
	*world
	key, other, placeholder string
	backend                 *seen
	bodies                  chan string // that the backend got
}

func newFaithful(t *testing.T) *faithful {
	t.Helper()
	f := &faithful{key: value(), other: value(), bodies: make(chan string, 100)}
	f.backend = backend(t, f.answer)
	f.world = newWorld(t, setup{Values: map[string]string{"DEMO_KEY": f.key, "OTHER_KEY": f.other}, Config: recordedCredential,
		Upstreams: []string{`{host: api.test, prefix: /api, address: "` + f.backend.address() + `"}`}})
	f.unseal()
	f.placeholder = f.world.placeholder("demo")
	return f
}

// answer says what it got in a form that the path names.
func (f *faithful) answer(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	f.bodies <- string(body)
	key := r.Header.Get("authorization")
	w.Header().Set("x-echo", key)
	w.Header().Set("etag", `"of the whole"`)
	switch r.URL.Path {
	case "/v1/gzip":
		w.Header().Set("content-encoding", "gzip")
		z := gzip.NewWriter(w)
		fmt.Fprintf(z, "packed: %s", key)
		z.Close()
	case "/v1/big":
		for i := range 5000 {
			fmt.Fprintf(w, "line %d: %s\n", i, key)
		}
	case "/v1/events":
		w.Header().Set("content-type", "text/event-stream")
		for i := range 3 {
			fmt.Fprintf(w, "data: %d %s\n\n", i, key)
			w.(http.Flusher).Flush()
		}
	case "/v1/noise":
		b := make([]byte, noise)
		rand.Read(b)
		w.Write(b)
	case "/v1/part":
		w.WriteHeader(http.StatusPartialContent)
	case "/v1/nothing":
		w.WriteHeader(http.StatusNoContent)
	default:
		w.Header().Set("trailer", "x-tail")
		w.Header().Set("content-type", "application/json")
		fmt.Fprintf(w, `{"you sent": %q, "key": %q}`, body, key)
		w.Header().Set("x-tail", key)
	}
}

// TestFidelity: what is recorded is what the client sent and got, byte for byte, and
// what the backend got but for the values.
func TestFidelity(t *testing.T) {
	t.Parallel()
	f := newFaithful(t)
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	io.WriteString(z, "a packed text")
	z.Close()
	key := "Bearer " + f.placeholder
	for name, tt := range map[string]struct {
		method, path, body string
		headers            []string
		sent               string // as it is recorded, where it is not the body
		head               []pair // of the request, as recorded, in the place of what was sent
		refused            bool   // nothing goes up
	}{
		"nothing each way": {method: "GET", path: "/api/v1/nothing", headers: []string{"authorization", key}},
		"JSON":             {method: "POST", path: "/api/v1/x?a=1&key=" + f.placeholder, body: `{"a": "b", "secret": "` + f.placeholder + `"}`, headers: []string{"authorization", key, "content-type", "application/json"}},
		"an upload":        {method: "PUT", path: "/api/v1/x", body: strings.Repeat("\x00\xff byte", 20_000), headers: []string{"authorization", key, "content-type", "application/octet-stream"}},
		"a coded body":     {method: "POST", path: "/api/v1/x", body: zipped.String(), sent: "a packed text", headers: []string{"authorization", key, "content-encoding", "gzip"}},
		"a coded answer":   {method: "GET", path: "/api/v1/gzip", headers: []string{"authorization", key}},
		"a big answer":     {method: "GET", path: "/api/v1/big", headers: []string{"authorization", key}},
		"events":           {method: "GET", path: "/api/v1/events", headers: []string{"authorization", key}},
		"its own value": {method: "POST", path: "/api/v1/x", body: "it is " + f.other, sent: "it is [masked]", headers: []string{"authorization", key, "x-sent", f.other},
			head: []pair{{"authorization", key}, {"user-agent", "faithful/1"}, {"x-sent", "[masked]"}}},
		"an answer that is refused": {method: "GET", path: "/api/v1/part", headers: []string{"authorization", key}},
		"a decision":                {method: "POST", path: "/api/v2/x", body: "unseen", headers: []string{"authorization", key, "content-type", "text/plain"}, refused: true},
		"a decision on a body": {method: "POST", path: "/api/v1/x", body: `{"secret": "` + f.world.placeholder("other") + `"}`, refused: true,
			headers: []string{"authorization", key, "content-type", "application/json"}},
	} {
		t.Run(name, func(t *testing.T) {
			session := "fidelity-" + strings.ReplaceAll(name, " ", "-")
			r, err := http.NewRequest(tt.method, f.gateway+tt.path, strings.NewReader(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			answer, got := f.do(r, append(tt.headers, "user-agent", "faithful/1", "x-cloakroom-token", f.token(agentClient), "x-cloakroom-session", session)...)
			x := f.tapes(t, session, 1)[0]
			if want := strings.TrimPrefix(f.gateway, "http://"); x.Request.Method != tt.method || x.Request.URL != "http://"+want+tt.path {
				t.Errorf("recorded %s %s", x.Request.Method, x.Request.URL)
			}
			head := tt.head
			if head == nil {
				head = pairsOf(r.Header)
			}
			unseen := []string{"x-cloakroom-token", "x-cloakroom-session", "content-length"}
			if got, want := linesOf(x.Request.Headers, unseen...), linesOf(head, unseen...); got != want {
				t.Errorf("of the head of the request there is recorded\n%s\nwant\n%s", got, want)
			}
			want := tt.sent
			if want == "" {
				want = tt.body
			}
			if sent := x.sent(t); sent != want && !(tt.refused && sent == "") {
				t.Errorf("sent %.80q, recorded %.80q", want, sent)
			}
			if x.Response.Status != answer.StatusCode || x.got(t) != got {
				t.Errorf("got %d %.80q, recorded %d %.80q", answer.StatusCode, got, x.Response.Status, x.got(t))
			}
			own := []string{"date", "server", "transfer-encoding", "content-length", "connection", "trailer"} // the gateway's
			if got, want := linesOf(x.Response.Headers, own...), linesOf(pairsOf(answer.Header), own...); got != want {
				t.Errorf("of the head of the answer there is recorded\n%s\nwant\n%s", got, want)
			}
			if tt.refused {
				return
			}
			if up := strings.ReplaceAll(<-f.bodies, f.key, f.placeholder); up != tt.body && up != tt.sent {
				t.Errorf("the backend got %.80q", up)
			}
		})
	}
}
