package integration

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// still is how long nothing must come before what came is all that may come.
const still = 40 * time.Millisecond

// teller is a backend that writes an answer piece by piece, each when told to.
type teller struct {
	contentType string // empty: a WebSocket, and the pieces are frames
	pieces      []string
	next        chan time.Time // told when a piece was written
}

// tellers are the answers that are asked for, by name.
type tellers struct {
	mu  sync.Mutex
	all map[string]*teller
}

func (e *tellers) page(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	one := e.all[r.URL.Query().Get("name")]
	e.mu.Unlock()
	var out io.Writer = w
	flush := func() error { return http.NewResponseController(w).Flush() }
	if one.contentType == "" { // a WebSocket
		c, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer c.Close()
		out, flush = c, func() error { return nil }
		io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: "+websocketAccept+"\r\n\r\n")
	}
	w.Header().Set("content-type", one.contentType)
	for _, piece := range one.pieces {
		io.WriteString(out, piece)
		flush()
		select {
		case one.next <- time.Now():
			<-one.next // until the agent has seen what comes of it
		case <-r.Context().Done():
			return
		}
	}
}

// watch asks for an answer, and returns how much of it had come when each piece
// was through, and how long the last byte of each took.
func (m *masking) watch(e *tellers, name string, one *teller) (seen []int, delays []time.Duration, err error) {
	one.next = make(chan time.Time)
	e.mu.Lock()
	e.all[name] = one
	e.mu.Unlock()
	headers := m.agent
	if one.contentType == "" {
		headers = append(slices.Clone(headers), "connection", "upgrade", "upgrade", "websocket",
			"sec-websocket-version", "13", "sec-websocket-key", websocketKey)
	}
	answer := m.open("/api/v1/echo?name="+name, headers...)
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK && answer.StatusCode != http.StatusSwitchingProtocols {
		return nil, nil, fmt.Errorf("%s: status %d", name, answer.StatusCode)
	}
	arrived := make(chan int, 100)
	go func() {
		defer close(arrived)
		b := make([]byte, 64<<10)
		for {
			n, err := answer.Body.Read(b)
			if n > 0 {
				arrived <- n
			}
			if err != nil {
				return
			}
		}
	}()
	total := 0
	for range one.pieces {
		wrote := <-one.next
		last := wrote
	waiting:
		for {
			select {
			case n, ok := <-arrived:
				if !ok {
					one.next <- time.Now()
					return nil, nil, fmt.Errorf("%s: ended early", name)
				}
				total, last = total+n, time.Now()
			case <-time.After(still):
				break waiting
			}
		}
		seen, delays = append(seen, total), append(delays, last.Sub(wrote))
		one.next <- time.Now()
	}
	for n := range arrived {
		total += n
	}
	return append(seen, total), delays, nil
}

// The key and its answer of RFC 6455, 1.3.
const websocketKey, websocketAccept = "dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

// frame is a server's frame of less than 126 bytes.
func frame(first byte, text string) string { return string([]byte{first, byte(len(text))}) + text }

// oracleKinds are the streams in which an agent tries what comes behind a
// beginning of the value.
var oracleKinds = map[string]func(guess string) *teller{
	"a stream": func(guess string) *teller {
		return &teller{contentType: "text/plain", pieces: []string{strings.Repeat("=", 5000), guess, strings.Repeat("-", 30), strings.Repeat("-", 3000)}}
	},
	"events": func(guess string) *teller {
		return &teller{contentType: "text/event-stream", pieces: []string{"data: first\n\n", "data: " + guess, "\ndata: more", "\n\n"}}
	},
	"NDJSON": func(guess string) *teller {
		return &teller{contentType: "application/x-ndjson", pieces: []string{"{}\n", `{"a":"` + guess, `"}`, "\n"}}
	},
	"web socket": func(guess string) *teller {
		return &teller{pieces: []string{frame(0x81, "first"), frame(0x01, guess), frame(0, "more"), frame(0x80, "."), frame(0x82, guess)}}
	},
}

// TestNoOracle is an agent with a backend that tellers: it tries every next
// character behind every beginning of a value, and watches what comes when. A
// right guess and a wrong one come in the same pieces. It runs by itself: beside
// browsers and databases a piece may come later than the test waits for it.
func TestNoOracle(t *testing.T) {
	e := &tellers{all: map[string]*teller{}}
	m := newMasking(t, map[string]http.HandlerFunc{"/v1/echo": e.page})
	var wait sync.WaitGroup
	limit := make(chan bool, 24)
	var mu sync.Mutex
	took := map[bool][]time.Duration{}
	for kind, write := range oracleKinds {
		for n := 1; n < len(m.other); n += 3 {
			wait.Add(1)
			limit <- true
			go func() {
				defer func() { <-limit; wait.Done() }()
				// A machine that is busy joins pieces, now of the one and now of the
				// other; what depends on the guess does each time.
				var got [2][]int
				for range 3 {
					for i, guess := range []string{m.other[:n], strings.Repeat("!", n)} {
						seen, delays, err := m.watch(e, fmt.Sprintf("%.1s%d-%d", kind, n, i)+kind[2:3], write(guess))
						if err != nil {
							t.Error(err)
							return
						}
						got[i] = seen
						mu.Lock()
						took[i == 0] = append(took[i == 0], delays[len(delays)-1])
						mu.Unlock()
					}
					if slices.Equal(got[0], got[1]) {
						return
					}
				}
				t.Errorf("%s: %d characters of the value come as %v, others as %v", kind, n, got[0], got[1])
			}()
		}
	}
	wait.Wait()
	for _, all := range took {
		slices.Sort(all)
	}
	t.Logf("median delay of a piece: right guess %v, wrong guess %v", took[true][len(took[true])/2], took[false][len(took[false])/2])
}
