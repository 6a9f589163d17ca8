package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// load sends the same request over and over: a small generator, since it
// shares the cores with what it measures.
type load struct {
	address     string
	request     []byte
	connections int
	requests    int
	size        int // bytes of every answer's body
}

// outcome is one load's: latencies in the order of their length.
type outcome struct {
	took      time.Duration
	latencies []time.Duration
}

// run sends all requests; one that is not answered 200 is an error.
func (l load) run(ctx context.Context) (outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	var (
		left  atomic.Int64
		group sync.WaitGroup
		each  = make([][]time.Duration, l.connections)
		errs  = make([]error, l.connections)
	)
	left.Store(int64(l.requests))
	start := time.Now()
	for i := range l.connections {
		group.Go(func() {
			if each[i], errs[i] = l.connection(ctx, &left); errs[i] != nil {
				cancel()
			}
		})
	}
	group.Wait()
	out := outcome{took: time.Since(start), latencies: slices.Concat(each...)}
	slices.Sort(out.latencies)
	return out, errors.Join(errs...)
}

func (l load) connection(ctx context.Context, left *atomic.Int64) ([]time.Duration, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", l.address)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.Close() })()
	r := bufio.NewReaderSize(c, 64<<10)
	var took []time.Duration
	for left.Add(-1) >= 0 {
		start := time.Now()
		if _, err := c.Write(l.request); err != nil {
			return nil, err
		}
		if err := readAnswer(r, l.size); err != nil {
			return nil, err
		}
		took = append(took, time.Since(start))
	}
	return took, nil
}

// readAnswer reads one chunked answer, which every answer through ext_proc is,
// and wants a body of exactly that size.
func readAnswer(r *bufio.Reader, want int) error {
	for first := true; ; first = false {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return err
		}
		if first && !bytes.HasPrefix(line, []byte("HTTP/1.1 200")) {
			rest, _ := r.Peek(r.Buffered())
			return fmt.Errorf("the answer is %q\n%s", line, rest)
		}
		if len(line) == 2 {
			break
		}
	}
	for total := 0; ; {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return err
		}
		var size int
		if _, err := fmt.Sscanf(string(line), "%x", &size); err != nil {
			return fmt.Errorf("reading a chunk's size %q: %w", line, err)
		}
		if _, err := r.Discard(size + 2); err != nil {
			return err
		}
		if total += size; size == 0 {
			if total != want {
				return fmt.Errorf("the answer has %d bytes, want %d: %w", total, want, io.ErrUnexpectedEOF)
			}
			return nil
		}
	}
}
