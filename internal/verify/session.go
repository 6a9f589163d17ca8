package verify

import (
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/note"

	"cloakroom/internal/inventory"
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
	Keys     []note.Verifier // of the logs: any of them; an act that none signed erases nothing
	Search   *search.Search  // for every value that is or was in force
	Now      time.Time
	// Want tells which exchanges are verified; nil: all.
	Want func(d *record.Decision, at time.Time) bool
	// Line hears of every line that the report rests on, each once, log by log in
	// their order; nil: nobody does. Where all is wanted these are all lines.
	Line func(log string, l record.Line) error
	// Rules hears of rules that it rests on, as their reload's Inventory tells them,
	// and as inventory.Set encodes them; nil: nobody does.
	Rules func(hash record.Hash, text []byte)
}

// Verify joins the entries of the wanted exchanges over all logs, searches what
// was recorded of them, and judges what was substituted by the leases and rules
// of the time. What is wrong is a finding, not an error. It takes memory for each
// wanted exchange's id, and for all of those whose end stands in another log.
func (s Sessions) Verify(ctx context.Context) (SessionReport, error) {
	if len(s.Replicas) == 0 || s.Search == nil || s.Now.IsZero() {
		return SessionReport{}, errors.New("verifying sessions: logs, a search and a time are required")
	}
	a := &sessionAudit{Sessions: s, plain: map[record.Hash]record.Hash{}, sets: map[record.Hash]*inventory.Set{},
		texts: map[record.Hash][]byte{}, erased: map[string]place{}, used: map[string]map[uint64]record.Line{}}
	a.judgement = newJudgement(a)
	a.values = s.Search
	if s.Want != nil {
		a.want = func(d *record.Decision, p place) bool { return s.Want(d, p.entry.Time) }
	}
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
	a.rest(ctx)
	a.report.Sets = slices.Compact(slices.Sorted(slices.Values(a.report.Sets)))
	return a.report, a.tell()
}

// sessionAudit is one verification under way: the material of its judgement are the
// instance's logs and what is recorded beside them.
type sessionAudit struct {
	Sessions
	*judgement
	plain  map[record.Hash]record.Hash       // the hash of rules that were read, by that of their first part
	sets   map[record.Hash]*inventory.Set    // rules by their hash
	texts  map[record.Hash][]byte            // of those in which no value stands
	erased map[string]place                  // the first act that says so, by exchange
	used   map[string]map[uint64]record.Line // by log and entry
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

// place is an entry with its line, and where that stands.
type place struct {
	replica int
	log     string
	line    record.Line
	entry   record.Entry
	size    int // bytes that it is held with, where these are counted
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
		if err := errors.Join(ctx.Err(), each(ctx, place{replica: replica, log: id, line: l, entry: e})); err != nil {
			return err
		}
	}
	return nil
}
