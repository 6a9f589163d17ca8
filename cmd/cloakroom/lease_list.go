package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"cloakroom/internal/approval"
	"cloakroom/internal/lease"
)

// shownLease is one lease as `lease ls --json` prints it.
type shownLease struct {
	Lease      string    `json:"lease"`
	Principal  string    `json:"principal"`
	Person     string    `json:"person,omitempty"` // on whose behalf
	Credential string    `json:"credential"`
	Session    string    `json:"session,omitempty"`
	Reason     string    `json:"reason,omitempty"` // the agent's words
	State      string    `json:"state"`
	Ending     string    `json:"ending,omitempty"`
	EndedBy    string    `json:"ended_by,omitempty"`
	Scope      string    `json:"scope,omitempty"`
	Operation  string    `json:"operation,omitempty"` // method, host and path
	Starts     time.Time `json:"starts,omitzero"`
	Ends       time.Time `json:"ends"`
	UsesLeft   *int      `json:"uses_left,omitempty"` // nil: no limit
	Ticket     bool      `json:"ticket"`
}

func showLease(l lease.Lease) shownLease {
	out := shownLease{Lease: l.ID, Principal: approval.Plain(l.Principal), Person: approval.Plain(l.Person), Credential: approval.Plain(l.Credential),
		Session: approval.Plain(l.Session), Reason: approval.Plain(l.Reason), State: l.State.String(), Ending: l.Ending.String(), EndedBy: approval.Plain(l.EndedBy),
		Scope: l.Scope.String(), Operation: showOperation(l.Operation), Starts: l.Starts.UTC(), Ends: l.Ends.UTC(), Ticket: !l.Ticketless()}
	if l.Terms.Uses > 0 {
		left := l.Terms.Uses - l.Used
		out.UsesLeft = &left
	}
	return out
}

func showOperation(o lease.Operation) string {
	if !o.Named() {
		return ""
	}
	return approval.Plain(o.Method + " " + o.Host + o.Path)
}

func newLeaseList(o *options) *cobra.Command {
	var f lease.Filter
	var state string
	var asJSON bool
	c := &cobra.Command{
		Use: "ls", Short: "List leases, newest first", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if f.State, err = parseState(state); err != nil {
				return err
			}
			leases, err := listLeases(cmd.Context(), o, f)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), leases)
			}
			return table(cmd.OutOrStdout(), "LEASE\tCREDENTIAL\tPRINCIPAL\tSTATE\tENDS\tSCOPE\tTICKET", func(w io.Writer) {
				for _, l := range leases {
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%v\n", l.Lease, l.Credential, l.Principal, orAll(l.Ending, l.State), l.Ends.Format(time.RFC3339), orAll(l.Scope, "-"), l.Ticket)
				}
			})
		},
	}
	c.Flags().StringVar(&f.Principal, "principal", "", "only this principal's (issuer#subject)")
	c.Flags().StringVar(&f.Credential, "credential", "", "only those over this credential")
	c.Flags().StringVar(&state, "state", "", "only those that are pending, active or ended")
	c.Flags().IntVar(&f.Limit, "limit", 100, "at most so many")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func parseState(text string) (lease.State, error) {
	for _, s := range []lease.State{lease.Pending, lease.Active, lease.Ended} {
		if text == s.String() {
			return s, nil
		}
	}
	if text == "" {
		return 0, nil
	}
	return 0, usageError{fmt.Errorf("--state %q: want pending, active or ended", text)}
}

func listLeases(ctx context.Context, o *options, f lease.Filter) ([]shownLease, error) {
	out := []shownLease{}
	err := withLeases(ctx, o, func(ls leases) error {
		all, err := lease.List(ctx, ls.db, ls.key, f, time.Now())
		for _, l := range all {
			out = append(out, showLease(l))
		}
		return err
	})
	return out, err
}
