package verify

import (
	"context"
	"fmt"
	"hash/maphash"
	"maps"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"cloakroom/internal/record"
)

// expected is what an index should have of a log, as its lines say.
type expected struct {
	upTo     record.Position // zero: nothing
	reached  *Finding        // where the line at upTo stands
	other    bool            // it has another hash
	rows     map[uint64]bool // by entry; false: not seen yet
	ends     map[uint64]struct{}
	seed     maphash.Seed
	sessions map[sessionName]*record.Session
	touches  map[touched]*times
}

type sessionName struct{ principal, name string }

type touched struct {
	sessionName
	record.Touch
}

// times are the first and the last time of something.
type times struct{ first, last time.Time }

func (s *times) add(at time.Time) {
	if at.Before(s.first) {
		s.first = at
	}
	if at.After(s.last) {
		s.last = at
	}
}

func newExpected(upTo record.Position) *expected {
	return &expected{upTo: upTo, rows: map[uint64]bool{}, ends: map[uint64]struct{}{}, seed: maphash.MakeSeed(),
		sessions: map[sessionName]*record.Session{}, touches: map[touched]*times{}}
}

// line adds what the index should have of a line.
func (x *expected) line(l record.Line, where Finding) {
	if l.Seq > x.upTo.Seq {
		return
	}
	if l.Seq == x.upTo.Seq {
		x.reached, x.other = &where, l.Hash != x.upTo.Hash
	}
	d, err := l.Digest()
	switch {
	case err != nil: // told by its leaf, or unknown to the index too
	case d.Decision != nil:
		x.rows[l.Seq] = false
		x.decision(d)
	case d.End != nil:
		id := maphash.String(x.seed, d.End.Exchange)
		if _, second := x.ends[id]; !second {
			x.ends[id], x.rows[l.Seq] = struct{}{}, false
		}
	}
}

func (x *expected) decision(d record.Digest) {
	k := sessionName{d.Decision.Principal(), d.Decision.Session}
	s := x.sessions[k]
	if s == nil {
		s = &record.Session{ID: k.name, Principal: k.principal, First: d.Time, Last: d.Time}
		x.sessions[k] = s
	}
	if d.Time.Before(s.First) {
		s.First = d.Time
	}
	if d.Time.After(s.Last) {
		s.Last = d.Time
	}
	s.Exchanges++
	if d.Decision.Refused() {
		s.Refused++
	}
	for _, what := range d.Decision.Touches() {
		key := touched{k, what}
		if x.touches[key] == nil {
			x.touches[key] = &times{d.Time, d.Time}
		}
		x.touches[key].add(d.Time)
	}
}

// index compares the store's index with the logs.
func (a *logAudit) index(ctx context.Context) error {
	for _, log := range slices.Sorted(maps.Keys(a.applied)) {
		if log != "" && a.read[log] == nil && a.applied[log].Seq > 0 {
			a.found(Finding{Log: log, File: a.Store, What: "the index has this log, which is missing: name its folder with --log"})
		}
	}
	for _, id := range a.ids() {
		if r := a.read[id]; r.indexed.Seq > 0 {
			if err := r.index(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// index compares the index with this log.
func (r *logRead) index(ctx context.Context) error {
	x := r.rows
	switch {
	case x.reached == nil: // what it has beyond is not told row by row
		r.found(Finding{Entry: x.upTo.Seq, File: r.audit.Store, What: fmt.Sprintf("the index has entries up to %d, and the log has %d: it was cut short or rolled back", x.upTo.Seq, r.size)})
	case x.other:
		r.found(Finding{Entry: x.upTo.Seq, File: r.audit.Store, What: "the index ends with another entry of this number"})
	}
	err := r.audit.Index.Rows(ctx, r.log, func(row record.Row) error {
		r.audit.report.Rows++
		if what, seq := r.row(row); what != "" && (x.reached != nil || seq <= uint64(r.size)) {
			r.found(Finding{Entry: seq, File: r.audit.Store + " " + row.Table, What: what})
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, seq := range slices.Sorted(maps.Keys(x.rows)) {
		if !x.rows[seq] {
			r.found(Finding{Entry: seq, File: r.audit.Store, What: "the index lacks this entry"})
		}
	}
	if x.reached == nil {
		return nil
	}
	if err := r.totals(ctx); err != nil {
		return err
	}
	return r.touched(ctx)
}

// row says what is wrong with a row, and of which entry it is.
func (r *logRead) row(row record.Row) (string, uint64) {
	l, err := record.ParseLine(row.Line)
	if err != nil {
		return "a row whose line is none of a log", row.Seq
	}
	if l.Seq == 0 || l.Seq > uint64(r.size) || r.tree[tlog.StoredHashIndex(0, int64(l.Seq)-1)] != tlog.RecordHash(row.Line) {
		return "a row whose line is not in the log", l.Seq
	}
	seen, wanted := r.rows.rows[l.Seq]
	if seen {
		return "a second row of one entry", l.Seq
	}
	if !wanted {
		return "a row of an entry that is not indexed yet, or only once", l.Seq
	}
	r.rows.rows[l.Seq] = true
	if d, err := l.Digest(); err != nil || !files(d, row) || row.Seq != 0 && row.Seq != l.Seq {
		return "a row that says something else than its line", l.Seq
	}
	return "", 0
}

// files tells whether an index files a line so.
func files(d record.Digest, row record.Row) bool {
	if d.Decision != nil {
		return row.Exchange == d.Decision.Exchange && row.Principal == d.Decision.Principal() && row.Session == d.Decision.Session &&
			row.Refused == d.Decision.Refused()
	}
	return d.End != nil && row.Exchange == d.End.Exchange
}

// totals compares what the index sums up of sessions.
func (r *logRead) totals(ctx context.Context) error {
	want := r.rows.sessions
	err := r.audit.Index.Totals(ctx, r.log, func(s record.Session) error {
		k := sessionName{s.Principal, s.ID}
		w := want[k]
		if w == nil || w.Exchanges != s.Exchanges || w.Refused != s.Refused || !w.First.Equal(s.First) || !w.Last.Equal(s.Last) {
			r.found(Finding{File: r.audit.Store + " session", What: fmt.Sprintf("the index sums session %q up otherwise than the log", s.ID)})
		}
		delete(want, k)
		return nil
	})
	if err != nil {
		return err
	}
	for k := range want {
		r.found(Finding{File: r.audit.Store + " session", What: fmt.Sprintf("the index lacks session %q", k.name)})
	}
	return nil
}

// touched compares what the index has of what sessions were about.
func (r *logRead) touched(ctx context.Context) error {
	want, file := r.rows.touches, r.audit.Store+" touch"
	err := r.audit.Index.Touches(ctx, r.log, func(t record.Touched) error {
		k := touched{sessionName{t.Principal, t.Session}, t.Touch}
		if w := want[k]; w == nil || !w.first.Equal(t.First) || !w.last.Equal(t.Last) {
			r.found(Finding{File: file, What: fmt.Sprintf("the index says of session %q what the log does not", t.Session)})
		}
		delete(want, k)
		return nil
	})
	if err != nil {
		return err
	}
	for k := range want {
		r.found(Finding{File: file, What: fmt.Sprintf("the index lacks what session %q was about", k.name)})
	}
	return nil
}
