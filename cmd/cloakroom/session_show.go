package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cloakroom/internal/record"
	"cloakroom/internal/recording"
	"cloakroom/internal/transcript"
)

// showing is what `session show` was asked for.
type showing struct {
	selector
	brief, full, asJSON bool
	body                string // "sent" or "got"; empty: no body alone
}

func newSessionShow(o *options) *cobra.Command {
	var s showing
	c := &cobra.Command{
		Use: "show SESSION|EXCHANGE", Short: "Show what an agent sent and got, as it is recorded",
		Long: `Show the exchanges of a session, or one by its id: who, what was decided and why,
what the agent sent (">") and got ("<"), where a placeholder was used and where a
value was masked. Characters that a terminal would not print as themselves are shown
as ‹U+001B›.

Reading a recording is an entry in the log, and nothing is shown before it is there.
--brief and --json show the log's own entries, and read no recording.`,
		Example: `  cloakroom session show nightly-build
  cloakroom session show 01kb4v9gz5t0m7x2c8r3n6p1qd --body got > answer.json`,
		Args: oneArg("the session's name, or an exchange's id"),
		RunE: func(cmd *cobra.Command, args []string) error {
			s.name = args[0]
			if err := s.check(); err != nil {
				return err
			}
			if s.brief || s.asJSON {
				return withIndex(cmd, o, func(ctx context.Context, ix record.Index) error {
					return s.entries(ctx, ix, cmd.OutOrStdout(), cmd.ErrOrStderr())
				})
			}
			return withReading(cmd, o, func(ctx context.Context, r reading) error {
				return s.show(ctx, r, cmd.OutOrStdout(), cmd.ErrOrStderr())
			})
		},
	}
	f := c.Flags()
	f.StringVar(&s.principal, "principal", "", "only this principal's (issuer#subject): a session's name is its client's")
	f.IntVar(&s.limit, "limit", mostRead, "only the latest so many exchanges; 0: all")
	f.BoolVar(&s.full, "full", false, fmt.Sprintf("show all that is kept of a body, and not its first %d KiB", transcript.Limit>>10))
	f.StringVar(&s.body, "body", "", "of one exchange, print only the body that was sent or got, byte for byte")
	f.BoolVar(&s.brief, "brief", false, "one line for each exchange, without what is recorded")
	f.BoolVar(&s.asJSON, "json", false, "print the log's own entries as JSON, without what is recorded")
	return c
}

func (s showing) check() error {
	if s.body != "" && s.body != string(recording.Sent) && s.body != string(recording.Got) {
		return usageError{fmt.Errorf("--body %q: want sent or got", s.body)}
	}
	if s.limit < 0 {
		return usageError{fmt.Errorf("--limit %d: want 0 or more", s.limit)}
	}
	if s.brief && s.asJSON || s.body != "" && (s.brief || s.asJSON) || s.full && (s.brief || s.asJSON || s.body != "") {
		return usageError{fmt.Errorf("--brief, --json, --body and --full are different things to show")}
	}
	if err := checkPrincipal(s.principal); err != nil {
		return usageError{err}
	}
	return nil
}

// entries prints what the log says.
func (s showing) entries(ctx context.Context, ix record.Index, w, stderr io.Writer) error {
	xs, err := find(ctx, ix, s.selector)
	if err != nil {
		return err
	}
	s.more(stderr, len(xs))
	return printExchanges(w, xs, s.asJSON)
}

// show prints what is recorded.
func (s showing) show(ctx context.Context, r reading, w, stderr io.Writer) error {
	if s.body != "" {
		return s.showBody(ctx, r, w)
	}
	xs, err := r.exchanges(ctx, s.selector, "show")
	if err != nil {
		return err
	}
	s.more(stderr, len(xs))
	limit := transcript.Limit
	if s.full {
		limit = 0
	}
	return r.each(ctx, xs, func(x *transcript.Exchange) error { return transcript.Write(w, x, limit) })
}

func (s showing) showBody(ctx context.Context, r reading, w io.Writer) error {
	xs, err := find(ctx, r.db, s.selector)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(xs, func(x record.Exchange) bool { return len(xs) == 1 || idOf(x) == s.name })
	if at < 0 {
		return usageError{hinted{fmt.Errorf("--body is of one exchange, and %q has %d", s.name, len(xs)), "name one by its id: `session show --brief` lists them"}}
	}
	if err := r.entered(ctx, s.selector, xs[at:at+1], s.body); err != nil {
		return err
	}
	t, err := r.read(ctx, xs[at])
	if err != nil {
		return err
	}
	body, err := t.Body(recording.Kind(s.body))
	if err != nil {
		return fmt.Errorf("reading the body of exchange %q: %w", t.ID(), err)
	}
	return printBody(w, body)
}

// printBody prints a body as it is. Whoever wrote it has no hold of a terminal.
func printBody(w io.Writer, body []byte) error {
	if isTerminal(w) && !transcript.Harmless(body) {
		return hinted{errors.New("--body prints a body as it is, and this one would steer the terminal"), "send it to a file, or see it without --body"}
	}
	_, err := w.Write(body)
	return err
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
	var credentials []string
	for _, u := range d.Uses {
		credentials = append(credentials, u.Credential+"@"+u.Location)
	}
	status, masked := "-", 0
	if x.End != nil {
		status = fmt.Sprint(x.End.End.Status)
		for _, m := range x.End.End.Masks {
			masked += m.N
		}
	}
	cells := []string{x.Decision.Time.UTC().Format(time.RFC3339), d.Subject, d.Method + " " + d.Host + d.Path, decision,
		orAll(strings.Join(credentials, ","), "-"), status, fmt.Sprint(masked), d.Exchange}
	for i, c := range cells {
		cells[i] = transcript.Visible(c)
	}
	fmt.Fprintln(w, strings.Join(cells, "\t"))
}
