package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"cloakroom/internal/access"
	"cloakroom/internal/approval"
	"cloakroom/internal/inventory"
	"cloakroom/internal/record"
)

func newApproval(o *options) *cobra.Command {
	return group("approval", "Questions that wait for a person's answer",
		newApprovalList(o), newApprovalShow(o), newApprove(o), newDeny(o))
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
