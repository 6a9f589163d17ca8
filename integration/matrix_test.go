package integration

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// answerShape is a kind of answer.
type answerShape struct {
	name        string
	contentType string
	write       func(w http.ResponseWriter, text string)
	read        func(answer *http.Response, body string) string // what stands in the text's place; nil: the body
	oneLine     bool                                            // no line break may be in the text
	oneAgent    bool                                            // HTTP/1.1 only
}

// pieces writes a body in chunks of as many bytes.
func pieces(size int) func(http.ResponseWriter, string) {
	return func(w http.ResponseWriter, text string) {
		for piece := range slices.Chunk([]byte(text), size) {
			w.Write(piece)
			http.NewResponseController(w).Flush()
		}
	}
}

func codedIn(codings string, size int) func(http.ResponseWriter, string) {
	return func(w http.ResponseWriter, text string) {
		w.Header().Set("content-encoding", codings)
		pieces(size)(w, string(coded(codings, text)))
	}
}

func within(before, after string, size int) func(http.ResponseWriter, string) {
	return func(w http.ResponseWriter, text string) { pieces(size)(w, before+text+after) }
}

// inside takes off again what within has put around the text.
func inside(before, after string) func(*http.Response, string) string {
	return func(_ *http.Response, body string) string {
		text, ok := strings.CutPrefix(body, before)
		text, ok2 := strings.CutSuffix(text, after)
		if !ok || !ok2 {
			return "not what was around it: " + body
		}
		return text
	}
}

func withStatus(code int) func(http.ResponseWriter, string) {
	return func(w http.ResponseWriter, text string) {
		w.WriteHeader(code)
		io.WriteString(w, text)
	}
}

// header is a line of the head; set-cookie may have two.
func header(name, around string) answerShape {
	first, last, _ := strings.Cut(around, "%s")
	return answerShape{name: name, oneLine: true, write: func(w http.ResponseWriter, text string) {
		w.Header()[name] = []string{first + text + last}
		if name == "Set-Cookie" {
			w.Header().Add(name, "another=1")
		}
	}, read: func(answer *http.Response, _ string) string {
		all := answer.Header.Values(name)
		if len(all) == 0 || name == "Set-Cookie" && (len(all) != 2 || all[1] != "another=1") {
			return fmt.Sprint("not the lines: ", all)
		}
		return strings.TrimSuffix(strings.TrimPrefix(all[0], first), last)
	}}
}

// untilClose answers as HTTP/1.0 does.
func untilClose(w http.ResponseWriter, text string) {
	c, _, err := http.NewResponseController(w).Hijack()
	if err == nil {
		io.WriteString(c, "HTTP/1.0 200 OK\r\ncontent-type: text/plain\r\n\r\n"+text)
		c.Close()
	}
}

func trailer(w http.ResponseWriter, text string) {
	w.Header().Set("trailer", "x-late")
	io.WriteString(w, "a body")
	w.Header().Set("x-late", text)
}

const (
	multipartHead = "--b\r\ncontent-disposition: form-data; name=\"a\"\r\n\r\nfirst\r\n--b\r\ncontent-type: text/plain\r\n\r\n"
	multipartTail = "\r\n--b--\r\n"
)

func matrixShapes() []answerShape {
	all := []answerShape{
		{name: "a body of a length", write: func(w http.ResponseWriter, text string) { io.WriteString(w, text) }},
		{name: "chunks of a byte", write: pieces(1)},
		{name: "chunks of 7", write: pieces(7)},
		{name: "until the end of the connection", write: untilClose, oneAgent: true},
		{name: "404", write: withStatus(404)},
		{name: "500", write: withStatus(500)},
		{name: "gzip", write: codedIn("gzip", 1<<20)},
		{name: "gzip in pieces of 5", write: codedIn("gzip", 5)},
		{name: "deflate", write: codedIn("deflate", 11)},
		{name: "brotli in pieces of 3", write: codedIn("br", 3)},
		{name: "zstd in pieces of 9", write: codedIn("zstd", 9)},
		{name: "two layers", write: codedIn("gzip, br", 13)},
		{name: "multipart", contentType: "multipart/mixed; boundary=b", write: within(multipartHead, multipartTail, 30), read: inside(multipartHead, multipartTail)},
		{name: "events", contentType: "text/event-stream", write: within("data: first\n\ndata: ", "\n\n: end\n\n", 16), read: inside("data: first\n\ndata: ", "\n\n: end\n\n"), oneLine: true},
		{name: "NDJSON", contentType: "application/x-ndjson", write: within("{\"n\":1}\n", "\n{\"n\":3}\n", 16), read: inside("{\"n\":1}\n", "\n{\"n\":3}\n"), oneLine: true},
		{name: "JSON", contentType: "application/json", write: within(`{"a":"`, `"}`, 1<<20), read: inside(`{"a":"`, `"}`)},
		{name: "a trailer", write: trailer, read: func(answer *http.Response, _ string) string { return answer.Trailer.Get("x-late") }, oneLine: true},
	}
	return append(all, header("X-Echo", "%s"), header("Location", "https://api.test/x?k=%s"), header("Set-Cookie", "session=%s; Path=/; HttpOnly"))
}

// TestMatrix has a backend answer in every answerShape with a value in every form, to
// clients and from upstreams of both versions of HTTP. What must come down is
// known to the byte.
func TestMatrix(t *testing.T) {
	t.Parallel()
	forms, shapes := matrixForms(), matrixShapes()
	m := newMatrix(t, forms, shapes)
	cells := 0
	for i, s := range shapes {
		for j, f := range forms {
			text, want := f.text(m.key, m.placeholder)
			if s.oneLine && strings.ContainsAny(text, "\r\n\x00") {
				continue // it cannot stand there
			}
			for prefix, client := range m.clients {
				if s.oneAgent && prefix != "/api" {
					continue
				}
				cells++
				answer, body := m.cell(t, client, fmt.Sprintf("%s/v1/matrix?shape=%d&form=%d", prefix, i, j))
				if s.read != nil {
					body = s.read(answer, body)
				}
				if !f.is(body, want) {
					t.Errorf("%s in %s at %s: status %d\n got  %q\n want %q", f.name, s.name, prefix, answer.StatusCode, body, want)
				}
			}
		}
	}
	t.Logf("%d cells", cells)
	if cells < 300 {
		t.Errorf("only %d cells", cells)
	}
}

// matrix is a world whose value needs escaping everywhere, and is in ASCII, so
// that it may stand in headers.
type matrix struct {
	*world
	key, placeholder string
	agent            []string
	clients          map[string]*http.Client // by the prefix of the upstream that speaks the same version
}

func newMatrix(t *testing.T, forms []form, shapes []answerShape) *matrix {
	t.Helper()
	m := &matrix{key: `k"9/<+&~?` + value()[3:]}
	page := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var i, j int
		fmt.Sscanf(r.URL.RawQuery, "shape=%d&form=%d", &i, &j)
		text, _ := forms[j].text(m.key, "")
		w.Header().Set("content-type", "application/octet-stream")
		if shapes[i].contentType != "" {
			w.Header().Set("content-type", shapes[i].contentType)
		}
		shapes[i].write(w, text)
	})
	one, two := httptest.NewServer(page), httptest.NewUnstartedServer(page)
	two.Config.Protocols = http2Only()
	two.Start()
	t.Cleanup(one.Close)
	t.Cleanup(two.Close)
	m.world = newWorld(t, setup{Values: map[string]string{"DEMO_KEY": m.key}, Config: oneCredential, Upstreams: []string{
		fmt.Sprintf(`{host: api.test, prefix: /api, address: %q}`, one.Listener.Addr()),
		fmt.Sprintf(`{host: api.test, prefix: /two, address: %q, http2: true}`, two.Listener.Addr())}})
	m.unseal()
	m.placeholder = m.world.placeholder("demo")
	m.agent = []string{"x-cloakroom-token", m.token(agentClient), "authorization", "Bearer " + m.placeholder}
	m.clients = map[string]*http.Client{"/api": clientOn(false), "/two": clientOn(true)}
	for _, c := range m.clients {
		c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	}
	return m
}

func (m *matrix) cell(t *testing.T, client *http.Client, path string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, m.gateway+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(m.agent); i += 2 {
		r.Header.Add(m.agent[i], m.agent[i+1])
	}
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return answer, string(body)
}
