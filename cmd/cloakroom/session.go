package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cloakroom/internal/config"
	"cloakroom/internal/record"
	"cloakroom/internal/transcript"
)

func newSession(o *options) *cobra.Command {
	return group("session", "What agents did", newSessionList(o), newSessionShow(o), newSessionReplay(o), newSessionVerify(o), newSessionErase(o))
}

// shownSession is one session as `session ls --json` prints it.
type shownSession struct {
	Session   string    `json:"session"`
	Principal string    `json:"principal"`
	First     time.Time `json:"first"`
	Last      time.Time `json:"last"`
	Exchanges int       `json:"exchanges"`
	Refused   int       `json:"refused"`
}

func newSessionList(o *options) *cobra.Command {
	var l sessionList
	c := &cobra.Command{
		Use: "ls", Short: "List sessions, newest first", Args: noArgs,
		Long: `List sessions, newest first. --credential, --host and --outcome are about the same
exchanges of a session, and with them --since and --until are about these too.`,
		Example: `  cloakroom session ls --since 24h --outcome refused
  cloakroom session ls --credential github-read --host api.github.com
  cloakroom session ls --since 2026-11-01 --until 2026-11-02T12:00:00Z --json`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			filter, err := l.read()
			if err != nil {
				return usageError{err}
			}
			return withIndex(cmd, o, func(ctx context.Context, ix record.Index) error {
				sessions, err := ix.Sessions(ctx, filter)
				if err != nil {
					return err
				}
				l.tell(cmd.ErrOrStderr(), len(sessions))
				return printSessions(cmd.OutOrStdout(), sessions, l.asJSON)
			})
		},
	}
	l.flags(c)
	return c
}

// sessionList is what `session ls` was asked for.
type sessionList struct {
	record.SessionFilter
	outcome string
	asJSON  bool
}

func (l *sessionList) flags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&l.Principal, "principal", "", "only this principal's (issuer#subject)")
	f.StringVar(&l.Credential, "credential", "", "only those that used this credential, or were refused it")
	f.StringVar(&l.Host, "host", "", "only those that reached for this upstream's host")
	f.StringVar(&l.outcome, "outcome", "", "only those with a decision allow, deny, needs_approval, or refused for the last two")
	f.Var((*moment)(&l.Since), "since", "only those that went on since then: a time, a day, or how long ago, e.g. 24h or 7d")
	f.Var((*moment)(&l.Until), "until", "only those that had begun by then: the same")
	f.IntVar(&l.Limit, "limit", 100, "at most so many; 0: all")
	f.BoolVar(&l.asJSON, "json", false, "print JSON")
}

// read is the filter that the flags make, or what is wrong with them.
func (l *sessionList) read() (f record.SessionFilter, err error) {
	f = l.SessionFilter
	f.Host = strings.ToLower(f.Host)
	if f.Limit == 0 {
		f.Limit = math.MaxInt32
	}
	switch f.Outcomes, err = record.ReadOutcomes(l.outcome); {
	case err != nil:
		return f, err
	case strings.Contains(f.Host, "/"):
		return f, fmt.Errorf("--host %q: want a host alone, such as api.github.com", l.Host)
	case f.Limit < 0:
		return f, fmt.Errorf("--limit %d: want 0 or more", l.Limit)
	case !f.Since.IsZero() && !f.Until.IsZero() && f.Until.Before(f.Since):
		return f, errors.New("--until is before --since: no session fits")
	}
	return f, checkPrincipal(f.Principal)
}

// checkPrincipal refuses what no principal is called.
func checkPrincipal(id string) error {
	if id == "" || strings.Contains(id, "#") {
		return nil
	}
	return hinted{fmt.Errorf("--principal %q: want ISSUER#SUBJECT", id), "`cloakroom session ls` prints it"}
}

// tell says where a list has no sessions, or perhaps not all of them.
func (l *sessionList) tell(w io.Writer, n int) {
	switch {
	case n == 0:
		fmt.Fprintln(w, "cloakroom: no session fits")
	case n == l.Limit:
		fmt.Fprintf(w, "cloakroom: the latest %d sessions; there may be more (--limit)\n", n)
	}
}

func printSessions(w io.Writer, sessions []record.Session, asJSON bool) error {
	if asJSON {
		out := []shownSession{}
		for _, s := range sessions {
			out = append(out, shownSession{s.ID, s.Principal, s.First.UTC(), s.Last.UTC(), s.Exchanges, s.Refused})
		}
		return printJSON(w, out)
	}
	return table(w, "SESSION\tPRINCIPAL\tLAST\tEXCHANGES\tREFUSED", func(w io.Writer) {
		for _, s := range sessions {
			fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\n", transcript.Visible(s.ID), transcript.Visible(s.Principal),
				s.Last.UTC().Format(time.RFC3339), s.Exchanges, s.Refused)
		}
	})
}

// moment is a flag's time: RFC 3339, a day in UTC, or how long ago.
type moment time.Time

func (m *moment) String() string {
	if time.Time(*m).IsZero() {
		return ""
	}
	return time.Time(*m).Format(time.RFC3339)
}

func (m *moment) Type() string { return "time" }

func (m *moment) Set(text string) error {
	d, err := time.ParseDuration(text)
	if days, ok := strings.CutSuffix(text, "d"); ok {
		var n uint64
		n, err = strconv.ParseUint(days, 10, 16)
		d = time.Duration(n) * 24 * time.Hour
	}
	if err == nil && d >= 0 {
		*m = moment(time.Now().Add(-d))
		return nil
	}
	for _, form := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(form, text); err == nil {
			*m = moment(t)
			return nil
		}
	}
	return fmt.Errorf("want 24h or 7d (ago), 2006-01-02 or 2006-01-02T15:04:05Z")
}

// withIndex opens the log's index, also while the service runs, and first lets
// it catch up with what a crash left behind if no service is there to do it.
func withIndex(cmd *cobra.Command, o *options, do func(context.Context, record.Index) error) error {
	cfg, err := loadRules(o.config)
	if err != nil {
		return err
	}
	db, err := openIndex(cmd.Context(), cfg)
	if err != nil {
		return err
	}
	defer db.Close()
	if err := catchUp(cmd.Context(), cfg); err != nil {
		warnBehind(cmd.ErrOrStderr(), err)
	}
	return do(cmd.Context(), db)
}

func warnBehind(w io.Writer, err error) {
	fmt.Fprintf(w, "cloakroom: warning: the latest exchanges may be missing: %v\n", err)
}

// catchUp indexes what a service that was killed had only logged.
func catchUp(ctx context.Context, cfg *config.Config) error {
	db, err := openExisting(ctx, cfg)
	if err != nil {
		return err
	}
	defer db.Close()
	return record.CatchUp(ctx, cfg.Record.Dir, db)
}
