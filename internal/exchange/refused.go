package exchange

import (
	"maps"
	"slices"
	"strings"
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/record"
	"cloakroom/internal/recording"
	"cloakroom/internal/replace"
)

// Ready tells why no exchange of a principal may begin now: it could not be recorded.
// Of nobody's, "", it tells why none may. toCaller is for the caller, the error for
// operators.
func (e *Engine) Ready(principal string) (toCaller string, err error) {
	if e.deps.Tapes == nil {
		return "", nil
	}
	if err := e.deps.Tapes.Ready(principal); err != nil {
		return told(err), err
	}
	return "", nil
}

// Refused records a request that was refused before it became an exchange: what is
// known of it, masked, and the answer that its caller gets. Where no exchange may begin
// the log alone tells of it: else refusals would take what is kept free.
func (e *Engine) Refused(r access.Refused) {
	if e.deps.Tapes == nil {
		return
	}
	snap, q, now := e.deps.Snapshot(), r.Request, e.deps.Now()
	end := record.End{Exchange: r.Decision.Exchange, RequestBytes: declaredLength(q.Headers),
		Set: snap.id, Phases: []record.Phase{{Name: "total", Took: now.Sub(q.Time)}}}
	if why := r.Decision.Refusal; why != nil {
		end.Code = why.Code
	}
	sent := alarms{tell: e.deps.Observer.ValueSent}
	head, masked := snap.shown(q.Method, q.Authority, q.Path, q.Headers)
	for _, name := range slices.Sorted(maps.Keys(masked)) {
		sent.alarm(name)
	}
	if e.deps.Tapes.Ready(r.Principal) != nil {
		end.Status, _, _ = r.Decision.Answer()
		end.Lost, end.Error = true, strings.Join(sent.texts(), "; ")
		e.deps.Log.Note(record.Entry{Time: now, End: &end})
		return
	}
	rule := e.deps.Rule(r.Target, r.Credentials)
	tape := e.deps.Tapes.Begin(r.Decision.Exchange, r.Principal, q.Time, rule)
	tape.Tickets(r.Tickets)
	tape.Head(q.Time, recording.Request, head, masked)
	snap.hearAll(listener{tape: tape, keep: rule.Bodies, now: func() time.Time { return q.Time }, alarm: sent.alarm}, q)
	end.Status, end.ResponseBytes = snap.recordAnswer(tape, now, r.Decision)
	end.Error = strings.Join(sent.texts(), "; ")
	tape.End(now, end)
}

// hearAll records what of a body was seen before it was refused.
func (s *Snapshot) hearAll(l listener, q *access.Request) {
	if l.keep == recording.None || len(q.Body) == 0 {
		l.tape.Skipped(recording.Sent, int64(len(q.Body)))
		return
	}
	heard := s.listenTo(l, q.Headers, false)
	defer heard.close()
	_ = heard.hear(q.Body, !q.BodyTruncated) // what cannot be read is counted
}

// recordAnswer records a refusal as its caller gets it: Envoy has its answers masked
// like any other.
func (s *Snapshot) recordAnswer(tape recording.Tape, now time.Time, d access.Decision) (status int, bytes int64) {
	status, lines, body := d.Answer()
	masked := make(map[string]int)
	for i, line := range lines {
		if name, ok := s.masks.Contains(line.Value); ok {
			masked[name]++
			lines[i].Value = s.Mask(line.Value).String()
		}
	}
	tape.Head(now, recording.Response, recording.Head{Status: status, Headers: lines}, masked)
	r := s.masks.NewRewriter(replace.None, nil)
	body = r.Append(nil, body, true)
	tape.Piece(now, recording.Got, body, r.Hits())
	return status, int64(len(body))
}
