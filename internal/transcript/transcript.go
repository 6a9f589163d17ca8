// Package transcript makes of recorded exchanges what people and tools read: text
// for a terminal, curl lines, HAR 1.2 and the bytes of a body.
//
// What an agent or a backend wrote is untrusted. No character of it reaches a
// terminal that is not printed as itself: in text others are shown as ‹U+001B›, in a
// curl line and in HAR they are escaped. Body alone gives bytes as they are: see
// Harmless.
//
// The package reads nothing itself and decides nothing about who may read.
package transcript

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"cloakroom/internal/record"
	"cloakroom/internal/recording"
)

// Exchange is an exchange with what is recorded of it.
type Exchange struct {
	record.Exchange
	Recording *recording.Transcript // nil: see Missing
	Missing   error                 // why there is no recording: recording.ErrGone, ErrNotRecorded, …
}

// ID is the exchange's id.
func (x *Exchange) ID() string { return x.Decision.Decision.Exchange }

// began is when the exchange began.
func (x *Exchange) began() time.Time {
	if x.Recording != nil {
		return x.Recording.Began
	}
	return x.Decision.Time
}

// head is the first head of a kind; nil: none is recorded.
func (x *Exchange) head(k recording.Kind) *recording.Head {
	if e := x.first(k); e != nil {
		return e.Head
	}
	return nil
}

func (x *Exchange) first(kinds ...recording.Kind) *recording.Event {
	if x.Recording == nil {
		return nil
	}
	i := slices.IndexFunc(x.Recording.Events, func(e recording.Event) bool { return slices.Contains(kinds, e.Kind) })
	if i < 0 {
		return nil
	}
	return &x.Recording.Events[i]
}

// Early is err, which says why a recording is not there, unless that is
// recording.ErrGone before the time until which it is to be kept: then nobody may say
// that its time was over.
func Early(err error, until, now time.Time) error {
	if !errors.Is(err, recording.ErrGone) || !until.IsZero() && now.After(until) {
		return err
	}
	return early{err, until}
}

// early is the error of a recording that should be there.
type early struct {
	error
	until time.Time // zero: for ever
}

func (e early) Unwrap() error { return e.error }

func (e early) Error() string {
	kept := "for ever"
	if !e.until.IsZero() {
		kept = "until " + e.until.UTC().Format(time.DateOnly)
	}
	return "the recording is not here and is to be kept " + kept + ": it is on another machine, or somebody took it away"
}

// ErrNoBody means that nothing of the body is kept.
var ErrNoBody = errors.New("nothing of the body is kept")

// Body is what is kept of the body that the agent sent (recording.Sent) or got
// (recording.Got). Of a WebSocket it is the messages, one behind another.
func (x *Exchange) Body(side recording.Kind) ([]byte, error) {
	switch {
	case x.Missing != nil:
		return nil, x.Missing
	case x.Recording == nil:
		return nil, recording.ErrNotRecorded
	}
	sum, message := x.Recording.Got, recording.MessageGot
	if side == recording.Sent {
		sum, message = x.Recording.Sent, recording.MessageSent
	}
	body := []byte{}
	for _, e := range x.Recording.Events {
		if e.Kind == side || e.Kind == message {
			body = append(body, e.Data...)
		}
	}
	if len(body) == 0 && sum.Bytes > 0 {
		return nil, ErrNoBody
	}
	return body, nil
}

// ControlFrame is what a control frame of a WebSocket is, and says: "ping" and its
// payload, or "close 1000" and the reason.
func ControlFrame(h *recording.Head) (what, text string) {
	if h == nil || len(h.Headers) == 0 {
		return "control frame", ""
	}
	what, text = h.Headers[0].Name, h.Headers[0].Value
	if what == "close" && len(text) >= 2 {
		return fmt.Sprintf("close %d", int(text[0])<<8|int(text[1])), text[2:]
	}
	return what, text
}

// header is the first value of a header; empty: there is none.
func header(h *recording.Head, name string) string {
	if h != nil {
		for _, f := range h.Headers {
			if f.Name == name {
				return f.Value
			}
		}
	}
	return ""
}
