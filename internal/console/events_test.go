package console

import (
	"bufio"
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"
)

// stream is one that a browser listens to, over a real connection.
type stream struct {
	*http.Response
	lines *bufio.Scanner
	stop  func()
}

// next is the next event's name, empty when the stream has ended.
func (s *stream) next() string {
	for s.lines.Scan() {
		if text := s.lines.Text(); len(text) > 7 && text[:7] == "event: " {
			return text[7:]
		}
	}
	return ""
}

// serving is the world behind a server that gives requests little time.
func (w *world) serving() *httptest.Server {
	s := httptest.NewUnstartedServer(w)
	s.Config.ReadTimeout = 100 * time.Millisecond
	s.Start()
	w.t.Cleanup(s.Close)
	w.URL, _ = url.Parse(s.URL)
	return s
}

func (w *world) listen(s *httptest.Server, who string) *stream {
	w.t.Helper()
	rec := httptest.NewRecorder()
	if err := w.startSession(rec, human(who, "sre")); err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	w.t.Cleanup(cancel)
	r, _ := http.NewRequestWithContext(ctx, "GET", s.URL+"/events", nil)
	r.AddCookie(rec.Result().Cookies()[0])
	got, err := s.Client().Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { got.Body.Close() })
	return &stream{got, bufio.NewScanner(got.Body), cancel}
}

func TestEvents(t *testing.T) {
	w := newWorld(t)
	s := w.serving()
	one := w.listen(s, "bob")
	if one.Header.Get("content-type") != "text/event-stream" || one.Header.Get("x-accel-buffering") != "no" {
		t.Errorf("headers %v", one.Header)
	}
	if got := one.next(); got != "changed" {
		t.Fatalf("at the start: %q", got)
	}
	time.Sleep(3 * s.Config.ReadTimeout) // the stream outlives what a request has
	w.changed <- struct{}{}
	if got := one.next(); got != "changed" {
		t.Errorf("after a change: %q", got)
	}
	close(w.done)
	if got := one.next(); got != "" {
		t.Errorf("after the end: %q", got)
	}
}

// TestEventsEnd ends a stream with its session.
func TestEventsEnd(t *testing.T) {
	w := newWorld(t)
	s := w.serving()
	offset := sessionIdle - 300*time.Millisecond
	start := time.Now()
	w.Console.now = func() time.Time { return start }
	rec := httptest.NewRecorder()
	if err := w.startSession(rec, human("bob", "sre")); err != nil {
		t.Fatal(err)
	}
	w.Console.now = func() time.Time { return start.Add(offset) }
	r, _ := http.NewRequest("GET", s.URL+"/events", nil)
	r.AddCookie(rec.Result().Cookies()[0])
	got, err := s.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	one := &stream{got, bufio.NewScanner(got.Body), nil}
	if first, then, last := one.next(), one.next(), one.next(); first != "changed" || then != "ended" || last != "" {
		t.Errorf("%q, %q, %q", first, then, last)
	}
}

func TestStreamsAreLimited(t *testing.T) {
	w := newWorld(t)
	s := w.serving()
	var open []*stream
	for i := range streamsEach + 1 {
		one := w.listen(s, "bob")
		if want := map[bool]int{true: 200, false: 429}[i < streamsEach]; one.StatusCode != want {
			t.Errorf("stream %d of one person: status %d, want %d", i+1, one.StatusCode, want)
		}
		open = append(open, one)
	}
	if got := w.listen(s, "carol"); got.StatusCode != 200 {
		t.Errorf("another person's: status %d", got.StatusCode)
	}
	open[0].stop()
	for deadline := time.Now().Add(10 * time.Second); w.listen(s, "bob").StatusCode != 200; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("a stream that was closed still counts")
		}
	}
	full := streams{by: map[string]int{}, all: streamsAll}
	if full.open("anybody") {
		t.Error("one more than there may be in all")
	}
}
