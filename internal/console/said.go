package console

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/record"
	"cloakroom/internal/recording"
	"cloakroom/internal/transcript"
)

// What of contents a page shows, of all exchanges on it.
const (
	mostBlocks = 2000
	mostShown  = 1 << 20 // bytes
)

// room is what a page has room for.
type room struct{ blocks, bytes int }

// said is a transcript as a page shows it: blocks in the order in which they began.
type said struct {
	Blocks    []block
	Rest      int // blocks that are not shown
	Sent, Got recording.Sum
	Complete  bool
	Length    time.Duration // until the last block
}

// block is a head, a body, an event of an event stream, or a message.
type block struct {
	At     time.Duration // since the axis began
	Agent  bool          // the agent sent it; else it got it
	What   string
	Line   []run // of a head
	Fields []field
	Body   *content       // of the others
	Used   []string       // credentials whose value took a placeholder's place in it, and where
	Masked []record.Count // values that were masked in it, by credential

	data   []byte
	binary bool
	masks  map[string]int
}

// field is a header line.
type field struct {
	Name  string
	Value []run
}

// What a block is.
const (
	whatRequest  = "request"
	whatResponse = "response"
	whatTrailers = "trailers"
	whatBody     = "body"
	whatEvent    = "event"
	whatMessage  = "message"
)

// places tells which locations are meant.
type places func(access.Location) bool

func inTarget(at access.Location) bool { return at.Kind == access.InPath || at.Kind == access.InQuery }

func inHeader(name string) places {
	return func(at access.Location) bool {
		return at.Kind == access.InHeader && at.Name == name || at.Kind == access.InCookie && name == "cookie"
	}
}

func nowhere(access.Location) bool { return false }

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

// saidIn shows what was said in an exchange on an axis, and takes of the room.
func saidIn(a axis, x transcript.Exchange, left *room) said {
	t := x.Recording
	s := scribe{axis: a, began: t.Began, used: x.Used()}
	for _, e := range t.Events {
		s.take(e)
	}
	out := said{Sent: t.Sent, Got: t.Got, Complete: t.Complete}
	for i, b := range s.all {
		if left.blocks == 0 || left.bytes <= 0 {
			out.Rest = len(s.all) - i
			break
		}
		left.blocks--
		left.bytes -= min(len(b.data), mostText)
		out.Blocks = append(out.Blocks, s.finish(b))
		out.Length = max(out.Length, b.At)
	}
	return out
}

func (s *scribe) take(e recording.Event) {
	switch e.Kind {
	case recording.Request, recording.Response, recording.Trailers:
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
		Agent: e.Kind == recording.Request || e.Kind == recording.Sent || e.Kind == recording.MessageSent}
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
	last = last[bytes.LastIndexByte(last, '\n')+1:]
	return ended && (len(last) == 0 || string(last) == "\r")
}

func (s *scribe) head(e recording.Event) {
	h := e.Head
	if h == nil {
		return
	}
	b := s.begin(e, map[recording.Kind]string{recording.Request: whatRequest, recording.Response: whatResponse, recording.Trailers: whatTrailers}[e.Kind])
	b.mask(e.Masked)
	switch e.Kind {
	case recording.Request:
		b.Line = runs(h.Method+" "+h.Path, true, s.kindAt(b, inTarget))
		b.Fields = append(b.Fields, field{"host", runs(h.Authority, true, s.kindAt(b, nowhere))})
	case recording.Response:
		b.Line = runs(fmt.Sprint(h.Status), true, s.kindAt(b, nowhere))
		s.stream = s.got == nil && eventStream(h)
	}
	for _, l := range h.Headers {
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

// finish shows what was gathered in a block.
func (s *scribe) finish(b *block) block {
	b.Masked = record.Counts(b.masks)
	here := places(nowhere)
	switch b.What {
	case whatRequest:
		here = func(at access.Location) bool { return !at.InFields() && !at.InMessages() }
	case whatBody:
		here = access.Location.InFields
	case whatMessage:
		here = access.Location.InMessages
	}
	if b.Agent {
		b.Used = s.usedAt(here)
	}
	if b.What == whatBody || b.What == whatEvent || b.What == whatMessage {
		c := contentOf(b.data, b.binary, s.kindAt(b, here))
		b.Body = &c
	}
	return *b
}

// kindAt says what a placeholder in a block is: where the agent sent it to a place
// at which a value took its place, used, else inert; in what the agent got, where
// a value was masked in the block, that mask.
func (s *scribe) kindAt(b *block, here places) func(credential string) string {
	return func(credential string) string {
		switch {
		case !b.Agent && b.masks[credential] > 0:
			return "masked"
		case b.Agent && slices.ContainsFunc(s.used, func(u transcript.Used) bool { return u.Credential == credential && here(u.At) }):
			return "used"
		}
		return "inert"
	}
}

// usedAt are the uses at places.
func (s *scribe) usedAt(here places) (all []string) {
	for _, u := range s.used {
		if here(u.At) {
			all = append(all, plain(u.Credential)+" in "+plain(u.At))
		}
	}
	return all
}
