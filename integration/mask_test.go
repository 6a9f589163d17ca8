package integration

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// twoCredentials is a world with two credentials on one backend; the second is
// of a group that the agent is not in.
const twoCredentials = oneCredential + `
  - name: other
    tier: low
    groups: [finance]
    value: {env: OTHER_KEY}
    allow:
      - hosts: [api.test]
        methods: [GET]
        paths: ["/v1/**"]
`

// masking is a world whose backend answers by path, and an agent in it.
type masking struct {
	*world
	key, other  string // values
	placeholder string
	agent       []string // the agent's headers
	b           *seen
}

// newMasking starts one. The value has something to escape in every form.
func newMasking(t *testing.T, pages map[string]http.HandlerFunc, upstreams ...string) *masking {
	t.Helper()
	m := &masking{key: `k"9/<+&é~` + value()[3:], other: value()}
	m.b = backend(t, func(w http.ResponseWriter, r *http.Request) {
		if p := pages[r.URL.Path]; p != nil {
			p(w, r)
			return
		}
		http.NotFound(w, r)
	})
	m.world = newWorld(t, setup{Values: map[string]string{"DEMO_KEY": m.key, "OTHER_KEY": m.other}, Config: strings.Replace(twoCredentials, "[GET, POST]", "[GET, HEAD, POST]", 1),
		Upstreams: append(upstreams, `{host: api.test, prefix: /api, address: "`+m.b.address()+`"}`)})
	m.placeholder = m.world.placeholder("demo")
	m.agent = []string{"x-cloakroom-token", m.token(agentClient), "authorization", "Bearer " + m.placeholder}
	return m
}

// clean demands that no shape of either value stands in what the agent got.
func (m *masking) clean(t *testing.T, what ...any) {
	t.Helper()
	for kind := range newHunter([]string{m.key, m.other}).find([]byte(fmt.Sprint(what...))) {
		t.Errorf("a value came back (%s)", kind)
	}
}

// textForms are the escaped forms of a value, by encoders other than the
// product's.
func textForms(v string) map[string]string {
	quoted, _ := json.Marshal(v)
	var plain bytes.Buffer
	e := json.NewEncoder(&plain)
	e.SetEscapeHTML(false)
	_ = e.Encode(v)
	query, path := url.QueryEscape(v), percent(v, "%%%02X", true)
	return map[string]string{
		"raw": v, "JSON": strings.Trim(plain.String(), "\"\n"), "JSON for HTML": strings.Trim(string(quoted), `"`),
		"form": query, "form, lower": strings.ReplaceAll(query, path[1:3], strings.ToLower(path[1:3])),
		"percent": path, "percent, lower": percent(v, "%%%02x", true), "HTML": html.EscapeString(v),
	}
}

// binaryForms are the forms whose mask is filler of equal length, with what the
// agent must get. Neighbours of the value must stay as they are.
func binaryForms(v string) (texts, want map[string]string) {
	texts, want = map[string]string{}, map[string]string{}
	stars := strings.Repeat("*", len(v))
	texts["hex"], want["hex"] = hex.EncodeToString([]byte(v)), hex.EncodeToString([]byte(stars))
	texts["HEX"], want["HEX"] = strings.ToUpper(texts["hex"]), strings.ToUpper(want["hex"])
	for name, e := range map[string]*base64.Encoding{"base64": base64.StdEncoding, "base64url": base64.RawURLEncoding} {
		for skip := range 3 {
			id := fmt.Sprint(name, " at ", skip)
			before := "user:"[:3+skip%3]
			texts[id], want[id] = e.EncodeToString([]byte(before+v+"!end")), e.EncodeToString([]byte(before+stars+"!end"))
		}
	}
	return texts, want
}

// TestMaskForms sends every form in a body, in one piece and byte by byte.
func TestMaskForms(t *testing.T) {
	t.Parallel()
	var body string
	send := func(step int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			for rest := body; rest != ""; {
				n := min(step, len(rest))
				io.WriteString(w, rest[:n])
				http.NewResponseController(w).Flush()
				rest = rest[n:]
			}
		}
	}
	m := newMasking(t, map[string]http.HandlerFunc{"/v1/whole": send(1 << 20), "/v1/bytes": send(1), "/v1/sevens": send(7)})
	want := ""
	add := func(name, text, masked string) {
		body += name + "|" + text + "|\n"
		want += name + "|" + masked + "|\n"
	}
	for name, text := range textForms(m.key) {
		add(name, text, m.placeholder)
	}
	for name, text := range textForms(m.other) {
		add("other's "+name, text, "[masked]")
	}
	texts, masks := binaryForms(m.key)
	for name, text := range texts {
		add(name, text, masks[name])
	}
	add("both", m.key+m.other+m.key, m.placeholder+"[masked]"+m.placeholder)
	add("begins like one", m.key[:len(m.key)-1]+m.key, m.key[:len(m.key)-1]+m.placeholder)
	for _, path := range []string{"/v1/whole", "/v1/bytes", "/v1/sevens"} {
		answer, got := m.fetch("/api"+path, m.agent...)
		if answer.StatusCode != http.StatusOK {
			t.Fatalf("%s: status %d: %s", path, answer.StatusCode, got)
		}
		have := strings.Split(got, "\n")
		for i, line := range strings.Split(want, "\n") {
			if i >= len(have) || have[i] != line {
				t.Errorf("%s: line %d is not %q", path, i, line)
			}
		}
	}
}

// TestMaskHeads looks at headers and trailers, of answers with and without a
// body.
func TestMaskHeads(t *testing.T) {
	t.Parallel()
	var m *masking
	heads := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			h := w.Header()
			h.Set("location", "https://api.test/?key="+url.QueryEscape(m.key))
			h["Set-Cookie"] = []string{"a=" + m.other + "; Path=/", "b=" + base64.StdEncoding.EncodeToString([]byte(m.key)), "c=plain"}
			h.Set("x-raw", m.key)
			h.Set("x-"+m.other, "a name")
			h.Set("www-authenticate", `Basic realm="`+m.other+`"`)
			h.Set("etag", `"`+m.other+`"`)
			h.Set("trailer", "X-Late")
			w.WriteHeader(status)
			if status == http.StatusOK {
				io.WriteString(w, "a body with "+m.key)
			}
			h.Set("x-late", m.key+" and "+m.other)
		}
	}
	m = newMasking(t, map[string]http.HandlerFunc{"/v1/200": heads(200), "/v1/204": heads(204), "/v1/304": heads(304), "/v1/302": heads(302)})
	for _, tt := range []struct {
		method, path string
		status       int
	}{
		{"GET", "200", 200}, {"HEAD", "200", 200}, {"GET", "204", 204}, {"GET", "304", 304}, {"GET", "302", 302},
	} {
		t.Run(tt.method+" "+tt.path, func(t *testing.T) {
			r, err := http.NewRequest(tt.method, m.gateway+"/api/v1/"+tt.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			answer, body := m.do(r, append([]string{"te", "trailers"}, m.agent...)...)
			m.clean(t, answer.Header, answer.Trailer, body)
			h := answer.Header
			cookies := h.Values("set-cookie")
			if answer.StatusCode != tt.status || h.Get("x-raw") != m.placeholder || h.Get("www-authenticate") != `Basic realm="[masked]"` ||
				h.Get("location") != "https://api.test/?key="+m.placeholder || len(cookies) != 3 ||
				cookies[0] != "a=[masked]; Path=/" || cookies[2] != "c=plain" || h.Get("etag") != "" {
				t.Errorf("status %d, headers %v", answer.StatusCode, h)
			}
			if tt.method == "GET" && tt.status == 200 && (body != "a body with "+m.placeholder || answer.Trailer.Get("x-late") != m.placeholder+" and [masked]") {
				t.Errorf("body %q, trailers %v", body, answer.Trailer)
			}
		})
	}
}

// TestMaskEvents demands that each event arrives before the next is sent.
func TestMaskEvents(t *testing.T) {
	t.Parallel()
	arrived := make(chan bool)
	var m *masking
	m = newMasking(t, map[string]http.HandlerFunc{"/v1/events": func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("content-type", "text/event-stream; charset=utf-8")
		for i := range 5 {
			fmt.Fprintf(w, "id: %d\ndata: %s\n\n", i, m.key)
			http.NewResponseController(w).Flush()
			select {
			case <-arrived:
			case <-r.Context().Done():
				return
			}
		}
	}})
	answer := m.open("/api/v1/events", m.agent...)
	defer answer.Body.Close()
	lines := bufio.NewReader(answer.Body)
	for i := range 5 {
		event := ""
		for !strings.HasSuffix(event, "\n\n") {
			line, err := lines.ReadString('\n')
			if err != nil {
				t.Fatalf("event %d: %v after %q", i, err, event)
			}
			event += line
		}
		if want := fmt.Sprintf("id: %d\ndata: %s\n\n", i, m.placeholder); event != want {
			t.Errorf("event %q, want %q", event, want)
		}
		arrived <- true
	}
	if rest, err := io.ReadAll(lines); err != nil || len(rest) > 0 {
		t.Errorf("behind the events: %q, %v", rest, err)
	}
}

// TestUnreadable refuses answers in which a value could hide.
func TestUnreadable(t *testing.T) {
	t.Parallel()
	var m *masking
	m = newMasking(t, map[string]http.HandlerFunc{
		"/v1/part": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("content-range", "bytes 0-9/99")
			w.WriteHeader(http.StatusPartialContent)
			io.WriteString(w, m.key[:10])
		},
		"/v1/parts": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("content-type", "multipart/byteranges; boundary=x")
			io.WriteString(w, "--x\r\ncontent-range: bytes 0-9/99\r\n\r\n"+m.key[:10]+"\r\n--x--")
		},
		"/v1/utf-7": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("content-type", "text/plain; charset=utf-7")
			io.WriteString(w, m.key[:10])
		},
		"/v1/identity": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("content-encoding", "identity")
			io.WriteString(w, r.Header.Get("accept-encoding")+","+r.Header.Get("range")+","+m.key)
		},
	})
	asking := append([]string{"accept-encoding", "gzip, br", "range", "bytes=0-9"}, m.agent...)
	for _, page := range []string{"part", "parts", "utf-7"} {
		before := m.b.count()
		answer, body := m.get("/api/v1/"+page, asking...)
		if answer.StatusCode != http.StatusForbidden || errorCode(body) != "denied" {
			t.Errorf("%s: status %d: %q", page, answer.StatusCode, body)
		}
		if m.b.count() != before+1 {
			t.Errorf("%s: the backend was not asked", page)
		}
		if strings.Contains(body, m.key[:10]) {
			t.Errorf("%s: the body passed", page)
		}
	}
	if answer, body := m.get("/api/v1/identity", asking...); answer.StatusCode != 200 || body != "identity,,"+m.placeholder {
		t.Errorf("identity: status %d: %q", answer.StatusCode, body)
	}
}
