package integration

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// TestCodedEvents demands that an event that was flushed arrives before the
// next is sent.
func TestCodedEvents(t *testing.T) {
	t.Parallel()
	arrived := make(chan bool)
	var m *masking
	m, clients := newCoding(t, map[string]http.HandlerFunc{"/v1/events": func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("content-type", "text/event-stream")
		w.Header().Set("content-encoding", r.URL.Query().Get("codings"))
		all := coders(r.URL.Query().Get("codings"), w)
		for i := range 3 {
			fmt.Fprintf(all[0], "id: %d\ndata: %s\n\n", i, m.key)
			for _, c := range all {
				c.Flush()
			}
			http.NewResponseController(w).Flush()
			select {
			case <-arrived:
			case <-r.Context().Done():
				return
			}
		}
		for _, c := range all {
			c.Close()
		}
	}})
	for _, codings := range []string{"gzip", "deflate", "br", "zstd", "gzip, zstd"} {
		for version, client := range clients {
			answer := m.openBy(t, client, "/two/v1/events?codings="+url.QueryEscape(codings))
			lines := bufio.NewReader(answer.Body)
			for i := range 3 {
				event := ""
				for !strings.HasSuffix(event, "\n\n") {
					line, err := lines.ReadString('\n')
					if err != nil {
						t.Fatalf("%s by HTTP/%s: event %d: %v after %q", codings, version, i, err, event)
					}
					event += line
				}
				if want := fmt.Sprintf("id: %d\ndata: %s\n\n", i, m.placeholder); event != want {
					t.Errorf("%s by HTTP/%s: event %q, want %q", codings, version, event, want)
				}
				arrived <- true
			}
			if rest, err := io.ReadAll(lines); err != nil || len(rest) > 0 {
				t.Errorf("%s by HTTP/%s: behind the events: %q, %v", codings, version, rest, err)
			}
			answer.Body.Close()
		}
	}
}

// openBy is open by a client of the test's.
func (m *masking) openBy(t *testing.T, client *http.Client, path string) *http.Response {
	t.Helper()
	old := m.client
	m.client = client
	defer func() { m.client = old }()
	return m.open(path, m.agent...)
}

// TestBombs asks for bodies that would fill the memory or take for ever.
func TestBombs(t *testing.T) {
	t.Parallel()
	bombs := map[string][]byte{}
	for _, codings := range []string{"gzip", "br", "zstd", "gzip, gzip"} {
		var b bytes.Buffer
		all := coders(codings, &b)
		for range 256 {
			all[0].Write(make([]byte, 1<<20))
		}
		for _, c := range all {
			c.Close()
		}
		bombs[codings] = b.Bytes()
	}
	m, _ := newCoding(t, map[string]http.HandlerFunc{"/v1/bomb": func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("content-encoding", r.URL.Query().Get("codings"))
		w.Write(bombs[r.URL.Query().Get("codings")])
	}})
	service, envoy := m.up.cmd.Process.Pid, children(t, m.up.cmd.Process.Pid)[0]
	for codings := range bombs {
		answer := m.open("/api/v1/bomb?codings="+url.QueryEscape(codings), m.agent...)
		n, err := io.Copy(io.Discard, answer.Body)
		answer.Body.Close()
		if err == nil && answer.StatusCode == http.StatusOK || n > 64<<20 {
			t.Errorf("%s: %d MiB came, %v", codings, n>>20, err)
		}
		if s, e := memory(t, service), memory(t, envoy); s > 250<<20 || e > 300<<20 {
			t.Errorf("%s: the service holds %d MiB, Envoy %d MiB", codings, s>>20, e>>20)
		}
	}
}

// TestLargeCodedAnswer asks for a body that grows fifty times to 200 MB, which
// passes whole and is never held whole.
func TestLargeCodedAnswer(t *testing.T) {
	t.Parallel()
	lines := strings.Repeat("a line of an honest text\n", 80)
	const many = 100_000 // times lines
	m, _ := newCoding(t, map[string]http.HandlerFunc{"/v1/large": func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("content-encoding", "zstd")
		z := newCoder("zstd", w)
		defer z.Close()
		for range many {
			io.WriteString(z, lines+value())
		}
	}})
	answer := m.open("/api/v1/large", m.agent...)
	defer answer.Body.Close()
	n, err := io.Copy(io.Discard, answer.Body)
	if want := int64(many * len(lines+value())); err != nil || n != want {
		t.Errorf("%d bytes of %d, %v", n, want, err)
	}
	if s := memory(t, m.up.cmd.Process.Pid); s > 250<<20 {
		t.Errorf("the service holds %d MiB", s>>20)
	}
}
