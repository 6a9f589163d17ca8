package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"cloakroom/internal/access"
	"cloakroom/internal/approval"
	"cloakroom/internal/inventory"
	"cloakroom/internal/lease"
	"cloakroom/internal/record"
)

func newApproval(o *options) *cobra.Command {
	return group("approval", "Questions that wait for a person's answer",
		newApprovalList(o), newApprovalShow(o), newApprove(o), newDeny(o))
}

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
	s := shownApproval{ID: l.ID, Credential: plain(l.Credential), Principal: plain(l.Principal), Person: plain(l.Person),
		Operation: showOperation(l.Operation), Reason: approval.Clean(l.Reason, 500), State: becameOf(l), Asked: l.Created.UTC(),
		Needs: l.Terms.Needs, Answers: []shownAnswer{}}
	if l.State == lease.Pending {
		s.Expires = l.Ends.UTC()
	}
	for _, a := range l.Answers {
		s.Answers = append(s.Answers, shownAnswer{plain(a.Person), plain(a.Name), a.Approve, a.Scope.String(), plain(a.Reason), a.Via, a.Time.UTC()})
	}
	return s
}

// shownFrom is a question as the service shows it.
func shownFrom(q approval.Question) shownApproval {
	s := shownApproval{ID: q.ID, Credential: q.Credential, Principal: q.Principal, Person: q.Person, Operation: showOperation(q.Operation),
		Reason: q.Reason, State: "pending", Asked: q.Asked, Expires: q.Expires, Needs: q.Needs, Answers: []shownAnswer{}}
	for _, g := range q.Given {
		s.Answers = append(s.Answers, shownAnswer{g.Person, g.Name, true, g.Scope, "", g.Via, g.Time})
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

func newApprovalShow(o *options) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use: "show QUESTION", Short: "Show one question, with all that is known to judge it", Args: oneArg("the question's id, or how it begins"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withLeases(cmd.Context(), o, func(ls leases) error {
				q, err := ls.question(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				if asJSON {
					return printJSON(cmd.OutOrStdout(), q)
				}
				return printQuestion(cmd.OutOrStdout(), q, time.Now())
			})
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// onlooker is whoever can read the store and its key: they are shown everything,
// and may answer nothing.
var onlooker = access.Principal{Issuer: "cli", Subject: "cli", Groups: []string{"onlookers"}, Human: true}

// nowhere is the log of a desk at which nothing is done.
type nowhere struct{}

func (nowhere) Append(context.Context, record.Entry) error {
	return errors.New("nothing is logged here")
}

// question is one question as the page shows it, found by how its id begins.
func (ls leases) question(ctx context.Context, id string) (approval.Question, error) {
	d, err := ls.desk(ctx)
	if err != nil {
		return approval.Question{}, err
	}
	all, err := d.Questions(ctx, onlooker)
	if err != nil {
		return approval.Question{}, err
	}
	q, err := findQuestion(all, id)
	if err != nil {
		return q, err
	}
	q, err = d.Question(ctx, q.ID, onlooker)
	q.Obstacle = "" // the onlooker's
	return q, err
}

// findQuestion finds a question by how its id begins.
func findQuestion(all []approval.Question, id string) (approval.Question, error) {
	q, err := approval.Find(all, id)
	if err != nil {
		err = hinted{fmt.Errorf("no question %q waits for an answer", id), "cloakroom approval ls lists them, with --all answered ones too"}
	}
	return q, err
}

// desk is one to look at.
func (ls leases) desk(ctx context.Context) (*approval.Desk, error) {
	root, err := existingRoot(ls.config)
	if err != nil {
		return nil, err
	}
	keys, err := root.Keys()
	if err != nil {
		return nil, err
	}
	set, err := inventoryOf(ls.config, keys)
	if err != nil {
		return nil, err
	}
	k, err := ls.keeper(ctx)
	if err != nil {
		return nil, err
	}
	return approval.New(approval.Deps{
		Inventory: func() *inventory.Set { return set },
		Groups: func() approval.Groups {
			return approval.Groups{Auditors: []access.Group{{Issuer: onlooker.Issuer, Name: onlooker.Groups[0]}}}
		},
		Leases: k, Log: nowhere{}, Now: time.Now,
	})
}
