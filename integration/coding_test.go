package integration

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
)

// TestCodedAnswers demands that what a backend compresses although it was asked
// not to comes down masked, as if it had not.
func TestCodedAnswers(t *testing.T) {
	t.Parallel()
	m, clients := newCoding(t, map[string]http.HandlerFunc{})
	want := "the value " + m.placeholder + " and [masked]" + strings.Repeat(" and more text", 100)
	for _, codings := range []string{"gzip", "x-gzip", "deflate", "raw", "br", "zstd", "gzip, br", "zstd, gzip", "br, br, deflate"} {
		for _, upstream := range []string{"api", "two"} {
			for version, client := range clients {
				for _, pieces := range []string{"0", "13"} {
					name := fmt.Sprintf("%s from %s by HTTP/%s in pieces of %s", codings, upstream, version, pieces)
					answer, body, err := m.coded(t, client, "/"+upstream+"/v1/coded", "codings", codings, "pieces", pieces)
					h := answer.Header
					if err != nil || answer.StatusCode != http.StatusOK || body != want {
						t.Errorf("%s: status %d, %v: %.100q", name, answer.StatusCode, err, body)
					}
					if h.Get("content-encoding") != "" || h.Get("etag") != "" || h.Get("x-amz-checksum-crc32") != "" ||
						fmt.Sprint(h["Vary"]) != "[origin]" || h.Get("content-length") != "" || strconv.Itoa(answer.ProtoMajor) != version {
						t.Errorf("%s: %s with %v", name, answer.Proto, h)
					}
				}
			}
		}
	}
}

// TestBrokenCodedAnswers ends what is not what its head says, and shows nothing
// of it that was not masked.
func TestBrokenCodedAnswers(t *testing.T) {
	t.Parallel()
	m, clients := newCoding(t, map[string]http.HandlerFunc{})
	for _, tt := range []struct{ codings, broken string }{
		{"gzip", "short"}, {"gzip", "half"}, {"gzip", "behind"}, {"gzip", "text"}, {"deflate", "short"}, {"deflate", "behind"},
		{"raw", "half"}, {"raw", "behind"}, {"br", "half"}, {"br", "behind"}, {"br", "text"}, {"br", "window"},
		{"zstd", "short"}, {"zstd", "behind"}, {"zstd", "text"}, {"gzip, br", "half"}, {"gzip, br", "behind"},
	} {
		for version, upstream := range map[string]string{"1": "api", "2": "two"} {
			for _, pieces := range []string{"0", "13"} {
				answer, body, err := m.coded(t, clients[version], "/"+upstream+"/v1/coded", "codings", tt.codings, "broken", tt.broken, "pieces", pieces)
				cut := err != nil && answer.StatusCode == http.StatusOK
				if !cut && (answer.StatusCode != http.StatusForbidden || errorCode(body) != "denied") {
					t.Errorf("%s, %s, by HTTP/%s in pieces of %s: status %d, %v: %.100q", tt.codings, tt.broken, version, pieces, answer.StatusCode, err, body)
				}
			}
		}
	}
	for _, codings := range []string{"x-new", "gzip, aes128gcm", "br, br, br, br"} {
		answer, body, _ := m.coded(t, m.client, "/api/v1/coded", "codings", codings)
		if answer.StatusCode != http.StatusForbidden || errorCode(body) != "denied" {
			t.Errorf("%s: status %d: %q", codings, answer.StatusCode, body)
		}
	}
	if answer, body, err := m.coded(t, m.client, "/api/v1/coded", "codings", "gzip", "broken", "empty"); answer.StatusCode != http.StatusOK || body != "" || err != nil {
		t.Errorf("an empty body: status %d: %q, %v", answer.StatusCode, body, err)
	}
}

// TestCodedHeads asks for answers that have a coding and no body, and for parts.
func TestCodedHeads(t *testing.T) {
	t.Parallel()
	head := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("content-encoding", "gzip")
			w.Header().Set("vary", "accept-encoding")
			w.Header().Set("content-type", "text/plain")
			body := coded("gzip", "a text")
			if r.Method == http.MethodHead {
				w.Header().Set("content-length", strconv.Itoa(len(body)))
			}
			w.WriteHeader(status)
			if status == http.StatusPartialContent {
				w.Write(body)
			}
		}
	}
	m, _ := newCoding(t, map[string]http.HandlerFunc{"/v1/200": head(200), "/v1/204": head(204), "/v1/304": head(304), "/v1/206": head(206)})
	for _, tt := range []struct {
		method, path string
		status       int
	}{
		{"HEAD", "200", 200}, {"GET", "204", 204}, {"GET", "304", 304}, {"HEAD", "304", 304}, {"GET", "206", 403},
	} {
		for _, upstream := range []string{"api", "two"} {
			r, err := http.NewRequest(tt.method, m.gateway+"/"+upstream+"/v1/"+tt.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			answer, body := m.do(r, m.agent...)
			h := answer.Header
			if answer.StatusCode != tt.status || tt.status != 403 && (body != "" || h.Get("content-encoding") != "" || h.Get("vary") != "" || h.Get("content-length") != "") {
				t.Errorf("%s %s from %s: status %d, %v: %q", tt.method, tt.path, upstream, answer.StatusCode, h, body)
			}
		}
	}
}

// TestOldCodedAnswers come from an upstream of HTTP/1.0, until it closes, and
// from one that compresses hop by hop.
func TestOldCodedAnswers(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	m := newMasking(t, nil, fmt.Sprintf(`{host: api.test, prefix: /old, address: %q}`, l.Addr()))
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			request, _ := readMessage(bufio.NewReader(c))
			body := coded("gzip", "an old text with "+m.key)
			switch {
			case strings.HasPrefix(request, "GET /v1/short"):
				fmt.Fprintf(c, "HTTP/1.0 200 OK\r\ncontent-encoding: gzip\r\n\r\n%s", body[:len(body)-1])
			case strings.HasPrefix(request, "GET /v1/hop"):
				fmt.Fprintf(c, "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(body), body)
			default:
				fmt.Fprintf(c, "HTTP/1.0 200 OK\r\ncontent-encoding: gzip\r\n\r\n%s", body)
			}
			c.Close()
		}
	}()
	if answer, body, err := m.coded(t, m.client, "/old/v1/x"); err != nil || answer.StatusCode != 200 || body != "an old text with "+m.placeholder {
		t.Errorf("status %d, %v: %q", answer.StatusCode, err, body)
	}
	for _, path := range []string{"/old/v1/short", "/old/v1/hop"} {
		if answer, body, err := m.coded(t, m.client, path); err == nil && answer.StatusCode == http.StatusOK {
			t.Errorf("%s: status %d: %q", path, answer.StatusCode, body)
		}
	}
}
