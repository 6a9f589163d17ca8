package transcript

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/record"
	"cloakroom/internal/recording"
)

// Limit is how many bytes of a body are shown where nothing else is said.
const Limit = 8 << 10

// Write writes an exchange as text: who, what was decided and why, what the agent
// sent (">") and got ("<"), with « marks » in lines of their own where a placeholder
// was used and where a value was masked. Of a body, event or message at most limit bytes are shown; 0:
// all that is kept.
func Write(w io.Writer, x *Exchange, limit int) error {
	p := &printer{w: bufio.NewWriter(w), limit: limit}
	for _, m := range x.joined() {
		p.moment(m)
	}
	p.line("")
	return p.w.Flush()
}

// WriteMoment writes one moment of an exchange, as Write does.
func WriteMoment(w io.Writer, m Moment, limit int) error {
	p := &printer{w: bufio.NewWriter(w), limit: limit}
	p.moment(m)
	return p.w.Flush()
}

// printer writes text. Its writer keeps the first error.
type printer struct {
	w     *bufio.Writer
	limit int
}

// line writes one line of ours; arguments are made visible before.
func (p *printer) line(format string, args ...any) {
	fmt.Fprintf(p.w, format+"\n", args...)
}

func (p *printer) moment(m Moment) {
	switch {
	case m.Event != nil:
		p.event(m.Exchange, *m.Event)
	case m.Last:
		p.end(m.Exchange)
	default:
		p.decision(m.Exchange)
	}
}

// stamp has the form of the log's times.
const stamp = "2006-01-02T15:04:05.000000Z"

func (p *printer) decision(x *Exchange) {
	d := x.Decision.Decision
	p.line("exchange %s  %s", Visible(d.Exchange), x.Decision.Time.UTC().Format(stamp))
	by := access.Principal{Issuer: d.Issuer, Subject: d.Subject}.ID()
	if by == "" {
		by = "nobody"
	}
	if d.Ticket {
		by += " (by ticket)"
	}
	p.line("  by       %s  session %s  from %s", Visible(by), Visible(d.Session), Visible(d.Source))
	for _, name := range d.Tokens {
		p.line("  token    taken out of %s", Visible(name))
	}
	p.line("  request  %s %s%s", Visible(d.Method), Visible(d.Host), Visible(d.Path))
	p.line("  decision %s  policy %s", Visible(decided(d)), Visible(d.Revision))
	for _, u := range d.Uses {
		p.line("  lease    %s  %s at %s  until %s", Visible(u.Lease), Visible(u.Credential), Visible(u.Location), u.LeaseEnds.UTC().Format(time.RFC3339))
	}
	for _, s := range d.Seen {
		p.line("  inert    %s at %s", Visible(s.Placeholder.Text), Visible(s.Location))
	}
	if x.Recording == nil {
		p.line("  recorded %s", Visible(x.missing()))
	}
}

func decided(d *record.Decision) string {
	text := d.Outcome.String()
	if d.Code != "" {
		text += " (" + string(d.Code) + ")"
	}
	if d.Reason != "" {
		text += ": " + d.Reason
	}
	return text
}

func (x *Exchange) missing() string {
	if x.Missing != nil {
		return x.Missing.Error()
	}
	return recording.ErrNotRecorded.Error()
}

func (p *printer) end(x *Exchange) {
	e := x.End.End
	p.line("  end      status %d  sent %s  got %s", e.Status, x.size(recording.Sent), x.size(recording.Got))
	if e.Code != "" || e.Error != "" {
		p.line("  error    %s", Visible(strings.TrimSpace(string(e.Code)+" "+e.Error)))
	}
	if e.Lost {
		p.line("  lost     a part of the recording could not be written")
	}
	if x.Recording != nil && !x.Recording.Complete {
		p.line("  lost     the recording has no end")
	}
}

// size is how long a body was, and how much of it is kept.
func (x *Exchange) size(side recording.Kind) string {
	var sum recording.Sum
	switch {
	case x.Recording == nil && side == recording.Sent:
		return fmt.Sprintf("%d bytes", x.End.End.RequestBytes)
	case x.Recording == nil:
		return fmt.Sprintf("%d bytes", x.End.End.ResponseBytes)
	case side == recording.Sent:
		sum = x.Recording.Sent
	default:
		sum = x.Recording.Got
	}
	if sum.Kept < sum.Bytes {
		return fmt.Sprintf("%d bytes (%d kept)", sum.Bytes, sum.Kept)
	}
	return fmt.Sprintf("%d bytes", sum.Bytes)
}

// event writes what the agent sent or got.
func (p *printer) event(x *Exchange, e recording.Event) {
	arrow := "<"
	if e.Kind.Agents() {
		arrow = ">"
	}
	switch {
	case e.Kind == recording.Control || e.Kind == recording.ControlSent:
		what, text := ControlFrame(e.Head)
		if text != "" {
			what += ": " + text
		}
		p.line("%s [+%s] %s", arrow, seconds(e.At), Visible(what))
	case e.Head != nil:
		p.head(x, arrow, e)
	case e.Kind == recording.MessageSent || e.Kind == recording.MessageGot:
		p.line("%s [+%s] message of %d bytes", arrow, seconds(e.At), len(e.Data))
		p.data(arrow, e)
	default:
		if e.Kind == recording.Got && x.streamed() {
			p.line("%s [+%s]", arrow, seconds(e.At))
		}
		p.data(arrow, e)
	}
	p.used(x, e)
	if len(e.Masked) > 0 {
		p.line("  « masked here: %s »", Visible(counts(e.Masked)))
	}
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.6fs", d.Seconds()) }

func counts(masked map[string]int) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(masked)) {
		parts = append(parts, fmt.Sprintf("%s ×%d", name, masked[name]))
	}
	return strings.Join(parts, ", ")
}

func (p *printer) head(x *Exchange, arrow string, e recording.Event) {
	switch h := e.Head; e.Kind {
	case recording.Request:
		p.line("%s %s %s", arrow, Visible(h.Method), Visible(h.Path))
		p.mark(x, inTarget)
		p.line("%s :authority: %s", arrow, Visible(h.Authority))
	case recording.Response:
		p.line("%s %d  [+%s]", arrow, h.Status, seconds(e.At))
	}
	for _, f := range e.Head.Headers {
		p.line("%s %s: %s", arrow, Visible(f.Name), Visible(f.Value))
		if e.Kind == recording.Request {
			p.mark(x, inHeader(f.Name))
		}
	}
	p.line("%s", arrow)
}

// data writes a piece of a body, or a message.
func (p *printer) data(arrow string, e recording.Event) {
	data := e.Data
	if p.limit > 0 && len(data) > p.limit {
		data = data[:p.limit]
	}
	lines := dump(data)
	if isText(data) && !e.Binary {
		lines = Lines(string(data))
	}
	for _, l := range lines {
		p.line("%s %s", arrow, l)
	}
	if more := len(e.Data) - len(data); more > 0 {
		p.line("%s … and %d bytes more", arrow, more)
	}
}
