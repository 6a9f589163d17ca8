package integration

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

// coder is what every library's writer can do.
type coder interface {
	io.WriteCloser
	Flush() error
}

// newCoder writes one content coding; "raw" is deflate without zlib around it.
func newCoder(name string, to io.Writer) coder {
	switch name {
	case "gzip", "x-gzip":
		return gzip.NewWriter(to)
	case "deflate":
		return zlib.NewWriter(to)
	case "raw":
		w, _ := flate.NewWriter(to, flate.BestCompression)
		return w
	case "br":
		return brotli.NewWriter(to)
	}
	w, _ := zstd.NewWriter(to)
	return w
}

// coders write a list of codings, the first one first.
func coders(codings string, to io.Writer) (all []coder) {
	for _, name := range slices.Backward(strings.Split(codings, ", ")) {
		c := newCoder(name, to)
		all, to = append([]coder{c}, all...), c
	}
	return all
}

func coded(codings, text string) []byte {
	var b bytes.Buffer
	all := coders(codings, &b)
	io.WriteString(all[0], text)
	for _, c := range all {
		c.Close()
	}
	return b.Bytes()
}

// codedPage answers with a body in the codings of the query, in pieces of as
// many bytes as it says, whole or broken as it says.
func codedPage(text func() string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		body := coded(q.Get("codings"), text())
		switch q.Get("broken") {
		case "short":
			body = body[:len(body)-1]
		case "half":
			body = body[:len(body)/2]
		case "behind":
			body = append(body, text()...)
		case "text":
			body = []byte(text())
		case "window":
			body[0] |= 0xf
		case "empty":
			body = nil
		}
		h := w.Header()
		h.Set("content-encoding", strings.ReplaceAll(q.Get("codings"), "raw", "deflate"))
		h["Vary"] = []string{"Accept-Encoding", "origin"}
		h.Set("etag", `"of the coded bytes"`)
		h.Set("x-amz-checksum-crc32", "AAAAAA==")
		h.Set("content-type", "text/plain")
		size, _ := strconv.Atoi(q.Get("pieces"))
		if size == 0 {
			h.Set("content-length", strconv.Itoa(len(body)))
			w.Write(body)
			return
		}
		for piece := range slices.Chunk(body, size) {
			w.Write(piece)
			http.NewResponseController(w).Flush()
		}
	}
}

// http2Only speaks HTTP/2 without TLS.
func http2Only() *http.Protocols {
	p := new(http.Protocols)
	p.SetUnencryptedHTTP2(true)
	return p
}

// newCoding is a world with two upstreams that answer with coded bodies, at
// /api by HTTP/1.1 and at /two by HTTP/2, and clients that speak either.
func newCoding(t *testing.T, pages map[string]http.HandlerFunc) (m *masking, clients map[string]*http.Client) {
	t.Helper()
	pages["/v1/coded"] = codedPage(func() string {
		return "the value " + m.key + " and " + m.other + strings.Repeat(" and more text", 100)
	})
	two := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { pages[r.URL.Path](w, r) }))
	two.Config.Protocols = http2Only()
	two.Start()
	t.Cleanup(two.Close)
	m = newMasking(t, pages, fmt.Sprintf(`{host: api.test, prefix: /two, address: %q, http2: true}`, two.Listener.Addr()))
	return m, map[string]*http.Client{"1": m.client, "2": {Timeout: m.client.Timeout, Transport: &http.Transport{DisableCompression: true, Protocols: http2Only()}}}
}

// coded asks for a coded body; the error is that of reading it.
func (m *masking) coded(t *testing.T, client *http.Client, path string, query ...string) (*http.Response, string, error) {
	t.Helper()
	q := url.Values{}
	for i := 0; i < len(query); i += 2 {
		q.Set(query[i], query[i+1])
	}
	r, err := http.NewRequest(http.MethodGet, m.gateway+path+"?"+q.Encode(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(m.agent); i += 2 {
		r.Header.Add(m.agent[i], m.agent[i+1])
	}
	r.Header.Set("accept-encoding", "gzip, br, zstd")
	r.Header.Set("x-cloakroom-session", t.Name())
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	m.clean(t, answer.Header, string(body))
	return answer, string(body), err
}
