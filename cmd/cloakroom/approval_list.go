package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"cloakroom/internal/approval"
	"cloakroom/internal/lease"
)

// shownApproval is one question, answered or not, as `approval ls --json` prints
// it.
type shownApproval struct {
	ID         string        `json:"id"` // the lease's
	Credential string        `json:"credential"`
	Principal  string        `json:"principal"`
	Person     string        `json:"person,omitempty"`    // on whose behalf
	Operation  string        `json:"operation,omitempty"` // method, host and path
	Reason     string        `json:"reason,omitempty"`    // the agent's words: untrusted
	State      string        `json:"state"`               // pending, approved, denied, lapsed, revoked
	Asked      time.Time     `json:"asked"`
	Expires    time.Time     `json:"expires,omitzero"` // while pending: the question lapses
	Needs      int           `json:"needs"`            // distinct people
	Answers    []shownAnswer `json:"answers"`
}

// shownAnswer is one person's answer.
type shownAnswer struct {
	Person  string    `json:"person"`
	Name    string    `json:"name,omitempty"`
	Approve bool      `json:"approve"`
	Scope   string    `json:"scope,omitempty"`  // of an approval
	Reason  string    `json:"reason,omitempty"` // of a denial
	Via     string    `json:"via"`
	Time    time.Time `json:"time"`
}

func showApproval(l lease.Lease) shownApproval {
	s := shownApproval{ID: l.ID, Credential: approval.Plain(l.Credential), Principal: approval.Plain(l.Principal), Person: approval.Plain(l.Person),
		Operation: showOperation(l.Operation), Reason: approval.Clean(l.Reason, 500), State: becameOf(l), Asked: l.Created.UTC(),
		Needs: l.Terms.Needs, Answers: []shownAnswer{}}
	if l.State == lease.Pending {
		s.Expires = l.Ends.UTC()
	}
	for _, a := range l.Answers {
		s.Answers = append(s.Answers, shownAnswer{approval.Plain(a.Person), approval.Plain(a.Name), a.Approve, a.Scope.String(), approval.Plain(a.Reason), a.Via, a.Time.UTC()})
	}
	return s
}

// shownFrom is a question as the service shows it.
func shownFrom(q approval.Question) shownApproval {
	s := shownApproval{ID: approval.Plain(q.ID), Credential: approval.Plain(q.Credential), Principal: approval.Plain(q.Principal), Person: approval.Plain(q.Person), Operation: showOperation(q.Operation),
		Reason: approval.Plain(q.Reason), State: "pending", Asked: q.Asked, Expires: q.Expires, Needs: q.Needs, Answers: []shownAnswer{}}
	for _, g := range q.Given {
		s.Answers = append(s.Answers, shownAnswer{approval.Plain(g.Person), approval.Plain(g.Name), true, g.Scope, "", g.Via, g.Time})
	}
	return s
}

func (s shownApproval) approvals() (n int) {
	for _, a := range s.Answers {
		if a.Approve {
			n++
		}
	}
	return n
}

// becameOf is what became of a question.
func becameOf(l lease.Lease) string {
	switch {
	case l.State == lease.Pending:
		return "pending"
	case l.Ending == lease.Denied:
		return "denied"
	case !l.Starts.IsZero():
		return "approved"
	case l.Ending == lease.Revoked:
		return "revoked"
	}
	return "lapsed"
}

// listing is what `approval ls` was asked for.
type listing struct {
	all           bool
	admin, issuer string
}

func newApprovalList(o *options) *cobra.Command {
	var l listing
	var asJSON bool
	c := &cobra.Command{
		Use: "ls", Short: "List the questions that wait for an answer", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			questions, err := l.run(cmd.Context(), o, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), questions)
			}
			return table(cmd.OutOrStdout(), "QUESTION\tSTATE\tCREDENTIAL\tPRINCIPAL\tOPERATION\tASKED\tAPPROVALS\tREASON", func(w io.Writer) {
				for _, q := range questions {
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%d of %d\t%s\n", q.ID, q.State, q.Credential, q.Principal,
						orAll(q.Operation, "-"), q.Asked.Format(time.RFC3339), q.approvals(), q.Needs, q.Reason)
				}
			})
		},
	}
	c.Flags().BoolVar(&l.all, "all", false, "answered and lapsed ones too, newest first")
	c.Flags().StringVar(&l.admin, "admin", "", "ask the admin listener at this URL, after a login, and not the store here")
	c.Flags().StringVar(&l.issuer, "issuer", "", "name of the issuer to log in with (default: the first)")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func (l listing) run(ctx context.Context, o *options, w io.Writer) ([]shownApproval, error) {
	if l.admin == "" {
		return listApprovals(ctx, o, l.all)
	}
	if l.all {
		return nil, usageError{errors.New("--all is of the store here: the admin listener lists what waits")}
	}
	r, err := openRemote(ctx, o, l.admin, l.issuer, w)
	if err != nil {
		return nil, err
	}
	questions, err := r.questions(ctx)
	out := []shownApproval{}
	for _, q := range questions {
		out = append(out, shownFrom(q))
	}
	return out, err
}

func listApprovals(ctx context.Context, o *options, all bool) ([]shownApproval, error) {
	out := []shownApproval{}
	f := lease.Filter{State: lease.Pending, Limit: 1000}
	if all {
		f.State = 0
	}
	err := withLeases(ctx, o, func(ls leases) error {
		found, err := lease.List(ctx, ls.db, ls.key, f, time.Now())
		for _, l := range found {
			if l.Terms.Needs > 0 {
				out = append(out, showApproval(l))
			}
		}
		return err
	})
	return out, err
}
