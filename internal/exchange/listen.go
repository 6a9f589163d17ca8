package exchange

import (
	"bytes"
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/coding"
	"cloakroom/internal/recording"
	"cloakroom/internal/replace"
	"cloakroom/internal/websocket"
)

// listener records a request's body as the agent sends it, without content codings
// and with values masked: an agent may send some that it should not know.
type listener struct {
	tape    recording.Tape
	keep    recording.Keep
	now     func() time.Time
	alarm   func(credential string)
	masks   []*replace.Rewriter
	hits    map[string]int // of masks, so far
	decoder *coding.Decoder
	body    stage              // nil: it is not what its head says
	raw     *replace.Rewriter  // of masks: what comes, before codings are taken off; nil: there are none
	came    []byte             // what raw let go last
	socket  *websocket.Reading // of a WebSocket, in the place of body
	out     []byte
	done    bool // all that comes has come
}

// listenTo makes a listener for the body that a head announces.
func (s *Snapshot) listenTo(l listener, headers []access.Header, socket bool) *listener {
	if socket {
		text, binary, control := s.masks.NewRewriter(replace.None, nil), s.masks.NewFiller(replace.None), s.masks.NewFiller(replace.None)
		l.masks = []*replace.Rewriter{text, binary, control}
		l.socket = websocket.NewReading(l.messages(text, false), l.messages(binary, true), l.controls(control))
		return &l
	}
	// Of a coding that nobody here can read there is no decoder: it is recorded as it came.
	l.decoder, _ = coding.Within(headerValues(headers, "content-encoding"), mostHeld)
	contentType := firstHeader(headers, "content-type")
	ends, prefixed := prefixesMessages(contentType)
	if prefixed {
		l.masks = []*replace.Rewriter{s.masks.NewFiller(replace.None)}
		l.body = &messages{inside: masker{l.masks[0]}, ends: ends}
	} else {
		l.masks = []*replace.Rewriter{s.masks.NewRewriter(replace.FlushFor(contentType), nil)}
		l.body = masker{l.masks[0]}
	}
	if l.decoder != nil {
		l.body = &chain{first: l.decoder, second: l.body}
		l.raw = s.masks.NewRewriter(replace.None, nil)
		l.masks = append(l.masks, l.raw)
	}
	return &l
}

// hear records the next piece of the body. Only of what are no frames of a WebSocket
// is there an error: of any other body that is not what its head says, what follows is
// recorded as it comes if it should have been coded, else counted, and there is no hash.
func (l *listener) hear(piece []byte, end bool) error {
	l.done = end
	if l.socket != nil {
		return l.socket.Read(piece, end)
	}
	if l.raw != nil { // from the beginning, since a value may begin before that is known
		l.came = l.raw.Append(l.came[:0], piece, end)
	}
	if l.body != nil {
		out, err := l.body.Append(l.out[:0], piece, end)
		if l.out = out; err == nil {
			l.piece(out)
			return nil
		}
		l.keepHeld(0)
		l.body = nil
	}
	counted := len(piece)
	if l.raw != nil {
		counted = 0
		l.piece(l.came)
	}
	l.tape.Skipped(recording.Sent, int64(counted))
	return nil
}

func (l *listener) piece(text []byte) {
	if len(text) > 0 {
		l.tape.Piece(l.now(), recording.Sent, text, l.fresh())
	}
}

// finish records what is still held back of a body that nobody hears the end of.
func (l *listener) finish() {
	if l == nil || l.done {
		return
	}
	l.done = true
	for i, r := range l.masks {
		if r != l.raw || l.body == nil {
			l.keepHeld(i)
		}
	}
}

// keepHeld records what one of masks holds back, but for the last word: that may be
// the beginning of a value. It is counted.
func (l *listener) keepHeld(i int) {
	out := l.masks[i].Append(l.out[:0], nil, true)
	word := out[lastWord(out):]
	out = out[:len(out)-len(word)]
	switch {
	case l.socket != nil && len(out) > 0:
		put(l.tape, l.keep, l.now(), recording.MessageSent, out, i == 1, false, l.fresh())
	default:
		l.piece(out)
	}
	if len(word) > 0 {
		l.tape.Skipped(recording.Sent, int64(len(word)))
	}
}

// lastWord is where the text begins that stands behind the last byte which few values
// hold, and no form of one that is written in base64, hex or escapes.
func lastWord(text []byte) int { return bytes.LastIndexAny(text, "\x00 \t\r\n\"',(){}[]<>|") + 1 }

// fresh is what was masked since it was asked last, and raises the alarm.
func (l *listener) fresh() map[string]int {
	masked := fresh(l.masks, &l.hits)
	for name := range masked {
		l.alarm(name)
	}
	return masked
}

// messages rewrites the messages of one kind, and records what has become of them.
func (l *listener) messages(r *replace.Rewriter, binary bool) websocket.Rewriter {
	return recorded{Rewriter: r, put: func(piece []byte, last bool) {
		put(l.tape, l.keep, l.now(), recording.MessageSent, piece, binary, last, l.fresh())
	}}
}

// put records a piece of a message.
func put(t recording.Tape, keep recording.Keep, at time.Time, k recording.Kind, piece []byte, binary, last bool, masked map[string]int) {
	if keep == recording.None {
		t.Skipped(k, int64(len(piece)))
		return
	}
	t.Message(at, k, piece, binary, last, masked)
}

// recorded is a rewriter of which all that it writes is put on record.
type recorded struct {
	*replace.Rewriter
	put func(piece []byte, last bool)
}

func (r recorded) Append(dst, src []byte, last bool) []byte {
	before := len(dst)
	dst = r.Rewriter.Append(dst, src, last)
	if last || len(dst) > before {
		r.put(dst[before:], last)
	}
	return dst
}

// renew has what follows searched for the values of masks too.
func (l *listener) renew(masks *replace.Set) {
	if l == nil {
		return
	}
	for _, r := range l.masks {
		r.Renew(masks)
	}
}

// close must be called when no more will come; that of nil does nothing.
func (l *listener) close() {
	if l != nil {
		l.finish()
		l.decoder.Close()
	}
}

// decodes tells whether it takes content codings off.
func (l *listener) decodes() bool { return l != nil && l.decoder != nil }

// listen makes ready to record the request's body.
func (x *Exchange) listen(h RequestHead) {
	r := &x.reel
	if r.tape == nil || r.keep == recording.None && !x.socket.asked {
		return
	}
	r.heard = x.snap.listenTo(listener{tape: r.tape, keep: r.keep, now: x.deps.Now, alarm: x.alarms.alarm}, h.Headers, x.socket.asked)
}

// unheard records how long a body says it is that is not shown here.
func (x *Exchange) unheard(h RequestHead) {
	if n := declaredLength(h.Headers); n > 0 && x.reel.tape != nil {
		x.reel.tape.Skipped(recording.Sent, n)
	}
}

// messages records what has become of the backend's messages of one kind.
func (x *Exchange) messages(r *replace.Rewriter, binary bool) websocket.Rewriter {
	reel := &x.reel
	if reel.tape == nil {
		return r
	}
	return recorded{Rewriter: r, put: func(piece []byte, last bool) {
		put(reel.tape, reel.keep, x.deps.Now(), recording.MessageGot, piece, binary, last, fresh(x.rewriters, &reel.told))
	}}
}
