package exchange

import (
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/recording"
	"cloakroom/internal/replace"
	"cloakroom/internal/websocket"
)

// controls rewrites the backend's control frames, and records them.
func (x *Exchange) controls(r *replace.Rewriter) websocket.Control {
	reel := &x.reel
	if reel.tape == nil {
		return framer(r, func(string, []byte) {})
	}
	c := controls{tape: reel.tape, keep: reel.keep, now: x.deps.Now, frame: recording.Control, message: recording.MessageGot}
	return framer(r, func(name string, payload []byte) { c.put(name, payload, fresh(x.rewriters, &reel.told)) })
}

// controls rewrites the agent's control frames, and records them.
func (l *listener) controls(r *replace.Rewriter) websocket.Control {
	c := controls{tape: l.tape, keep: l.keep, now: l.now, frame: recording.ControlSent, message: recording.MessageSent}
	return framer(r, func(name string, payload []byte) { c.put(name, payload, l.fresh()) })
}

// framer rewrites what a control frame says, by a rewriter that writes as many bytes
// as it reads.
func framer(r *replace.Rewriter, put func(name string, payload []byte)) websocket.Control {
	var out []byte
	return func(name string, payload []byte) []byte {
		out = r.Append(out[:0], payload, true)
		put(name, out)
		return out
	}
}

// mostControls is how many control frames of one side are recorded of an exchange.
const mostControls = 256

// controls records what the control frames of one side say: of many the first, and
// the close. What is not kept is counted, and where there is a rule for it hashed, as if
// it stood in a message.
type controls struct {
	tape           recording.Tape
	keep           recording.Keep
	now            func() time.Time
	frame, message recording.Kind
	n              int // so far, without the close
}

func (c *controls) put(name string, payload []byte, masked map[string]int) {
	if name != "close" {
		c.n++
	}
	switch {
	case c.keep == recording.Full && (c.n <= mostControls || name == "close"):
		h := recording.Head{Headers: []access.Header{{Name: name, Value: string(payload)}}}
		c.tape.Head(c.now(), c.frame, h, masked)
	case c.keep == recording.Hash:
		c.tape.Message(c.now(), c.message, payload, true, true, masked)
	case len(payload) > 0:
		c.tape.Skipped(c.message, int64(len(payload)))
	}
}
