package main

import (
	"context"
	"errors"
	"fmt"

	"cloakroom/internal/access"
	"cloakroom/internal/approval"
	"cloakroom/internal/config"
	"cloakroom/internal/identity"
	"cloakroom/internal/lease"
	"cloakroom/internal/notify"
)

// clickRefusals are the errors of an answer that are for the person.
var clickRefusals = []error{approval.ErrRole, approval.ErrMachine, approval.ErrNobody, approval.ErrClick, approval.ErrUnnamed, approval.ErrLong, approval.ErrChanged,
	lease.ErrSelf, lease.ErrTwice, lease.ErrScope, lease.ErrUnavailable}

// clicked brings a click on a button to the desk.
func (n *notices) clicked(ctx context.Context, a notify.SlackAnswer) (notify.SlackReply, error) {
	slack := n.s.rules.Load().config.Slack
	if slack == nil {
		return notify.SlackReply{}, errors.New("taking a click: there is no slack section any more")
	}
	who, ok := memberOf(slack, a.User)
	if !ok || who.Person == "" || who.Person != a.Person {
		return notify.SlackReply{}, errors.New("taking a click: the member is not the person any more")
	}
	answer := approval.Answer{By: who, Approve: a.Approve, Seen: a.Seen, Via: approval.ViaSlack}
	if a.Approve {
		answer.Scope = lease.ScopeOperation
	} else {
		answer.Reason = "denied in Slack, where no reason can be given"
	}
	l, err := n.s.desk.Answer(ctx, a.Lease, answer)
	if err != nil {
		n.s.logger.Warn("a click in Slack was refused", "lease", a.Lease, "member", a.User, "error", err)
	}
	return clickReply(l, a, err)
}

// memberOf is a member of the workspace as a principal of the issuer whose groups
// the configuration gives them.
func memberOf(slack *config.Slack, id string) (access.Principal, bool) {
	for _, p := range slack.People {
		if p.ID != id || len(p.Groups) == 0 {
			continue
		}
		who := access.Principal{Issuer: p.Groups[0].Issuer, Subject: "slack:" + id, Person: identity.Person(p.Person), Human: true}
		for _, g := range p.Groups {
			who.Groups = append(who.Groups, g.Name)
		}
		return who, true
	}
	return access.Principal{}, false
}

func clickReply(l lease.Lease, a notify.SlackAnswer, err error) (notify.SlackReply, error) {
	for _, known := range clickRefusals {
		if errors.Is(err, known) {
			return notify.SlackReply{Message: fmt.Sprintf("Nothing was answered: %v.", known)}, nil
		}
	}
	switch {
	case errors.Is(err, lease.ErrEnded) || errors.Is(err, lease.ErrConflict) || errors.Is(err, lease.ErrUnknown):
		return notify.SlackReply{Message: "This question is over: it was answered, revoked or has lapsed.", Done: true}, nil
	case err != nil:
		return notify.SlackReply{}, err
	case !a.Approve:
		return notify.SlackReply{Message: fmt.Sprintf("%s denied %s the use of %s.", a.Person, l.Principal, l.Credential), Done: true}, nil
	case l.State == lease.Pending:
		return notify.SlackReply{Message: fmt.Sprintf("Your approval counts: %d of %d are given.", len(l.Answers), l.Terms.Needs)}, nil
	}
	return notify.SlackReply{Message: fmt.Sprintf("%s approved: %s may use %s for this operation.", a.Person, l.Principal, l.Credential), Done: true}, nil
}
