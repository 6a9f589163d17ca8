package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// crowd is what many open event streams showed.
type crowd struct {
	before, open resident
	opening      float64 // seconds, until all had got their first event
	reaching     float64 // seconds, from one event to its arrival on all
}

const crowdName = "open event streams"

// opening is how many streams are opened at the same time.
const opening = 64

// crowd opens so many event streams, over HTTP/2, lets the upstream send one
// more event to all of them, and waits until each has got it.
func (s *side) crowd(ctx context.Context, streams int) (c crowd, err error) {
	ctx, cancel := context.WithTimeout(ctx, 4*time.Minute)
	defer cancel()
	if c.before, err = s.resident(); err != nil {
		return c, err
	}
	client := &http.Client{Transport: http2()}
	defer client.CloseIdleConnections()
	first, second := make(chan error, streams), make(chan error, streams)
	free := make(chan struct{}, opening)
	start := time.Now()
	for i := range streams {
		free <- struct{}{}
		go func() {
			r, err := s.openEvents(ctx, client, hosts(options{bodies: true})[1+i%3])
			<-free
			first <- err
			if err == nil {
				_, err = readEvent(r)
			}
			second <- err
		}()
	}
	if err := all(first, streams); err != nil {
		return c, fmt.Errorf("opening streams: %w", err)
	}
	c.opening = time.Since(start).Seconds()
	if c.open, err = s.resident(); err != nil {
		return c, err
	}
	start = time.Now()
	answer, err := s.ask(ctx, plain, http.MethodPost, host, "/v1/tick", nil)
	if err != nil {
		return c, err
	}
	answer.Body.Close()
	err = all(second, streams)
	c.reaching = time.Since(start).Seconds()
	return c, err
}

func http2() *http.Transport {
	t := &http.Transport{DisableCompression: true, Protocols: new(http.Protocols)}
	t.Protocols.SetUnencryptedHTTP2(true)
	return t
}

// all waits for so many results.
func all(results <-chan error, n int) error {
	for range n {
		if err := <-results; err != nil {
			return err
		}
	}
	return nil
}

// openEvents opens a stream, and reads its first event.
func (s *side) openEvents(ctx context.Context, client *http.Client, host string) (*bufio.Reader, error) {
	answer, err := s.ask(ctx, client, http.MethodGet, host, "/v1/crowd", nil)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(answer.Body)
		return nil, fmt.Errorf("%s: %s", answer.Status, text)
	}
	r := bufio.NewReaderSize(answer.Body, 512)
	_, err = readEvent(r)
	return r, err
}

// readEvent reads one event of the origin's, and returns how long it was on its
// way.
func readEvent(r *bufio.Reader) (time.Duration, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return 0, err
	}
	now := time.Now().UnixNano()
	var at int64
	if _, err := fmt.Sscanf(line, "data: {\"at\":%d,", &at); err != nil {
		return 0, fmt.Errorf("reading an event %q: %w", line, err)
	}
	if line, err = r.ReadString('\n'); err == nil && strings.TrimSpace(line) != "" {
		err = errors.New("an event of two lines")
	}
	return time.Duration(now - at), err
}
