package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"cloakroom/internal/config"
	"cloakroom/internal/record"
)

func newSession(o *options) *cobra.Command {
	return group("session", "What agents did", newSessionList(o), newSessionShow(o))
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
	var filter record.SessionFilter
	var since time.Duration
	var asJSON bool
	c := &cobra.Command{
		Use: "ls", Short: "List sessions, newest first", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if since > 0 {
				filter.Since = time.Now().Add(-since)
			}
			return withIndex(cmd, o, func(ctx context.Context, ix record.Index) error {
				sessions, err := ix.Sessions(ctx, filter)
				if err != nil {
					return err
				}
				return printSessions(cmd.OutOrStdout(), sessions, asJSON)
			})
		},
	}
	c.Flags().StringVar(&filter.Principal, "principal", "", "only this principal's (issuer#subject)")
	c.Flags().DurationVar(&since, "since", 0, "only those of the last such time, e.g. 24h")
	c.Flags().IntVar(&filter.Limit, "limit", 100, "at most so many")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
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
			fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\n", s.ID, s.Principal, s.Last.UTC().Format(time.RFC3339), s.Exchanges, s.Refused)
		}
	})
}

func newSessionShow(o *options) *cobra.Command {
	var principal string
	var asJSON bool
	c := &cobra.Command{
		Use: "show SESSION", Short: "Show the exchanges of one session", Args: oneArg("the session's name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withIndex(cmd, o, func(ctx context.Context, ix record.Index) error {
				exchanges, err := ix.Exchanges(ctx, principal, args[0], 0)
				if err != nil {
					return err
				}
				if len(exchanges) == 0 {
					return hinted{fmt.Errorf("no session %q", args[0]), "`cloakroom session ls` lists them"}
				}
				return printExchanges(cmd.OutOrStdout(), exchanges, asJSON)
			})
		},
	}
	c.Flags().StringVar(&principal, "principal", "", "only this principal's (issuer#subject): a session's name is its client's")
	c.Flags().BoolVar(&asJSON, "json", false, "print the log's own entries as JSON")
	return c
}

func printExchanges(w io.Writer, exchanges []record.Exchange, asJSON bool) error {
	if asJSON {
		type entry struct {
			Decision json.RawMessage `json:"decision"`
			End      json.RawMessage `json:"end,omitempty"`
		}
		out := []entry{}
		for _, x := range exchanges {
			out = append(out, entry{x.DecisionLine, x.EndLine})
		}
		return printJSON(w, out)
	}
	return table(w, "TIME\tPRINCIPAL\tREQUEST\tDECISION\tCREDENTIALS\tSTATUS\tMASKED\tRECORD", func(w io.Writer) {
		for _, x := range exchanges {
			printExchange(w, x)
		}
	})
}

func printExchange(w io.Writer, x record.Exchange) {
	d := x.Decision.Decision
	decision := d.Outcome.String()
	if d.Code != "" {
		decision += " (" + string(d.Code) + ")"
	}
	credentials, status, masked := "-", "-", 0
	for i, u := range d.Uses {
		if i == 0 {
			credentials = ""
		} else {
			credentials += ","
		}
		credentials += u.Credential + "@" + u.Location
	}
	if x.End != nil {
		status = fmt.Sprint(x.End.End.Status)
		for _, m := range x.End.End.Masks {
			masked += m.N
		}
	}
	fmt.Fprintf(w, "%s\t%s\t%s %s%s\t%s\t%s\t%s\t%d\t%s\n", x.Decision.Time.UTC().Format(time.RFC3339), d.Subject,
		d.Method, d.Host, d.Path, decision, credentials, status, masked, d.Exchange)
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
		fmt.Fprintf(cmd.ErrOrStderr(), "cloakroom: warning: the latest exchanges may be missing: %v\n", err)
	}
	return do(cmd.Context(), db)
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
