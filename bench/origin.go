package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"cloakroom/bench/corpus"
)

// origin is the upstream of a run with bodies. It gives and takes any length.
type origin struct {
	json, line []byte
	bombs      func() [2][]byte // what 1 GiB of zeros becomes by one gzip, and by two

	mu   sync.Mutex
	tick chan struct{} // closed when all open streams are to say something
}

// event is what server-sent events say, apart from when they were sent
// (nanoseconds since 1970).
const event = "data: {\"at\":%d,\"id\":\"chatcmpl-9fQ2xT7LmV4cRb8NzKw3YhP6\",\"object\":\"chat.completion.chunk\",\"model\":\"gpt-4.1\"," +
	"\"choices\":[{\"index\":0,\"delta\":{\"content\":\" word\"},\"logprobs\":null,\"finish_reason\":null}]}\n\n"

// serveOrigin serves on a port of its own choice, which it prints.
func serveOrigin() error {
	o := &origin{json: corpus.JSON(1 << 20), line: corpus.Base64(1 << 20), bombs: sync.OnceValue(makeBombs), tick: make(chan struct{})}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /key", func(w http.ResponseWriter, r *http.Request) {
		key := r.Header.Get("Authorization")
		fmt.Fprintf(w, `{"got":%q,"right":%t}`, key, key == "Bearer "+value(0))
	})
	mux.HandleFunc("GET /v1/json/{size}", o.download("application/json", o.json))
	mux.HandleFunc("GET /v1/line/{size}", o.download("application/x-ndjson", o.line))
	mux.HandleFunc("GET /v1/bomb/{layers}", o.bomb)
	mux.HandleFunc("GET /v1/events/{count}", events)
	mux.HandleFunc("GET /v1/crowd", o.crowd)
	mux.HandleFunc("POST /v1/tick", o.tell)
	mux.HandleFunc("POST /upload", func(w http.ResponseWriter, r *http.Request) {
		var end tail
		n, _ := io.Copy(&end, r.Body)
		fmt.Fprintln(w, n, bytes.HasSuffix(end.text, []byte(`"`+value(0)+`"}`)))
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	return http.Serve(l, mux)
}

// download answers with as many bytes as the path says.
func (o *origin) download(contentType string, text []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		left, err := strconv.Atoi(r.PathValue("size"))
		if err != nil {
			http.Error(w, "no size", http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Content-Length", strconv.Itoa(left))
		for left > 0 {
			n, err := w.Write(text[:min(left, len(text))])
			if err != nil {
				return
			}
			left -= n
		}
	}
}

// events sends one event every few milliseconds.
func events(w http.ResponseWriter, r *http.Request) {
	count, err := strconv.Atoi(r.PathValue("count"))
	if err != nil {
		http.Error(w, "no count", http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	for range count {
		time.Sleep(4 * time.Millisecond)
		say(w)
	}
}

func say(w http.ResponseWriter) {
	fmt.Fprintf(w, event, time.Now().UnixNano())
	w.(http.Flusher).Flush()
}

// crowd says something at once, and again at every tick.
func (o *origin) crowd(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	for {
		o.mu.Lock()
		tick := o.tick
		o.mu.Unlock()
		say(w)
		select {
		case <-tick:
		case <-r.Context().Done():
			return
		}
	}
}

func (o *origin) tell(http.ResponseWriter, *http.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	close(o.tick)
	o.tick = make(chan struct{})
}

func (o *origin) bomb(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	bombs := o.bombs()
	if r.PathValue("layers") == "2" {
		w.Header().Set("Content-Encoding", "gzip, gzip")
		w.Write(bombs[1])
		return
	}
	w.Header().Set("Content-Encoding", "gzip")
	w.Write(bombs[0])
}

func makeBombs() (bombs [2][]byte) {
	var one, two bytes.Buffer
	inner := gzip.NewWriter(&one)
	io.Copy(inner, io.LimitReader(zeros{}, gib))
	inner.Close()
	outer := gzip.NewWriter(&two)
	outer.Write(one.Bytes())
	outer.Close()
	return [2][]byte{one.Bytes(), two.Bytes()}
}

// tail keeps the end of what is written to it.
type tail struct{ text []byte }

func (t *tail) Write(p []byte) (int, error) {
	const length = 128
	t.text = append(t.text, p[max(0, len(p)-length):]...)
	t.text = t.text[max(0, len(t.text)-length):]
	return len(p), nil
}

// zeros never ends.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
