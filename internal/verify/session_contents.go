package verify

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"cloakroom/internal/record"
	"cloakroom/internal/recording"
)

// recording reads what was recorded and searches it.
func (a *sessionAudit) recording(ctx context.Context, x *exchange) {
	e := x.end.entry.End
	if e.Lost {
		a.report.Lost++
	}
	if len(e.Recording) == 0 {
		a.report.Off++
		a.trust(e, e.ResponseBytes)
		return
	}
	t, err := a.Replicas[x.end.replica].Packs.Read(ctx, x.id, e.Recording)
	act, toErase := a.erased[x.id]
	if toErase {
		a.uses(&act)
	}
	switch {
	case toErase && errors.Is(err, recording.ErrErased):
		a.report.Erased++
		a.trust(e, e.ResponseBytes)
	case toErase && errors.Is(err, recording.ErrBroken):
		a.report.ToErase++
		a.trust(e, e.ResponseBytes)
	case errors.Is(err, recording.ErrGone) && !e.Until.IsZero() && a.Now.After(e.Until):
		a.report.Expired++
		a.trust(e, e.ResponseBytes)
	case errors.Is(err, recording.ErrErased), errors.Is(err, recording.ErrBroken):
		a.found(x.end.finding(Changed, err.Error()))
	case errors.Is(err, recording.ErrKey):
		a.report.Sealed++
		a.trust(e, e.ResponseBytes)
		a.found(x.end.finding(Sealed, err.Error()))
	case err != nil:
		a.found(x.end.finding(Unrecorded, err.Error()))
	default:
		if toErase {
			a.report.ToErase++
		}
		a.transcript(x, t)
	}
}

// trust counts bytes that reached the agent and were not searched anew.
func (j *judgement) trust(e *record.End, n int64) {
	if n <= 0 {
		return
	}
	j.report.Trusted += n
	if e.Set != "" {
		j.report.Sets = append(j.report.Sets, strings.Split(e.Set, ",")...)
	}
}

// transcript searches all that is recorded of an exchange.
func (j *judgement) transcript(x *exchange, t recording.Transcript) {
	j.report.Recorded++
	e := x.end.entry.End
	if t.Got.Kept < t.Got.Bytes {
		j.report.Partly++
	}
	j.trust(e, unshown(e, t))
	if t.Exchange != x.id {
		j.found(x.end.finding(Changed, "it is the recording of another exchange"))
	}
	if !t.Complete && !e.Lost && e.Error == "" {
		j.found(x.end.finding(Changed, "it has no end"))
	}
	for _, p := range passages(t) {
		what := Kept
		if p.got {
			what = Leak
			j.report.Searched += p.bytes
		} else {
			j.report.Sent += p.bytes
		}
		j.search(x.end, what, p)
	}
	j.sum(x, "request body", t.Sent, t.Events, recording.Sent, recording.MessageSent)
	j.sum(x, "response body", t.Got, t.Events, recording.Got, recording.MessageGot)
}

// unshown is how many bytes of the body that reached the agent the recording does not
// show: those beyond what is kept, and the tokens in whose place a mark stands.
func unshown(e *record.End, t recording.Transcript) int64 {
	text, all := joined(t.Events, recording.Got, recording.MessageGot), t.Got.Bytes
	if !t.Complete { // the sums stand at the end
		all = e.ResponseBytes
	}
	shown := len(tokenMark.ReplaceAll(ticketMark.ReplaceAll(text, ticketSuffix), nil))
	return all - int64(shown)
}

// The marks in recordings, see package recording, and what stood in a ticket's place.
var (
	tokenMark    = regexp.MustCompile(`\[token [0-9a-f]{16}\]`)
	ticketMark   = regexp.MustCompile(`\[ticket( [0-9a-z]{26})?\]`)
	ticketSuffix = bytes.Repeat([]byte{'t'}, 26)
)

// search looks for values in a passage of p's exchange, and returns how many it found.
func (j *judgement) search(p *place, w What, in passage) int {
	if j.values == nil {
		return 0
	}
	hits := j.values.Find(in.text)
	j.hits += len(hits)
	for i, h := range hits {
		if len(j.report.Findings) >= findingsMax { // to say where each is takes time
			j.report.Found += len(hits) - i
			break
		}
		f := p.finding(w, "")
		f.Credential, f.Form = h.Credential, h.Kind.String()
		f.Where, f.Start, f.End = in.place(h.Start), h.Start, h.End
		j.found(f)
	}
	return len(hits)
}

// sum compares what is kept of a body with what the recording says of it. Where a
// ticket or a token was marked, the hash cannot be made anew.
func (j *judgement) sum(x *exchange, where string, s recording.Sum, events []recording.Event, kinds ...recording.Kind) {
	text := joined(events, kinds...)
	if s.Kept < s.Bytes || s.SHA256 == (record.Hash{}) || bytes.Contains(text, []byte("[ticket")) || bytes.Contains(text, []byte("[token")) {
		return
	}
	if int64(len(text)) != s.Bytes || sha256.Sum256(text) != s.SHA256 {
		f := x.end.finding(Changed, "it is not what its hash says")
		f.Where = where
		j.found(f)
	}
}

// passage is a text that is searched by itself.
type passage struct {
	where string
	text  []byte
	got   bool  // it reached the agent
	bytes int64 // to be counted; 0: they are part of another passage
	head  bool  // lines "name: value"
}

// place says where a byte stands.
func (p passage) place(at int) string {
	if !p.head {
		return p.where
	}
	line := p.text[bytes.LastIndexByte(p.text[:at], '\n')+1:]
	name, _, _ := bytes.Cut(line, []byte(": "))
	if at < len(p.text)-len(line)+len(name) { // the name may be the value
		return p.where + ", a name"
	}
	return fmt.Sprintf("%s, %s", p.where, name)
}

// passages are the texts of a recording: heads, trailers, whole bodies, messages
// one by one, and all messages one behind another.
func passages(t recording.Transcript) (all []passage) {
	whole := func(where string, got bool, kind recording.Kind) {
		if text := joined(t.Events, kind); len(text) > 0 {
			all = append(all, passage{where: where, text: text, got: got, bytes: int64(len(text))})
		}
	}
	n := 0
	for _, e := range t.Events {
		got := !e.Kind.Agents()
		switch {
		case e.Head != nil:
			text := headText(e.Head)
			all = append(all, passage{where: names[e.Kind], text: text, got: got, bytes: int64(len(text)), head: true})
		case e.Kind == recording.MessageGot || e.Kind == recording.MessageSent:
			n++
			all = append(all, passage{where: fmt.Sprintf("message %d", n), text: e.Data, got: got})
		}
	}
	whole("request body", false, recording.Sent)
	whole("messages that were sent", false, recording.MessageSent)
	whole("response body", true, recording.Got)
	whole("messages", true, recording.MessageGot)
	return all
}

var names = map[recording.Kind]string{recording.Request: "request head", recording.Response: "response head", recording.Trailers: "trailers",
	recording.Control: "control frame", recording.ControlSent: "control frame that was sent"}

func headText(h *recording.Head) []byte {
	var b bytes.Buffer
	if h.Method+h.Authority+h.Path != "" {
		fmt.Fprintf(&b, ":method: %s\n:authority: %s\n:path: %s\n", h.Method, h.Authority, h.Path)
	}
	for _, line := range h.Headers {
		fmt.Fprintf(&b, "%s: %s\n", line.Name, line.Value)
	}
	return b.Bytes()
}

// joined is the data of the events of some kinds, one behind another.
func joined(events []recording.Event, kinds ...recording.Kind) (text []byte) {
	for _, e := range events {
		for _, k := range kinds {
			if e.Kind == k {
				text = append(text, e.Data...)
			}
		}
	}
	return text
}
