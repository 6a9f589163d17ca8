package verify

import (
	"context"
	"errors"
	"io"
	"maps"
	"slices"
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/record"
	"cloakroom/internal/recording"
	"cloakroom/internal/search"
)

// Replica is one replica's log, with what was recorded beside it.
type Replica struct {
	Dir   string // of the log
	Packs Packs
	// Book says what the fingerprints beside the log are, by number of lines; see
	// search.ReadBook.
	Book []search.Head
	Torn error // why not all of the fingerprints could be read; nil: they were
}

// Packs reads what was recorded. *recording.Packs is one.
type Packs interface {
	recording.Reader
	// Blob reads what an entry other than an end names.
	Blob(ctx context.Context, parts []record.Part) ([]byte, error)
}

// Sessions is what sessions are verified with. What may be nil says so; all else
// is required.
type Sessions struct {
	Replicas []Replica
	Search   *search.Search // for every value that is or was in force
	Now      time.Time
	// Want tells which exchanges are verified; nil: all.
	Want func(d *record.Decision, at time.Time) bool
	// Line hears of every line that the report rests on, each once, log by log in
	// their order; nil: nobody does.
	Line func(log string, l record.Line) error
}

// Verify joins the entries of the wanted exchanges over all logs, searches what
// was recorded of them, and judges what was substituted by the leases and rules
// of the time. What is wrong is a finding, not an error. It takes memory for each
// wanted exchange's id, and for all of those whose end stands in another log.
func (s Sessions) Verify(ctx context.Context) (SessionReport, error) {
	if len(s.Replicas) == 0 || s.Search == nil || s.Now.IsZero() {
		return SessionReport{}, errors.New("verifying sessions: logs, a search and a time are required")
	}
	a := &sessionAudit{Sessions: s, history: newHistory(), exchanges: map[string]*exchange{}, later: map[string]bool{}}
	if err := a.measure(); err != nil {
		return SessionReport{}, err
	}
	for _, each := range []func(context.Context, place) error{a.remember, a.join} {
		for i := range s.Replicas {
			if err := a.read(ctx, i, each); err != nil {
				return SessionReport{}, err
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(a.exchanges)) {
		if x := a.exchanges[id]; !x.judged {
			a.judge(ctx, x)
		}
	}
	a.report.Sets = slices.Compact(slices.Sorted(slices.Values(a.report.Sets)))
	return a.report, a.tellLines()
}

// sessionAudit is one verification under way.
type sessionAudit struct {
	Sessions
	*history
	exchanges map[string]*exchange // the wanted ones, by id
	later     map[string]bool      // those that were decided since it began, by id
	report    SessionReport
}

// measure finds how far each log is before any is read. What comes later is not
// judged: it may rest on what another log had only once that was read.
func (a *sessionAudit) measure() error {
	for _, r := range a.Replicas {
		id, err := record.ID(r.Dir)
		if err != nil {
			return err
		}
		if a.until[id], err = record.Last(r.Dir); err != nil {
			return err
		}
		if r.Torn != nil {
			a.found(SessionFinding{What: Fingerprints, Log: id, Detail: r.Torn.Error()})
		}
	}
	return nil
}

// isLater tells whether p came since the verification began.
func (a *sessionAudit) isLater(p place) bool { return p.line.Seq > a.until[p.log] }

// place is an entry with its line, and where that stands.
type place struct {
	replica int
	log     string
	line    record.Line
	entry   record.Entry
}

// before tells whether p stands before q, as far as that is known: in one log
// the order decides, over two the time, as far as clocks may differ.
func (p place) before(q place) bool {
	if p.log == q.log {
		return p.line.Seq < q.line.Seq
	}
	return p.entry.Time.Before(q.entry.Time.Add(skew))
}

// slack is how long after p its effect may not have been known where q was decided.
func (p place) slack(q place) time.Duration {
	if p.log == q.log {
		return inForceAfter
	}
	return skew
}

const (
	inForceAfter = time.Second     // a revoke cuts what is in flight, and a reload is noted, within it
	skew         = 5 * time.Second // that, and how far the clocks of two replicas may differ
)

// read hands over the entries of a replica's log: the first time all that are
// there, the next time the same.
func (a *sessionAudit) read(ctx context.Context, replica int, each func(context.Context, place) error) error {
	dir := a.Replicas[replica].Dir
	id, err := record.ID(dir)
	if err != nil {
		return err
	}
	r, err := record.ReadAfter(dir, record.Position{})
	if err != nil {
		return err
	}
	defer r.Close()
	last, again := a.last[id]
	for seq := uint64(0); !again || seq < last; a.last[id] = max(last, seq) {
		l, err := r.Next()
		if err == io.EOF {
			return nil
		}
		if errors.Is(err, record.ErrBroken) {
			a.found(SessionFinding{What: BrokenLog, Log: id, Entry: seq + 1, Detail: err.Error()})
			return nil
		}
		if err != nil {
			return err
		}
		seq = l.Seq
		l.Raw = slices.Clone(l.Raw)
		e, err := l.Entry()
		if err != nil {
			a.found(SessionFinding{What: BrokenLog, Log: id, Entry: seq, Detail: "the entry cannot be read"})
			continue
		}
		if err := errors.Join(ctx.Err(), each(ctx, place{replica, id, l, e})); err != nil {
			return err
		}
	}
	return nil
}

// exchange is what the logs have of one exchange.
type exchange struct {
	id            string
	decision, end *place
	judged        bool // and forgotten but for its id
}

// join makes exchanges of decisions and ends, and judges each once both are
// there.
func (a *sessionAudit) join(ctx context.Context, p place) error {
	var x *exchange
	var at **place
	switch {
	case p.entry.Decision != nil:
		if x = a.exchanges[p.entry.Decision.Exchange]; x != nil {
			at = &x.decision
		}
	case p.entry.End != nil && !a.isLater(p) && !a.later[p.entry.End.Exchange]:
		if x = a.exchanges[p.entry.End.Exchange]; x != nil {
			at = &x.end
		} else if a.Want == nil && !isKept(p.entry.End) {
			a.found(p.finding(NoDecision, "no log has its decision"))
		}
	}
	if x == nil {
		return nil
	}
	if !x.judged && takenBack(x.decision, &p) {
		x.decision = nil
	}
	if x.judged || *at != nil {
		a.found(p.finding(Twice, "an exchange has one decision and one end"))
		return nil
	}
	if *at = &p; x.decision != nil && x.end != nil {
		a.judge(ctx, x)
	}
	return ctx.Err()
}

// isKept tells whether an end is of no exchange: it names a text that was kept, and
// nothing went anywhere.
func isKept(e *record.End) bool {
	return e.Error == recording.Unwanted && e.Status == 0 && e.RequestBytes == 0 && e.ResponseBytes == 0 && len(e.Substitutions) == 0
}

// takenBack tells whether a decision was followed by a refusal of the same exchange
// in its log, as where it was not known in time whether it had been written: then
// nothing came of it.
func takenBack(first, second *place) bool {
	return first != nil && second.entry.Decision != nil && second.entry.Decision.Outcome != access.Allow && first.log == second.log
}
