package console

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"cloakroom/internal/recording"
	"cloakroom/internal/transcript"
)

// scribe makes blocks of events.
type scribe struct {
	axis   axis
	began  time.Time
	used   []transcript.Used
	all    []*block
	sent   *block // the agent's body; nil: none yet
	got    *block // the other's; of an event stream, the event that has not ended
	stream bool   // the agent gets an event stream
}

func (s *scribe) take(e recording.Event) {
	switch e.Kind {
	case recording.Request, recording.Response, recording.Trailers, recording.Control, recording.ControlSent:
		s.head(e)
	case recording.Sent:
		s.sent = s.piece(s.sent, e, whatBody)
	case recording.Got:
		if s.stream {
			s.events(e)
		} else {
			s.got = s.piece(s.got, e, whatBody)
		}
	case recording.MessageSent, recording.MessageGot:
		s.piece(nil, e, whatMessage)
	}
}

// begin begins the block of an event.
func (s *scribe) begin(e recording.Event, what string) *block {
	b := &block{At: s.axis.since(s.began.Add(e.At)), What: what, binary: e.Binary, masks: make(map[string]int),
		Agent: e.Kind.Agents()}
	s.all = append(s.all, b)
	return b
}

// piece adds a piece to a block; nil: to a new one.
func (s *scribe) piece(b *block, e recording.Event, what string) *block {
	if b == nil {
		b = s.begin(e, what)
	}
	b.data = append(b.data, e.Data...)
	b.mask(e.Masked)
	return b
}

func (b *block) mask(more map[string]int) {
	for name, n := range more {
		b.masks[name] += n
	}
}

// events takes a piece of an event stream apart, line by line. An event has the
// time of the piece that it ended in: then the agent could read it.
func (s *scribe) events(e recording.Event) {
	masked := e.Masked
	for data := e.Data; len(data) > 0; {
		n := bytes.IndexByte(data, '\n') + 1
		if n == 0 {
			n = len(data)
		}
		if s.got == nil {
			s.got = s.begin(e, whatEvent)
		}
		s.got.At = s.axis.since(s.began.Add(e.At))
		s.got.mask(masked)
		masked = nil
		s.got.data = append(s.got.data, data[:n]...)
		if blankEnd(s.got.data) {
			s.got = nil
		}
		data = data[n:]
	}
}

// blankEnd tells whether the last line of data, which ends with it, is empty.
func blankEnd(data []byte) bool {
	last, ended := bytes.CutSuffix(data, []byte{'\n'})
	if !ended { // the line may be long, and come byte by byte
		return false
	}
	last = last[bytes.LastIndexByte(last, '\n')+1:]
	return len(last) == 0 || string(last) == "\r"
}

var heads = map[recording.Kind]string{recording.Request: whatRequest, recording.Response: whatResponse, recording.Trailers: whatTrailers,
	recording.Control: whatControl, recording.ControlSent: whatControl}

func (s *scribe) head(e recording.Event) {
	h := e.Head
	if h == nil {
		return
	}
	b := s.begin(e, heads[e.Kind])
	b.mask(e.Masked)
	b.head = len(h.Method) + len(h.Path) + len(h.Authority)
	switch e.Kind {
	case recording.Request:
		b.Line = runs(h.Method+" "+h.Path, true, s.kindAt(b, inTarget))
		b.Fields = append(b.Fields, field{"host", runs(h.Authority, true, s.kindAt(b, nowhere))})
	case recording.Response:
		b.Line = runs(fmt.Sprint(h.Status), true, s.kindAt(b, nowhere))
		s.stream = s.got == nil && eventStream(h)
	}
	if b.What == whatControl {
		name, text := transcript.ControlFrame(h)
		b.head = len(name) + len(text)
		b.Fields = append(b.Fields, field{plain(name), runs(text, true, s.kindAt(b, nowhere))})
		return
	}
	for _, l := range h.Headers {
		b.head += len(l.Name) + len(l.Value)
		b.Fields = append(b.Fields, field{plain(l.Name), runs(l.Value, true, s.kindAt(b, inHeader(l.Name)))})
	}
}

func eventStream(h *recording.Head) bool {
	for _, l := range h.Headers {
		if kind, _, _ := strings.Cut(l.Value, ";"); l.Name == "content-type" && strings.EqualFold(strings.TrimSpace(kind), "text/event-stream") {
			return true
		}
	}
	return false
}
