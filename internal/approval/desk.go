package approval

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/inventory"
	"cloakroom/internal/lease"
	"cloakroom/internal/record"
)

// Errors of the desk, to be told apart with errors.Is, beside those of package
// lease. Their texts are for the person.
var (
	ErrRole     = errors.New("this is not yours to see or to do")
	ErrMachine  = errors.New("only a person who has logged in may answer: this is a machine's token, or its issuer is not marked human")
	ErrNobody   = errors.New("the issuer does not say which person this is (its claims.person), so an answer could be counted twice")
	ErrNotFresh = errors.New("an answer needs a login made for it, and this one is too old: answer again")
	ErrChanged  = errors.New("the question is not the one that was shown: look at it again")
	ErrUnnamed  = errors.New("the token of who asks names no person, and is of your own issuer: it may be you who asks")
	ErrLong     = errors.New("the question is so long that the record could not hold what you were shown, so that nobody can approve it: deny it")
	ErrClick    = errors.New("a click does not answer this question: open it on the page")
)

// Leases is what the desk needs of lease.Keeper.
type Leases interface {
	ByID(ctx context.Context, id string, now time.Time) (lease.Lease, error)
	List(ctx context.Context, f lease.Filter, now time.Time) ([]lease.Lease, error)
	Answer(ctx context.Context, id string, a lease.Answer, now time.Time) (lease.Lease, error)
	Revoke(ctx context.Context, id, by string, now time.Time) (lease.Lease, error)
	Bar(ctx context.Context, b lease.Bar, now time.Time) (lease.Bar, []lease.Lease, error)
	Lift(ctx context.Context, id string, now time.Time) error
	Bars() []lease.Bar
}

// Log is what the desk needs of record.Log.
type Log interface {
	Append(ctx context.Context, e record.Entry) error
}

// Groups are the groups under admin.
type Groups struct {
	Operators, Approvers, Auditors []access.Group
}

// Deps is what a Desk works with. All but Told is required.
type Deps struct {
	Inventory func() *inventory.Set // the snapshot in force
	Groups    func() Groups
	Leases    Leases
	Log       Log
	Now       func() time.Time
	Told      func(Answered) // hears of answers that count; must not block; nil: nobody does
}

// Answered is an answer that counts.
type Answered struct {
	Question Question
	Lease    lease.Lease
	Answer   lease.Answer
}

// Desk is where people answer. It is safe for concurrent use.
type Desk struct{ Deps }

// New makes a Desk.
func New(d Deps) (*Desk, error) {
	if d.Inventory == nil || d.Groups == nil || d.Leases == nil || d.Log == nil || d.Now == nil {
		return nil, errors.New("making the desk: a dependency is missing")
	}
	if d.Told == nil {
		d.Told = func(Answered) {}
	}
	return &Desk{d}, nil
}

// Roles says what somebody may do.
type Roles struct{ Operator, Approver, Auditor bool }

// Any tells whether there is anything that they may.
func (r Roles) Any() bool { return r.Operator || r.Approver || r.Auditor }

// Roles says what who may do. A machine has no role.
func (d *Desk) Roles(who access.Principal) Roles {
	if machine(who) {
		return Roles{}
	}
	g := d.Groups()
	r := Roles{Operator: who.InAny(g.Operators), Approver: who.InAny(g.Approvers), Auditor: who.InAny(g.Auditors)}
	for _, c := range d.Inventory().Credentials() {
		r.Approver = r.Approver || c.Tier.Approval != nil && who.InAny(c.Tier.Approval.Approvers)
	}
	return r
}

// approvers are the groups that answer for a credential: its tier's, or, where
// policy alone asks for an approval, those under admin.
func (d *Desk) approvers(c *inventory.Credential) []access.Group {
	if c.Tier.Approval != nil {
		return c.Tier.Approval.Approvers
	}
	return d.Groups().Approvers
}

// sees tells whether who may see the leases over a credential: an operator, an
// auditor, or one of its approvers. It is asked for every lease of a list, and so
// does not go through the inventory as Roles does.
func (d *Desk) sees(who access.Principal, credential string) bool {
	if machine(who) {
		return false
	}
	g := d.Groups()
	c := d.Inventory().Credential(credential)
	return who.InAny(g.Operators) || who.InAny(g.Auditors) || c != nil && who.InAny(d.approvers(c))
}

// machine tells whether who is nobody that a person's login vouches for.
func machine(who access.Principal) bool { return !who.Human || who.Ticket }

// mostQuestions bounds how many are looked at for a list, the latest ones: those
// of 50 principals that ask as much as they may.
const mostQuestions = 1000

// Questions lists the questions that wait for an answer, as who is shown them,
// the oldest first.
func (d *Desk) Questions(ctx context.Context, who access.Principal) ([]Question, error) {
	if !d.Roles(who).Any() {
		return nil, ErrRole
	}
	ls, err := d.Leases.List(ctx, lease.Filter{State: lease.Pending, Limit: mostQuestions}, d.Now())
	if err != nil {
		return nil, err
	}
	slices.Reverse(ls)
	out := []Question{}
	for _, l := range ls {
		if !d.sees(who, l.Credential) {
			continue
		}
		if q, ok := d.show(l, who); ok {
			out = append(out, q)
		}
	}
	return out, nil
}

// Question is one question as who is shown it, with its history. A lease that
// waits no more is lease.ErrEnded or lease.ErrConflict.
func (d *Desk) Question(ctx context.Context, id string, who access.Principal) (Question, error) {
	l, err := d.pending(ctx, id, who)
	if err != nil {
		return Question{}, err
	}
	q, ok := d.show(l, who)
	if !ok {
		return Question{}, lease.ErrUnknown
	}
	q.Before, err = d.history(ctx, l)
	return q, err
}

// Lease is one lease, whatever its state, for those who may see it.
func (d *Desk) Lease(ctx context.Context, id string, who access.Principal) (lease.Lease, error) {
	l, err := d.Leases.ByID(ctx, id, d.Now())
	if err == nil && !d.sees(who, l.Credential) {
		return lease.Lease{}, ErrRole
	}
	return l, err
}

func (d *Desk) pending(ctx context.Context, id string, who access.Principal) (lease.Lease, error) {
	l, err := d.Leases.ByID(ctx, id, d.Now())
	switch {
	case err != nil:
		return l, err
	case !d.sees(who, l.Credential):
		return l, ErrRole
	case l.State == lease.Active:
		return l, lease.ErrConflict
	case l.State != lease.Pending:
		return l, lease.ErrEnded
	}
	return l, nil
}

// history is what became of the principal's other questions about the credential.
func (d *Desk) history(ctx context.Context, l lease.Lease) (h History, err error) {
	ls, err := d.Leases.List(ctx, lease.Filter{Principal: l.Principal, Credential: l.Credential}, d.Now())
	for _, was := range ls {
		if was.ID == l.ID || was.Terms.Needs == 0 {
			continue
		}
		h.Asked++
		switch {
		case was.Ending == lease.Denied:
			h.Denied++
		case !was.Starts.IsZero():
			h.Approved++
		default:
			continue
		}
		if last := was.Answers[len(was.Answers)-1].Time; last.After(h.Last) {
			h.Last = last
		}
	}
	return h, err
}

// Find finds a question by the beginning of its id, at least four characters of
// it.
func Find(qs []Question, id string) (Question, error) {
	var found []Question
	for _, q := range qs {
		if len(id) >= 4 && strings.HasPrefix(q.ID, id) {
			found = append(found, q)
		}
	}
	if len(found) != 1 {
		return Question{}, fmt.Errorf("question %q: %w", id, lease.ErrUnknown)
	}
	return found[0], nil
}
