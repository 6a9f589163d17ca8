package console

import (
	"slices"
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

func (r room) none() bool { return r.blocks == 0 || r.bytes <= 0 }

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

	head   int // bytes of Line and Fields, as they were said
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
	whatControl  = "control frame"
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

// saidIn shows what was said in an exchange on an axis, and takes of the room.
func saidIn(a axis, x transcript.Exchange, left *room) said {
	t := x.Recording
	s := scribe{axis: a, began: t.Began, used: x.Used()}
	for _, e := range t.Events {
		s.take(e)
	}
	out := said{Sent: t.Sent, Got: t.Got, Complete: t.Complete}
	for i, b := range s.all {
		if left.none() {
			out.Rest = len(s.all) - i
			break
		}
		left.blocks--
		left.bytes -= b.head + min(len(b.data), mostText)
		out.Blocks = append(out.Blocks, s.finish(b))
		out.Length = max(out.Length, b.At)
	}
	return out
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
		b.Body, b.data = &c, nil
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
