package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// eventInterval is the time between two server-sent events.
const eventInterval = 200 * time.Millisecond

// events sends n server-sent events, each with the key in it.
func (a *api) events(w http.ResponseWriter, r *http.Request) {
	n, err := strconv.Atoi(or(r.URL.Query().Get("n"), "5"))
	if err != nil || n < 0 {
		answer(w, http.StatusBadRequest, map[string]any{"error": map[string]any{"message": "n: want a number"}})
		return
	}
	stream := startStream(w)
	for i := range n {
		if i > 0 {
			select {
			case <-r.Context().Done():
				return
			case <-time.After(eventInterval):
			}
		}
		stream.send(map[string]any{"n": i + 1, "key": strings.Join(a.sent(r), " ")})
	}
}

// stream writes server-sent events, each at once.
type stream struct{ w http.ResponseWriter }

func startStream(w http.ResponseWriter) stream {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	return stream{w}
}

func (s stream) send(v any) {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err) // only maps of plain values are sent
	}
	s.line(string(data))
}

func (s stream) line(data string) {
	fmt.Fprintf(s.w, "data: %s\n\n", data)
	http.NewResponseController(s.w).Flush()
}
