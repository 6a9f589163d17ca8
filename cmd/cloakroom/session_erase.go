package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"cloakroom/internal/access"
	"cloakroom/internal/record"
	"cloakroom/internal/recording"
	"cloakroom/internal/transcript"
)

// erasing is what `session erase` was asked for.
type erasing struct {
	selector
	since, until time.Time
	reason       string
	sure, asJSON bool
}

func newSessionErase(o *options) *cobra.Command {
	var e erasing
	c := &cobra.Command{
		Use: "erase SESSION|EXCHANGE", Short: "Erase for good what is recorded of a session or an exchange",
		Long: `Erase for good what is recorded of the exchanges of a session, or of one by its id:
in the packs beside the log of this machine and in the outside store. The log's own
entries stay (who, when, method, host, path, what was put in), and an entry says who
erased, and why, before anything is. Run it again where it was interrupted, or where
exchanges went on.

Evidence with --contents and copies that were made elsewhere are out of its reach.`,
		Example: `  cloakroom session erase nightly-build --reason "request 4711 by the person concerned"
  cloakroom session erase 01kb4v9gz5t0m7x2c8r3n6p1qd --yes`,
		Args: oneArg("the session's name, or an exchange's id"),
		RunE: func(cmd *cobra.Command, args []string) error {
			e.name = args[0]
			if err := checkPrincipal(e.principal); err != nil {
				return usageError{err}
			}
			return withReading(cmd, o, func(ctx context.Context, r reading) error { return e.run(ctx, cmd, r) })
		},
	}
	f := c.Flags()
	f.StringVar(&e.principal, "principal", "", "only this principal's (issuer#subject): a session's name is its client's")
	f.Var((*moment)(&e.since), "since", "only exchanges that were decided since then: a time, a day, or how long ago, e.g. 24h")
	f.Var((*moment)(&e.until), "until", "only those that were decided by then: the same")
	f.StringVar(&e.reason, "reason", "", "why, for whoever reads the log; nothing that is to be erased")
	f.BoolVarP(&e.sure, "yes", "y", false, "do not ask before")
	f.BoolVar(&e.asJSON, "json", false, "print JSON")
	return c
}

// erasedShown is what `session erase --json` prints: of exchanges, how many.
type erasedShown struct {
	Erased      int      `json:"erased"`
	Expired     int      `json:"expired"`      // their recording's time was over
	NotRecorded int      `json:"not_recorded"` // there was nothing to erase
	GoingOn     int      `json:"going_on"`     // they have not ended
	Left        []string `json:"left"`         // ids of those of which something may still be there
}

func (e erasing) run(ctx context.Context, cmd *cobra.Command, r reading) error {
	xs, err := e.find(ctx, r.db)
	if err == nil {
		err = asLogged(r.config.Record.Dir, xs)
	}
	if err != nil {
		return err
	}
	out := erasedShown{Left: []string{}}
	todo := out.sort(xs)
	if len(todo) > 0 {
		d := todo[0].Decision.Decision
		question := fmt.Sprintf("Erase for good what is recorded of %s of session %s of %s?", counted(len(todo), "exchange"),
			transcript.Visible(d.Session), transcript.Visible(principalOf(todo[0])))
		if err := confirm(cmd, question, e.sure); err != nil {
			return err
		}
		err = r.erase(ctx, todo, e.reason, &out)
		if errors.Is(err, errNothingDone) {
			return err
		}
	}
	if printed := out.print(cmd.OutOrStdout(), e.asJSON); err == nil {
		err = printed
	}
	return errors.Join(err, out.unfinished())
}

// find finds the exchanges, which are one principal's.
func (e erasing) find(ctx context.Context, ix record.Index) (xs []record.Exchange, err error) {
	all, err := find(ctx, ix, e.selector)
	if err != nil {
		return nil, err
	}
	for _, x := range all {
		if d := x.Decision.Decision; d.Session != e.name && d.Exchange != e.name {
			return nil, unlogged(fmt.Errorf("the index has exchange %q of session %q under the name %q", d.Exchange, d.Session, e.name))
		}
		if at := x.Decision.Time; at.Before(e.since) || !e.until.IsZero() && at.After(e.until) {
			continue
		}
		if principalOf(x) != principalOf(all[0]) {
			return nil, usageError{hinted{fmt.Errorf("sessions of several principals are named %q", e.name), "say whose: --principal ISSUER#SUBJECT; `cloakroom session ls` lists them"}}
		}
		xs = append(xs, x)
	}
	if len(xs) == 0 {
		err = fmt.Errorf("no exchange of session %q is of that time", e.name)
	}
	return xs, err
}

// sort counts the exchanges of which nothing can be erased, and returns the others.
func (s *erasedShown) sort(xs []record.Exchange) (todo []record.Exchange) {
	for _, x := range xs {
		switch {
		case x.End == nil && x.Decision.Decision.Outcome == access.Allow:
			s.GoingOn++
		case x.End == nil || len(x.End.End.Recording) == 0:
			s.NotRecorded++
		default:
			todo = append(todo, x)
		}
	}
	return todo
}

// errNothingDone means that the log could not be told, and so nothing was erased.
var errNothingDone = errors.New("nothing was erased")

// erase enters in the log that exchanges are erased, erases what is recorded of them,
// and looks what is left of each.
func (r reading) erase(ctx context.Context, xs []record.Exchange, reason string, out *erasedShown) error {
	var acts []record.Act
	var what []recording.Erasure
	for _, x := range xs {
		d, parts := x.Decision.Decision, x.End.End.Recording
		acts = append(acts, record.Act{Name: recording.ActErase, Principal: principalOf(x), Session: d.Session, Exchange: d.Exchange, N: len(parts), Detail: reason})
		what = append(what, recording.Erasure{Exchange: d.Exchange, Parts: parts})
	}
	enter := func(acts ...record.Act) error {
		err := r.sign(acts)
		if err == nil {
			err = r.enterAll(ctx, acts...)
		}
		if err != nil {
			return hinted{fmt.Errorf("recording that exchanges are erased: %w", err), "nothing is erased that the log does not tell of"}
		}
		return nil
	}
	if err := enter(acts...); err != nil {
		return errors.Join(err, errNothingDone)
	}
	left, err := r.packs.Erase(ctx, what, func(a record.Act) error { return enter(a) })
	for _, x := range xs {
		if id := x.Decision.Decision.Exchange; left[id] {
			out.Left = append(out.Left, id)
			continue
		}
		if looked := out.look(ctx, r.packs, x); err == nil {
			err = looked
		}
	}
	return err
}

// sign signs acts that erase, as whoever has the root key can.
func (l ledger) sign(acts []record.Act) error {
	key, err := logKey(l.root)
	for i := 0; i < len(acts) && err == nil; i++ {
		acts[i].Sig, err = key.SignBare(recording.ErasureText(acts[i]))
	}
	return err
}

// look counts an exchange by what is left of its recording.
func (s *erasedShown) look(ctx context.Context, packs recordings, x record.Exchange) error {
	end, expired := x.End.End, false
	for _, p := range end.Recording {
		switch err := packs.Check(ctx, p); {
		case errors.Is(err, recording.ErrErased):
		case errors.Is(err, recording.ErrGone) && !end.Until.IsZero() && time.Now().After(end.Until):
			expired = true
		default:
			s.Left = append(s.Left, end.Exchange)
			if errors.Is(err, recording.ErrGone) || errors.Is(err, recording.ErrBroken) {
				return nil
			}
			return err
		}
	}
	if expired {
		s.Expired++
	} else {
		s.Erased++
	}
	return nil
}

func (s *erasedShown) print(w io.Writer, asJSON bool) error {
	if asJSON {
		return printJSON(w, s)
	}
	fmt.Fprintf(w, "erased what was recorded of %s\n", counted(s.Erased, "exchange"))
	for _, line := range []struct {
		n    int
		what string
	}{{s.NotRecorded, "nothing was recorded of"}, {s.Expired, "its time was over of"}, {s.GoingOn, "still going on:"}} {
		if line.n > 0 {
			fmt.Fprintf(w, "%s %s\n", line.what, counted(line.n, "exchange"))
		}
	}
	for _, id := range s.Left {
		fmt.Fprintf(w, "LEFT    of exchange %s something may still be there\n", id)
	}
	return nil
}

// unfinished says what has to be done again, and how.
func (s *erasedShown) unfinished() error {
	switch n := cmp.Or(len(s.Left), s.GoingOn); {
	case len(s.Left) > 0:
		return hinted{fmt.Errorf("erasing: of %s something may still be there", counted(n, "exchange")), "its packs are on another machine, or an error above says what was in the way; do it again there, or then"}
	case s.GoingOn > 0:
		return hinted{fmt.Errorf("erasing: %s still going on", counted(n, "exchange")), "erase again when they have ended"}
	}
	return nil
}
