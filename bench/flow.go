package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"cloakroom/bench/corpus"
)

const (
	mib = 1 << 20
	gib = 1 << 30
)

// flow is one long or harmful exchange, with the memory that it takes.
type flow struct {
	name string
	run  func(ctx context.Context, s *side) (came string, err error)
	flat bool // the service's memory has to stay near idle
	most [2]resident
	came [2]string // what the client got
}

// flows are all that are measured; the index of their results is the side's.
func flows() []*flow {
	return []*flow{
		{name: "1 GiB of JSON down", run: download("/v1/json/", gib), flat: true},
		{name: "1 GiB up, shown to nobody", run: upload("application/octet-stream"), flat: true},
		{name: "1 GiB of JSON up, a value at its end", run: upload("application/json"), flat: true},
		{name: "a line of 1 GiB, flushed at its end", run: download("/v1/line/", gib), flat: true},
		{name: "1 GiB of zeros as gzip", run: bomb("/v1/bomb/1"), flat: true},
		{name: "the same, as gzip of gzip", run: bomb("/v1/bomb/2"), flat: true},
	}
}

// plain is a client that leaves bodies as they come.
var plain = &http.Client{Transport: &http.Transport{DisableCompression: true}}

func download(path string, size int64) func(context.Context, *side) (string, error) {
	return func(ctx context.Context, s *side) (string, error) {
		start := time.Now()
		answer, err := s.ask(ctx, plain, http.MethodGet, host, fmt.Sprint(path, size), nil)
		if err != nil {
			return "", err
		}
		defer answer.Body.Close()
		n, err := io.Copy(io.Discard, answer.Body)
		if err == nil && n != size {
			err = fmt.Errorf("the answer is %s and has %d bytes", answer.Status, n)
		}
		return perSecond(size, start), err
	}
}

// upload sends JSON with a placeholder at its end. As JSON, it goes through the
// service.
func upload(contentType string) func(context.Context, *side) (string, error) {
	return func(ctx context.Context, s *side) (string, error) {
		start := time.Now()
		text := io.MultiReader(strings.NewReader(`{"data":"`), io.LimitReader(&endless{text: corpus.Base64(mib)}, gib),
			strings.NewReader(`","client_secret":"`+s.key+`"}`))
		answer, err := s.ask(ctx, plain, http.MethodPost, host, "/upload", text, "Content-Type", contentType)
		if err != nil {
			return "", err
		}
		defer answer.Body.Close()
		var n int64
		var right bool
		if _, err := fmt.Fscan(answer.Body, &n, &right); err != nil || n < gib {
			return "", fmt.Errorf("the answer is %s, and the upstream got %d bytes", answer.Status, n)
		}
		if shown := contentType == "application/json" && s.token != nobody; right != shown {
			return "", fmt.Errorf("a value came up: %t, want %t", right, shown)
		}
		return perSecond(gib, start), nil
	}
}

// bomb asks for an answer that grows a thousandfold or more where it is decoded.
// A refusal and a break are as good as all of it.
func bomb(path string) func(context.Context, *side) (string, error) {
	return func(ctx context.Context, s *side) (string, error) {
		answer, err := s.ask(ctx, plain, http.MethodGet, host, path, nil)
		if err != nil {
			return "", err
		}
		defer answer.Body.Close()
		n, err := io.Copy(io.Discard, answer.Body)
		came := fmt.Sprintf("%d, %.1f MiB", answer.StatusCode, float64(n)/mib)
		if err != nil {
			came += ", then reset"
		}
		return came, nil
	}
}

func perSecond(bytes int64, start time.Time) string {
	return fmt.Sprintf("%.0f MB/s", float64(bytes)/1e6/time.Since(start).Seconds())
}

// endless repeats a text.
type endless struct {
	text []byte
	at   int
}

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, e.text[e.at:])
	e.at = (e.at + n) % len(e.text)
	return n, nil
}
