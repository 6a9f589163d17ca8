package integration

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// raw sends bytes to the gateway as they are, and returns every byte that comes
// back until the connection ends; hung tells that it did not end in time.
func (w *world) raw(text string) (got string, hung bool) {
	w.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(w.gateway, "http://"))
	if err != nil {
		w.t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := io.WriteString(conn, text); err != nil {
		w.t.Fatal(err)
	}
	b, err := io.ReadAll(conn)
	var timeout net.Error
	return string(b), errors.As(err, &timeout) && timeout.Timeout()
}

// rawBackend answers every connection with the bytes that answer makes of the
// request's head, and closes it.
func rawBackend(t *testing.T, answer func(head string) string) (address string, heads func() []string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	seen := make(chan string, 1024)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				in := bufio.NewReader(conn)
				var head strings.Builder
				for {
					line, err := in.ReadString('\n')
					if err != nil {
						return
					}
					head.WriteString(line)
					if line == "\r\n" {
						break
					}
				}
				seen <- head.String()
				io.WriteString(conn, answer(head.String()))
			}()
		}
	}()
	var all []string
	return l.Addr().String(), func() []string {
		for {
			select {
			case head := <-seen:
				all = append(all, head)
			default:
				return all
			}
		}
	}
}

// outcome is what a client got, as far as it got it: err says what cut it, and
// hung that nothing cut it within the deadline.
type outcome struct {
	*http.Response
	body string
	err  error
	hung bool
}

// shows tells whether a text stands anywhere in what came.
func (a outcome) shows(text string) bool {
	var b strings.Builder
	if a.Response != nil {
		a.Header.Write(&b)
		a.Trailer.Write(&b)
	}
	return strings.Contains(b.String()+a.body, text)
}

// status is 0 where no head came.
func (a outcome) status() int {
	if a.Response == nil {
		return 0
	}
	return a.StatusCode
}

// try is get for a request that may go wrong. Each has a connection of its own.
func (w *world) try(path string, headers ...string) outcome {
	w.t.Helper()
	r, err := http.NewRequest(http.MethodGet, w.gateway+path, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	client := &http.Client{Timeout: 40 * time.Second, Transport: &http.Transport{DisableCompression: true, DisableKeepAlives: true}}
	var a outcome
	if a.Response, a.err = client.Do(r); a.err == nil {
		defer a.Body.Close()
		var b []byte
		b, a.err = io.ReadAll(a.Body)
		a.body = string(b)
	}
	var timeout net.Error
	a.hung = errors.As(a.err, &timeout) && timeout.Timeout()
	return a
}
