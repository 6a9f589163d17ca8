package console

import (
	"io"
	"net/http"
	"time"
)

const (
	streamsEach = 4  // that one person may have open
	streamsAll  = 64 // in all
	heartbeat   = 15 * time.Second
	writeWait   = 5 * time.Second // for a reader that does not read
)

// open counts one more stream of who, if there may be one.
func (s *streams) open(who string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all >= streamsAll || s.by[who] >= streamsEach {
		return false
	}
	s.all++
	s.by[who]++
	return true
}

func (s *streams) close(who string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all--
	if s.by[who]--; s.by[who] == 0 {
		delete(s.by, who)
	}
}

// events sends "changed" whenever a lease or a bar changed, until the session
// ends. It says no more: the page asks anew for what its reader may see.
func (c *Console) events(w http.ResponseWriter, r *http.Request, v visit) error {
	who := v.Who.ID()
	if !c.streams.open(who) {
		return errTooMany
	}
	defer c.streams.close(who)
	changed, stop := c.Changes()
	defer stop()
	end := time.NewTimer(v.until().Sub(c.now()))
	defer end.Stop()
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	// What the server gives a request to be read would end the stream with it.
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{}) // a test's has none
	w.Header().Set("content-type", "text/event-stream")
	w.Header().Set("x-accel-buffering", "no") // nginx would keep it
	// Asked for anew at once, the page misses nothing that changed meanwhile.
	for text := "retry: 2000\nevent: changed\ndata:\n\n"; c.send(w, text); {
		select {
		case <-changed:
			text = "event: changed\ndata:\n\n"
		case <-beat.C:
			text = ":\n\n"
		case <-end.C:
			c.send(w, "event: ended\ndata:\n\n")
			return nil
		case <-r.Context().Done():
			return nil
		case <-c.Done:
			return nil
		}
	}
	return nil
}

// send writes and flushes, and tells whether the reader is still there.
func (c *Console) send(w http.ResponseWriter, text string) bool {
	control := http.NewResponseController(w)
	_ = control.SetWriteDeadline(time.Now().Add(writeWait)) // likewise
	_, err := io.WriteString(w, text)
	return err == nil && control.Flush() == nil
}
