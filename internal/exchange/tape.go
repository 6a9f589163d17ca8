package exchange

import (
	"errors"
	"maps"

	"cloakroom/internal/access"
	"cloakroom/internal/recording"
	"cloakroom/internal/replace"
)

// ErrRecord is returned by a step that could not record what it would have given
// on, where it must be recorded. The exchange must end.
var ErrRecord = errors.New("the exchange cannot be recorded")

// told is what the caller of an exchange hears that cannot be recorded.
func told(err error) string {
	if errors.Is(err, recording.ErrShare) {
		return "every exchange must be recorded here, and yours take all that one principal's recordings may; wait, send less at once, or ask the operator of this gateway for more"
	}
	return "every exchange must be recorded here, and recording is not possible now; try again, then tell the operator of this gateway"
}

// reel is what an exchange is recorded with. Its zero value records nothing.
type reel struct {
	tape    recording.Tape // nil: nothing is recorded
	keep    recording.Keep // of bodies
	tickets map[string]string
	heard   *listener      // to the request's body; nil: none comes, or it is only counted
	told    map[string]int // values masked in the answer's body so far, by credential
	failed  error          // why nothing more can be recorded
}

// unrecorded refuses an exchange that cannot be recorded.
func (x *Exchange) unrecorded() *access.Refusal {
	return x.refuse(access.Unavailable, "", "%s", told(x.reel.failed))
}

// record begins the tape of an exchange that was granted. An exchange that must be
// recorded and cannot be is refused.
func (x *Exchange) record() *access.Refusal {
	if x.deps.Tapes == nil {
		return nil
	}
	if x.reel.failed = x.deps.Tapes.Ready(x.grant.Principal); x.reel.failed != nil {
		return x.unrecorded()
	}
	names := make([]string, len(x.grant.Uses))
	for i, use := range x.grant.Uses {
		names[i] = use.Credential
	}
	rule := x.deps.Rule(x.target, names)
	x.reel = reel{tape: x.deps.Tapes.Begin(x.grant.Exchange, x.grant.Principal, x.entry.began, rule), keep: rule.Bodies}
	return nil
}

// ticket tells the tape whose lease a ticket is of, before it is recorded.
func (x *Exchange) ticket(text, lease string) {
	r := &x.reel
	if r.tape == nil || r.tickets[text] == lease {
		return
	}
	if r.tickets == nil {
		r.tickets = make(map[string]string)
	}
	r.tickets[text] = lease
	r.tape.Tickets(r.tickets)
}

// flush writes what is to be written, all of it before the last of an answer goes.
func (x *Exchange) flush(all bool) error {
	if err := x.reel.tape.Flush(x.deps.Now(), all); err != nil {
		x.reel.failed, x.entry.detail = err, err.Error()
		return ErrRecord
	}
	return nil
}

// asks records the request's head.
func (x *Exchange) asks(head recording.Head, masked map[string]int) *access.Refusal {
	if x.reel.tape == nil {
		return nil
	}
	x.reel.tape.Head(x.deps.Now(), recording.Request, head, masked)
	if x.flush(false) != nil {
		return x.unrecorded()
	}
	return nil
}

// sends records a piece of the request's body as the agent sent it.
func (x *Exchange) sends(piece []byte, end bool) error {
	r := &x.reel
	switch {
	case r.tape == nil:
		return nil
	case r.heard == nil:
		r.tape.Skipped(recording.Sent, int64(len(piece)))
	default:
		x.renew()
		if err := r.heard.hear(piece, end); err != nil {
			return err
		}
	}
	return x.flush(false)
}

// gets records a piece of the answer's body as the agent gets it, before it goes;
// last: nothing of the answer follows but what was given for the tape before.
func (x *Exchange) gets(piece []byte, last bool) error {
	r := &x.reel
	if r.tape == nil {
		return nil
	}
	switch {
	case x.socket.down != nil: // its messages are recorded where they are taken apart
	case r.keep == recording.None:
		r.tape.Skipped(recording.Got, int64(len(piece)))
	case len(piece) > 0:
		r.tape.Piece(x.deps.Now(), recording.Got, piece, fresh(x.rewriters, &r.told))
	}
	return x.flush(last)
}

// fresh is what the rewriters have masked beyond what they had before; nil: nothing.
func fresh(rewriters []*replace.Rewriter, before *map[string]int) (more map[string]int) {
	var all map[string]int
	for _, r := range rewriters {
		hits := r.Hits()
		if all == nil {
			all = hits
			continue
		}
		for name, n := range hits {
			all[name] += n
		}
	}
	if len(all) == 0 || maps.Equal(all, *before) {
		return nil
	}
	more = maps.Clone(all)
	for name, n := range *before {
		if more[name] -= n; more[name] == 0 {
			delete(more, name)
		}
	}
	*before = all
	return more
}

// getsHead records the head of the answer, or its trailers, as the agent gets them;
// last: nothing follows.
func (x *Exchange) getsHead(k recording.Kind, status int, lines []access.Header, masked map[string]int, last bool) error {
	if x.reel.tape == nil {
		return nil
	}
	x.reel.tape.Head(x.deps.Now(), k, recording.Head{Status: status, Headers: lines}, masked)
	return x.flush(last)
}

// told records a refusal that takes the answer's place. Where it cannot be, that is
// what the agent is told.
func (x *Exchange) told(r *access.Refusal) *access.Refusal {
	if r == nil || x.reel.tape == nil {
		return r
	}
	x.reel.heard.finish()
	status, headers, body := r.Answer()
	now := x.deps.Now()
	x.reel.tape.Head(now, recording.Response, recording.Head{Status: status, Headers: headers}, nil)
	x.reel.tape.Piece(now, recording.Got, body, nil)
	if x.flush(true) != nil {
		return x.unrecorded()
	}
	return r
}
