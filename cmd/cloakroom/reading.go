package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"cloakroom/internal/access"
	"cloakroom/internal/record"
	"cloakroom/internal/recording"
	"cloakroom/internal/transcript"
)

// recordings are read by whoever has the instance's keys.
type recordings interface {
	recording.Reader
	io.Closer
	Check(ctx context.Context, p record.Part) error
	Erase(ctx context.Context, what []recording.Erasure, tell func(record.Act) error) (left map[string]bool, err error)
}

// reading is what a command needs that shows what is recorded.
type reading struct {
	ledger
	packs    recordings
	erasures func() (map[string]record.Entry, error) // see erasures; read once
}

// selector says which exchanges are to be read.
type selector struct {
	name      string // of a session, or an exchange's id
	principal string // of the session's; empty: everyone's of that name
	limit     int    // the latest so many; 0: all
}

// mostRead is how many exchanges of a session are read where nothing else is said: a
// client may give one name to any number.
const mostRead = 1000

// more says that there may be more exchanges than the n that were found.
func (s selector) more(stderr io.Writer, n int) {
	if n == s.limit {
		fmt.Fprintf(stderr, "cloakroom: the latest %d exchanges; there may be more (--limit)\n", n)
	}
}

// withReading gives a command the recordings. What it reads must be entered first:
// see reading.exchanges.
func withReading(cmd *cobra.Command, o *options, do func(context.Context, reading) error) error {
	ctx := cmd.Context()
	cfg, err := loadRules(o.config)
	if err != nil {
		return err
	}
	return withLedger(ctx, cfg, func(l ledger) error {
		if err := record.CatchUp(ctx, cfg.Record.Dir, l.db); err != nil {
			warnBehind(cmd.ErrOrStderr(), err)
		}
		packs, err := openRecordings(ctx, cfg, l.root)
		if err != nil {
			return err
		}
		defer packs.Close()
		once := sync.OnceValues(func() (map[string]record.Entry, error) { return erasures(cfg.Record.Dir, l.root) })
		return do(ctx, reading{l, packs, once})
	})
}

// exchanges enters in the log that they are read, and for what, and then finds
// them: exchanges of a session, or one.
func (r reading) exchanges(ctx context.Context, s selector, what string) ([]record.Exchange, error) {
	xs, err := find(ctx, r.db, s)
	if err != nil {
		return nil, err
	}
	return xs, r.entered(ctx, s, xs, what)
}

// entered enters in the log that exchanges are read, of which there is one at least.
func (r reading) entered(ctx context.Context, s selector, xs []record.Exchange, what string) error {
	d := xs[0].Decision.Decision
	act := record.Act{Name: "read", Session: d.Session, Principal: principalOf(xs[0]), N: len(xs), Detail: what}
	if len(xs) == 1 {
		act.Exchange = d.Exchange
	}
	if slices.ContainsFunc(xs, func(x record.Exchange) bool { return x.Decision.Decision.Session != act.Session }) {
		act.Session, act.Exchange = s.name, s.name // a session, and an exchange of another
	}
	if slices.ContainsFunc(xs, func(x record.Exchange) bool { return principalOf(x) != act.Principal }) {
		act.Principal = "" // everyone's of that name
	}
	return r.enter(ctx, act)
}

func idOf(x record.Exchange) string { return x.Decision.Decision.Exchange }

// principalOf is the ID of who asked for an exchange.
func principalOf(x record.Exchange) string {
	return access.Principal{Issuer: x.Decision.Decision.Issuer, Subject: x.Decision.Decision.Subject}.ID()
}

// find finds the exchanges without what is recorded of them; there is one at least. An
// agent may name its session as an exchange, and hides nothing by that: both are found.
func find(ctx context.Context, ix record.Index, s selector) ([]record.Exchange, error) {
	xs, err := ix.Exchanges(ctx, s.principal, s.name, s.limit)
	if err != nil {
		return nil, err
	}
	x, err := ix.Exchange(ctx, s.name)
	switch {
	case errors.Is(err, record.ErrUnknown):
	case err != nil:
		return nil, err
	case (s.principal == "" || principalOf(x) == s.principal) && !slices.ContainsFunc(xs, func(x record.Exchange) bool { return idOf(x) == s.name }):
		xs = append(xs, x)
		slices.SortStableFunc(xs, func(a, b record.Exchange) int { return a.Decision.Time.Compare(b.Decision.Time) })
	}
	if len(xs) == 0 {
		return nil, hinted{fmt.Errorf("no session or exchange %q", s.name), "`cloakroom session ls` lists them"}
	}
	return xs, nil
}

// read reads what is recorded of an exchange that was entered. The transcript says
// why something is not there, or not what the log says (recording.ErrBroken), or not to be opened
// (recording.ErrKey).
func (r reading) read(ctx context.Context, x record.Exchange) (transcript.Exchange, error) {
	out := transcript.Exchange{Exchange: x}
	switch {
	case x.End == nil && x.Decision.Decision.Outcome == access.Allow:
		out.Missing = errors.New("the exchange has not ended, or its end is in the log of a replica that is not indexed")
		return out, nil
	case x.End == nil:
		out.Missing = fmt.Errorf("%w, or its end is not in the index yet", recording.ErrNotRecorded)
		return out, nil
	case len(x.End.End.Recording) == 0:
		out.Missing = recording.ErrNotRecorded
		return out, nil
	}
	t, err := r.packs.Read(ctx, x.Decision.Decision.Exchange, x.End.End.Recording)
	switch {
	case errors.Is(err, recording.ErrErased):
		out.Missing = r.whoErased(x.Decision.Decision.Exchange, err)
	case errors.Is(err, recording.ErrGone), errors.Is(err, recording.ErrBroken), errors.Is(err, recording.ErrKey):
		out.Missing = transcript.Early(err, x.End.End.Until, time.Now())
	case err != nil:
		return out, fmt.Errorf("reading exchange %q: %w", x.Decision.Decision.Exchange, err)
	default:
		out.Recording = &t
	}
	return out, nil
}

// each reads one after another. Recordings that are broken, or that no key here opens,
// are an error once do had them all.
func (r reading) each(ctx context.Context, xs []record.Exchange, do func(*transcript.Exchange) error) error {
	var broken error
	for _, x := range xs {
		t, err := r.read(ctx, x)
		if err == nil {
			err = do(&t)
		}
		if err != nil {
			return err
		}
		if errors.Is(t.Missing, recording.ErrBroken) || errors.Is(t.Missing, recording.ErrKey) {
			broken = withKeyHint(fmt.Errorf("reading exchange %q: %w", t.ID(), t.Missing))
		}
	}
	return broken
}

// all reads one after another, as each does; the last error stands alone.
func (r reading) all(ctx context.Context, xs []record.Exchange) iter.Seq2[*transcript.Exchange, error] {
	return func(yield func(*transcript.Exchange, error) bool) {
		enough := errors.New("enough")
		err := r.each(ctx, xs, func(x *transcript.Exchange) error {
			if !yield(x, nil) {
				return enough
			}
			return nil
		})
		if err != nil && !errors.Is(err, enough) {
			yield(nil, err)
		}
	}
}
