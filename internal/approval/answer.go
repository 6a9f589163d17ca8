package approval

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/lease"
	"cloakroom/internal/record"
)

// Answer is what a person answers, and how they proved who they are.
type Answer struct {
	By       access.Principal // as the login made for the answer says
	Name     string           // to be shown
	Asked    time.Time        // when the login was asked for
	LoggedIn time.Time        // when it was made, as the issuer says
	Approve  bool
	Scope    lease.Scope // of an approval
	Reason   string      // of a denial
	Seen     string      // Question.Seen of what they were shown
	Via      string      // "page", "cli", "api" or "slack"
}

const (
	// loginSkew is how far the issuer's clock may be behind ours; an issuer
	// tells the time of a login in seconds.
	loginSkew = 30 * time.Second
	// loginTime is how long a login made for an answer is good for it.
	loginTime = 5 * time.Minute
	maxReason = 500 // bytes
)

// Answer gives a person's answer. It is in the log before it counts.
func (d *Desk) Answer(ctx context.Context, id string, a Answer) (lease.Lease, error) {
	now := d.Now()
	switch {
	case machine(a.By):
		return lease.Lease{}, ErrMachine
	case a.By.Person == "":
		return lease.Lease{}, ErrNobody
	case a.Via == ViaSlack: // its click is no login
		if err := d.clickable(ctx, id); err != nil {
			return lease.Lease{}, err
		}
	case a.Asked.IsZero() || a.LoggedIn.Before(a.Asked.Add(-loginSkew)) || now.Sub(a.Asked) > loginTime || a.LoggedIn.After(now.Add(loginSkew)):
		return lease.Lease{}, ErrNotFresh
	}
	return d.answer(ctx, id, a, now)
}

// ViaSlack is Answer.Via of a click in Slack.
const ViaSlack = "slack"

// clickable tells whether a click in a chat may answer the question: its tier must
// say so.
func (d *Desk) clickable(ctx context.Context, id string) error {
	l, err := d.Leases.ByID(ctx, id, d.Now())
	if err != nil {
		return err
	}
	c := d.Inventory().Credential(l.Credential)
	if c == nil || c.Tier.Approval == nil || !c.Tier.Approval.Buttons {
		return ErrClick
	}
	return nil
}

func (d *Desk) answer(ctx context.Context, id string, a Answer, now time.Time) (lease.Lease, error) {
	l, err := d.pending(ctx, id, a.By)
	if err != nil {
		return l, err
	}
	a.Reason, a.Name = Clean(a.Reason, maxReason), Clean(a.Name, 100)
	q, answer, err := d.judge(l, a)
	if err != nil {
		return l, err
	}
	if _, err := l.Answer(answer, now); err != nil { // what cannot count is not written down as if it did
		return l, err
	}
	entry := recorded(q, a)
	if a.Approve && len(entry.Shown) > record.ShownMax {
		return l, ErrLong
	}
	if err := d.Log.Append(ctx, record.Entry{Time: now, Approval: entry}); err != nil {
		return l, fmt.Errorf("recording an answer: %w", err)
	}
	if l, err = d.Leases.Answer(ctx, id, answer, now); err != nil {
		return l, err
	}
	d.Told(Answered{q, l, answer})
	return l, nil
}

// judge refuses an answer that is not a's to give, or that was given to something
// else than what is asked now.
func (d *Desk) judge(l lease.Lease, a Answer) (Question, lease.Answer, error) {
	q, ok := d.show(l, a.By)
	c := d.Inventory().Credential(l.Credential)
	out := lease.Answer{Person: a.By.Person, Principal: a.By.ID(), Name: a.Name, Approve: a.Approve, Scope: a.Scope,
		Reason: a.Reason, Via: a.Via}
	switch {
	case !ok || c == nil || !a.By.InAny(d.approvers(c)):
		return q, out, ErrRole
	case unnamed(l, a.By):
		return q, out, ErrUnnamed
	case a.Seen == "" || a.Seen != q.Seen || out.Seen.UnmarshalText([]byte(a.Seen)) != nil:
		return q, out, ErrChanged
	case !a.Approve && a.Reason == "":
		return q, out, errors.New("a denial needs a reason: the agent is told it")
	}
	return q, out, nil
}

// recorded is an answer as the log keeps it, with what was shown: the text of
// which Seen is the hash.
func recorded(q Question, a Answer) *record.Approval {
	q.Given, q.Obstacle, q.Seen = nil, "", ""
	shown, err := json.Marshal(q)
	if err != nil {
		panic(err) // strings, numbers and times encode always
	}
	out := &record.Approval{Lease: q.ID, Issuer: q.Issuer, Subject: q.Subject, Credential: q.Credential, Session: q.Session,
		Approve: a.Approve, Scope: a.Scope.String(), Reason: a.Reason, By: a.By.ID(), Person: a.By.Person, Name: a.Name,
		Via: a.Via, LoggedIn: a.LoggedIn, Seen: a.Seen, Shown: string(shown)}
	if !a.Approve {
		out.Scope = ""
	}
	return out
}
