package recording

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"maps"
	"strings"
	"sync"
	"time"

	"cloakroom/internal/access"
)

// kindEnd is the line that a whole tape ends with.
const kindEnd Kind = "end"

const (
	// pieceMax is how much of a body one event holds at most, in bytes.
	pieceMax = 1 << 20
	// bareMax is how many events without data a tape has at most: they tell of
	// masks where nothing is kept, and of empty messages.
	bareMax = 256
)

// side is one way of an exchange.
type side struct {
	sum     hash.Hash
	hashed  bool // something was put in sum
	skipped bool // something was not
	bytes   int64
	kept    int64
	stream  stream
}

// writer writes one tape.
type writer struct {
	r        *Recorder
	share    *share // of who is recorded
	exchange string
	began    time.Time
	rule     Rule
	scrub    scrubber

	mu      sync.Mutex // the recorder writes what grew old
	line    line       // of the next part
	own     []byte     // text of the event that is being written
	current int        // its number
	events  int        // that began
	bare    int        // of these, without data
	sent    side
	got     side
	changed bool          // since the end was written last
	oldest  time.Duration // of what is not written; -1: there is nothing
	parts   []*part
	plain   hash.Hash // of what the parts are, unsealed
	counted int64     // bytes, in the recorder's memory
	failed  error
}

func newWriter() *writer {
	w := &writer{plain: sha256.New()}
	w.sent.sum, w.got.sum = sha256.New(), sha256.New()
	return w
}

// reset makes w that of a new tape.
func (w *writer) reset(r *Recorder, s *share, exchange string, began time.Time, rule Rule) {
	const keep = 64 << 10
	for _, way := range []*side{&w.sent, &w.got} {
		way.sum.Reset()
		*way = side{sum: way.sum, stream: stream{held: way.stream.held[:0], owners: way.stream.owners[:0]}}
	}
	if cap(w.line.buf) > keep {
		w.line.buf = nil
	}
	w.r, w.share, w.exchange, w.began, w.rule = r, s, exchange, began, rule
	w.scrub = scrubber{key: r.markKey, named: r.o.Named}
	w.line.buf, w.own = w.line.buf[:0], w.own[:0]
	w.events, w.bare, w.current, w.changed, w.oldest = 0, 0, -1, true, -1
	w.parts, w.counted, w.failed = nil, 0, nil
	w.plain.Reset()
}

func (w *writer) tickets(leases map[string]string) {
	if w.scrub.leases == nil {
		w.scrub.leases = make(map[string]string, len(leases))
	}
	for text, id := range leases {
		if i := strings.Index(text, "ckr_"); i >= 0 {
			w.scrub.leases[text[i:]] = id
		}
	}
	maps.DeleteFunc(w.scrub.leases, func(_, id string) bool { return id == "" })
}

// salt is what a tape begins with, so that nobody who knows the hash of all of it can
// try what was said, once it is deleted.
func salt() string {
	var b [16]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// begin makes sure that there is a part to write to, and notes the time.
func (w *writer) begin(at time.Time) time.Duration {
	since := max(0, at.Sub(w.began))
	if len(w.line.buf) == 0 {
		w.line.open()
		w.line.number("v", 1)
		w.line.text("exchange", w.exchange)
		w.line.number("part", int64(len(w.parts)))
		w.line.text("began", w.began.UTC().Format(time.RFC3339Nano))
		w.line.text("bodies", string(w.rule.Bodies))
		if len(w.parts) == 0 {
			w.line.text("salt", salt())
		}
		w.line.close()
		w.oldest = since
	}
	w.changed = true
	return since
}

func (w *writer) head(at time.Time, k Kind, h Head, masked map[string]int) {
	if w.failed != nil {
		return
	}
	since := w.begin(at)
	w.events++
	l := &w.line
	l.open()
	l.at(since)
	l.text("kind", string(k))
	l.text("method", w.scrub.text(h.Method))
	l.text("authority", w.scrub.text(h.Authority))
	l.text("path", w.scrub.text(h.Path))
	if h.Status != 0 {
		l.number("status", int64(h.Status))
	}
	l.headers(h.Headers, w.header)
	l.masked(masked)
	l.close()
	w.account()
}

// header is what is kept of a header.
func (w *writer) header(h access.Header) (name, value string) {
	if h.Name == "authorization" || h.Name == "proxy-authorization" {
		return h.Name, w.scrub.credentials(h.Value)
	}
	return w.scrub.text(h.Name), w.scrub.text(h.Value)
}

// content is a piece of a body or of a message.
type content struct {
	kind   Kind
	data   []byte
	binary bool
	more   bool
	ends   bool // a message
	masked map[string]int
}

// content takes a piece of the body, or of a message.
func (w *writer) content(at time.Time, c content) {
	if w.failed != nil {
		return
	}
	s := w.side(c.kind)
	w.changed = true
	s.bytes += int64(len(c.data))
	if w.rule.Bodies != None && !s.skipped {
		s.hashed = true
		s.sum.Write(c.data)
	}
	limit := w.rule.Limit
	if w.rule.Bodies != Full {
		limit = 0
	}
	cut := int64(len(c.data)) > limit-s.kept
	c.data = c.data[:max(0, min(int64(len(c.data)), limit-s.kept))]
	s.kept += int64(len(c.data))
	whole := c.ends
	for len(c.data) > pieceMax {
		first := c
		first.data, first.more, first.ends, first.masked = c.data[:pieceMax], c.ends || c.more, false, nil
		w.event(at, s, first, false)
		c.data = c.data[pieceMax:]
	}
	c.ends = whole
	if len(c.data) == 0 {
		says := len(c.masked) > 0 || c.ends && !cut
		if !says || w.bare == bareMax {
			return
		}
		w.bare++
	}
	w.event(at, s, c, cut)
}

// event writes an event with what can be let go of its data.
func (w *writer) event(at time.Time, s *side, c content, cut bool) {
	since := w.begin(at)
	w.current, w.own = w.events, w.own[:0]
	w.events++
	s.stream.feed(&w.scrub, w.current, c.data, w.let)
	if cut {
		s.stream.force(&w.scrub, w.let)
	}
	if c.ends {
		s.stream.settle(&w.scrub, w.let)
	}
	l := &w.line
	l.open()
	l.at(since)
	l.text("kind", string(c.kind))
	l.flag("binary", c.binary)
	l.flag("more", c.more)
	l.masked(c.masked)
	l.closeWith(w.own)
	w.current = -1
	w.account()
}

// let is the sink of both streams.
func (w *writer) let(event int, text []byte) {
	if event == w.current {
		w.own = append(w.own, text...)
		return
	}
	w.line.open()
	w.line.number("of", int64(event))
	w.line.closeWith(text)
}

func (w *writer) side(k Kind) *side {
	if k.Agents() {
		return &w.sent
	}
	return &w.got
}

// finish lets go of everything and writes the tape's end.
func (w *writer) finish(at time.Time) {
	since := w.begin(at)
	w.sent.stream.force(&w.scrub, w.let)
	w.got.stream.force(&w.scrub, w.let)
	l := &w.line
	l.open()
	l.at(since)
	l.text("kind", string(kindEnd))
	l.sum("sent", w.sent.total())
	l.sum("got", w.got.total())
	l.close()
	w.changed = false
	w.account()
}

func (s *side) total() Sum {
	t := Sum{Bytes: s.bytes, Kept: s.kept}
	if s.hashed && !s.skipped {
		s.sum.Sum(t.SHA256[:0])
	}
	return t
}

// account tells the recorder how much of its memory the tape takes.
func (w *writer) account() {
	const grain = 4 << 10
	n := int64(len(w.line.buf) + len(w.sent.stream.held) + len(w.got.stream.held))
	if d := n - w.counted; d >= grain || d <= -grain {
		w.r.take(w.share, d)
		w.counted = n
	}
}
