package approval

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/inventory"
	"cloakroom/internal/lease"
	"cloakroom/internal/lease/leasetest"
	"cloakroom/internal/record"
)

const (
	humans   = "https://humans.example"
	machines = "https://machines.example"
)

func group(name string) []access.Group { return []access.Group{{Issuer: humans, Name: name}} }

// human is a person of humans, in groups.
func human(name string, groups ...string) access.Principal {
	return access.Principal{Issuer: humans, Subject: name, Groups: groups, Person: name + "@example.com", Human: true}
}

var (
	agent    = access.Principal{Issuer: machines, Subject: "agent", Groups: []string{"agents"}, Person: "owner@example.com"}
	oncall   = human("carol", "oncall")
	operator = human("olga", "sre")
	auditor  = human("ada", "security")
)

// world is a desk, and what is around it.
type world struct {
	*Desk
	t       *testing.T
	keeper  *lease.Keeper
	now     time.Time
	set     *inventory.Set
	entries []record.Entry
	logErr  error
	told    []Answered
}

func (w *world) Append(_ context.Context, e record.Entry) error {
	if w.logErr == nil {
		w.entries = append(w.entries, e)
	}
	return w.logErr
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, now: leasetest.Epoch}
	var err error
	w.keeper, err = lease.NewKeeper(t.Context(), new(leasetest.Memory), [32]byte{1}, lease.Options{Confirm: -1}, w.now)
	if err != nil {
		t.Fatal(err)
	}
	w.stock(func(*inventory.Tier) {})
	w.Desk, err = New(Deps{Inventory: func() *inventory.Set { return w.set }, Leases: w.keeper, Log: w, Now: func() time.Time { return w.now },
		Groups: func() Groups {
			return Groups{Operators: group("sre"), Approvers: group("approvers"), Auditors: group("security")}
		}, Told: func(a Answered) { w.told = append(w.told, a) }})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// stock makes the inventory: "prod" needs people on call, "db" other ones, "read" none.
func (w *world) stock(change func(prod *inventory.Tier)) {
	w.t.Helper()
	prod := inventory.Tier{Name: "high", Lease: time.Minute, Approval: &inventory.Approval{Approvers: group("oncall"), Count: 1}}
	change(&prod)
	db := inventory.Tier{Name: "db", Lease: time.Minute, Approval: &inventory.Approval{Approvers: group("dba"), Count: 1}}
	rule := inventory.Rule{Hosts: []string{"api.example.com"}, Methods: []string{"GET", "PUT"}, Paths: []string{"/**"}, In: []access.Location{{Kind: access.InCredentials}}}
	var err error
	w.set, err = inventory.New(inventory.Key{1}, []inventory.Credential{
		{Name: "prod", Description: "deploys <now>", Tier: prod, Rules: []inventory.Rule{rule}},
		{Name: "db", Tier: db, Rules: []inventory.Rule{rule}},
		{Name: "read", Tier: inventory.Tier{Name: "low", Lease: time.Hour}, Rules: []inventory.Rule{rule}},
	}, nil, false)
	if err != nil {
		w.t.Fatal(err)
	}
}

// ask opens a question.
func (w *world) ask(credential string, change ...func(*lease.Ask)) lease.Lease {
	w.t.Helper()
	a := lease.Ask{Principal: agent, Credential: credential, Reason: "fix <it>", Session: "s1", Stands: time.Hour, Cooldown: time.Minute,
		Operation: lease.Operation{Method: "PUT", Host: "api.example.com", Path: "/deploy", Body: lease.Digest{1}},
		Terms:     lease.Terms{Length: time.Minute, Needs: 1}}
	for _, c := range change {
		c(&a)
	}
	l, err := w.keeper.Use(w.t.Context(), a, w.now)
	if !errors.Is(err, lease.ErrPending) {
		w.t.Fatal(err)
	}
	return l
}

// shown is the question as who sees it.
func (w *world) shown(id string, who access.Principal) Question {
	w.t.Helper()
	q, err := w.Question(w.t.Context(), id, who)
	if err != nil {
		w.t.Fatal(err)
	}
	return q
}

// yes is an approval that counts.
func (w *world) yes(id string, who access.Principal) Answer {
	w.t.Helper()
	return Answer{By: who, Name: who.Subject, Asked: w.now.Add(-10 * time.Second), LoggedIn: w.now.Add(-5 * time.Second), Approve: true,
		Scope: lease.ScopeOperation, Seen: w.shown(id, auditor).Seen, Via: "page"}
}

func TestWhoMayAnswer(t *testing.T) {
	no := func(a *Answer) { a.Approve, a.Scope, a.Reason = false, 0, "no" }
	for _, c := range []struct {
		name string
		who  access.Principal
		also func(*Answer)
		want error // nil: it counts
	}{
		{"one on call", oncall, nil, nil},
		{"one on call denies", oncall, no, nil},
		{"a machine", access.Principal{Issuer: humans, Subject: "x", Person: "x", Groups: []string{"oncall"}}, nil, ErrMachine},
		{"a machine denies", access.Principal{Issuer: humans, Subject: "x", Person: "x", Groups: []string{"oncall"}}, no, ErrMachine},
		{"a ticket", func() access.Principal { p := oncall; p.Ticket = true; return p }(), nil, ErrMachine},
		{"nobody", access.Principal{}, nil, ErrMachine},
		{"no person", func() access.Principal { p := oncall; p.Person = ""; return p }(), nil, ErrNobody},
		{"no group", human("dave"), nil, ErrRole},
		{"another tier's approver", human("dave", "dba"), nil, ErrRole},
		{"an approver under admin", human("dave", "approvers"), nil, ErrRole},
		{"an operator", operator, nil, ErrRole},
		{"an auditor", auditor, nil, ErrRole},
		{"the group of another issuer", access.Principal{Issuer: "https://other.example", Subject: "x", Person: "x", Human: true, Groups: []string{"oncall"}}, nil, ErrRole},
		{"the human behind the agent", human("owner", "oncall"), nil, lease.ErrSelf},
		{"the human behind the agent denies", human("owner", "oncall"), no, lease.ErrSelf},
		{"a login before it was asked for", oncall, func(a *Answer) { a.LoggedIn = a.Asked.Add(-31 * time.Second) }, ErrNotFresh},
		{"a login as the issuer's clock may say", oncall, func(a *Answer) { a.LoggedIn = a.Asked.Add(-30 * time.Second) }, nil},
		{"a stored login", oncall, func(a *Answer) { a.LoggedIn = a.LoggedIn.Add(-time.Hour) }, ErrNotFresh},
		{"a login that nobody asked for", oncall, func(a *Answer) { a.Asked = time.Time{} }, ErrNotFresh},
		{"no login", oncall, func(a *Answer) { a.LoggedIn = time.Time{} }, ErrNotFresh},
		{"a login of tomorrow", oncall, func(a *Answer) { a.LoggedIn = a.LoggedIn.Add(24 * time.Hour) }, ErrNotFresh},
		{"a login of long ago", oncall, func(a *Answer) { a.Asked, a.LoggedIn = a.Asked.Add(-5*time.Minute), a.LoggedIn.Add(-5*time.Minute) }, ErrNotFresh},
		{"another question", oncall, func(a *Answer) { a.Seen = strings.Repeat("0", 64) }, ErrChanged},
		{"no question", oncall, func(a *Answer) { a.Seen = "" }, ErrChanged},
		{"no scope", oncall, func(a *Answer) { a.Scope = 0 }, lease.ErrScope},
		{"an unknown scope", oncall, func(a *Answer) { a.Scope = 9 }, lease.ErrScope},
		{"a wider scope", oncall, func(a *Answer) { a.Scope = lease.ScopeCredential }, nil},
		{"a click in a chat", oncall, func(a *Answer) { a.Via, a.Asked, a.LoggedIn = ViaSlack, time.Time{}, time.Time{} }, ErrClick},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			l := w.ask("prod")
			a := w.yes(l.ID, c.who)
			if c.also != nil {
				c.also(&a)
			}
			got, err := w.Answer(t.Context(), l.ID, a)
			if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
				t.Fatalf("got %v, want %v", err, c.want)
			}
			is, err := w.keeper.ByID(t.Context(), l.ID, w.now)
			if err != nil {
				t.Fatal(err)
			}
			if counts := c.want == nil; counts != (is.State != lease.Pending) || counts != (len(w.entries) == 1) || counts != (len(w.told) == 1) {
				t.Errorf("the lease is %s, %d entries, told %d", is.State, len(w.entries), len(w.told))
			}
			if c.want == nil && (got.State != is.State || a.Approve != (is.State == lease.Active) || a.Approve && is.Scope != a.Scope) {
				t.Errorf("got %+v, and it is %+v", got, is)
			}
		})
	}
}

func TestADenialWantsAReason(t *testing.T) {
	w := newWorld(t)
	l := w.ask("prod")
	for _, reason := range []string{"", " \n", "\u200b\u202e"} {
		a := w.yes(l.ID, oncall)
		a.Approve, a.Reason = false, reason
		if _, err := w.Answer(t.Context(), l.ID, a); err == nil || len(w.entries) != 0 {
			t.Errorf("%q is a reason, %d entries", reason, len(w.entries))
		}
	}
	a := w.yes(l.ID, oncall)
	a.Approve, a.Reason = false, "use\u202e <staging>\x00"
	got, err := w.Answer(t.Context(), l.ID, a)
	if d, ok := got.Denial(); err != nil || !ok || d.Reason != "use <staging>" || d.Scope != 0 {
		t.Errorf("got %+v, %v", got, err)
	}
	if e := w.entries[0].Approval; e.Approve || e.Scope != "" || e.Reason != "use <staging>" || e.By != oncall.ID() || e.Person != oncall.Person {
		t.Errorf("recorded %+v", e)
	}
}

func TestTwoPeople(t *testing.T) {
	w := newWorld(t)
	l := w.ask("prod", func(a *lease.Ask) { a.Terms.Needs = 2 })
	if _, err := w.Answer(t.Context(), l.ID, w.yes(l.ID, oncall)); err != nil {
		t.Fatal(err)
	}
	again := human("other", "oncall")
	again.Person = oncall.Person
	if _, err := w.Answer(t.Context(), l.ID, w.yes(l.ID, again)); !errors.Is(err, lease.ErrTwice) || len(w.entries) != 1 {
		t.Errorf("one person by two accounts: %v, %d entries", err, len(w.entries))
	}
	q := w.shown(l.ID, again)
	if len(q.Given) != 1 || q.Given[0].Person != oncall.Person || !strings.Contains(q.Obstacle, "you have answered") {
		t.Errorf("shown %+v", q)
	}
	dave := w.yes(l.ID, human("dave", "oncall"))
	dave.Scope = lease.ScopeCredential
	got, err := w.Answer(t.Context(), l.ID, dave)
	if err != nil || got.State != lease.Active || got.Scope != lease.ScopeOperation {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := w.Answer(t.Context(), l.ID, dave); !errors.Is(err, lease.ErrConflict) {
		t.Errorf("a third: %v", err)
	}
}

// An answer that is not in the log does not count.
func TestNothingCountsWithoutTheLog(t *testing.T) {
	w := newWorld(t)
	l := w.ask("prod")
	w.logErr = errors.New("disk is full")
	if _, err := w.Answer(t.Context(), l.ID, w.yes(l.ID, oncall)); !errors.Is(err, w.logErr) || len(w.told) != 0 {
		t.Errorf("got %v, told %d", err, len(w.told))
	}
	if is, err := w.keeper.ByID(t.Context(), l.ID, w.now); err != nil || is.State != lease.Pending || len(is.Answers) != 0 {
		t.Errorf("it is %+v, %v", is, err)
	}
	w.logErr = nil
	if _, err := w.Answer(t.Context(), l.ID, w.yes(l.ID, oncall)); err != nil {
		t.Error(err)
	}
}

// What was shown is in the log, and Seen is its hash.
func TestWhatWasShownIsRecorded(t *testing.T) {
	w := newWorld(t)
	l := w.ask("prod")
	a := w.yes(l.ID, oncall)
	if _, err := w.Answer(t.Context(), l.ID, a); err != nil {
		t.Fatal(err)
	}
	e := w.entries[0].Approval
	sum := sha256.Sum256([]byte(e.Shown))
	if hex.EncodeToString(sum[:]) != e.Seen || e.Seen != a.Seen || e.Session != "s1" || e.Subject != "agent" || e.Scope != "operation" || !e.LoggedIn.Equal(a.LoggedIn) || e.Via != "page" {
		t.Errorf("recorded %+v", e)
	}
	for _, want := range []string{`"fix ‹it›"`, `"/deploy"`, `"owner@example.com"`, `"PUT"`, lease.Digest{1}.String()} {
		if !strings.Contains(e.Shown, want) {
			t.Errorf("%s is not in what was shown: %s", want, e.Shown)
		}
	}
}

// All who look see the same question, and a change of what it would permit makes
// it another.
func TestSeen(t *testing.T) {
	w := newWorld(t)
	l := w.ask("prod")
	seen := w.shown(l.ID, oncall).Seen
	if w.shown(l.ID, auditor).Seen != seen || w.shown(l.ID, human("owner", "oncall")).Seen != seen {
		t.Error("viewers see different questions")
	}
	if q, ok := w.Describe(l); !ok || q.Seen != seen {
		t.Errorf("described %+v", q)
	}
	a := w.yes(l.ID, oncall)
	w.stock(func(prod *inventory.Tier) { prod.Name = "higher" })
	if _, err := w.Answer(t.Context(), l.ID, a); !errors.Is(err, ErrChanged) {
		t.Errorf("after a change: %v", err)
	}
	w.stock(func(prod *inventory.Tier) { prod.Approval.Approvers = group("dba") })
	if _, err := w.Answer(t.Context(), l.ID, w.yes(l.ID, oncall)); !errors.Is(err, ErrRole) {
		t.Errorf("after the group lost its say: %v", err)
	}
}

func TestAClickInAChat(t *testing.T) {
	w := newWorld(t)
	w.stock(func(prod *inventory.Tier) { prod.Approval.Buttons = true })
	l := w.ask("prod")
	click := w.yes(l.ID, oncall)
	click.Via, click.Asked, click.LoggedIn = ViaSlack, time.Time{}, time.Time{}
	machine := click
	machine.By.Human = false
	if _, err := w.Answer(t.Context(), l.ID, machine); !errors.Is(err, ErrMachine) {
		t.Errorf("a machine's click: %v", err)
	}
	if got, err := w.Answer(t.Context(), l.ID, click); err != nil || got.State != lease.Active || w.entries[0].Approval.Via != "slack" {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := w.Answer(t.Context(), "nobody", click); !errors.Is(err, lease.ErrUnknown) {
		t.Errorf("about nothing: %v", err)
	}
}

// Where policy alone asks for an approval, those under admin give it.
func TestApproversUnderAdmin(t *testing.T) {
	w := newWorld(t)
	l := w.ask("read")
	if _, err := w.Answer(t.Context(), l.ID, w.yes(l.ID, oncall)); !errors.Is(err, ErrRole) {
		t.Errorf("one on call: %v", err)
	}
	if _, err := w.Answer(t.Context(), l.ID, w.yes(l.ID, human("dave", "approvers"))); err != nil {
		t.Error(err)
	}
}

func TestTheQuestionIsOver(t *testing.T) {
	w := newWorld(t)
	l, other := w.ask("prod"), w.ask("prod", func(a *lease.Ask) { a.Operation.Path = "/b" })
	a, b := w.yes(l.ID, oncall), w.yes(other.ID, oncall)
	if _, err := w.Answer(t.Context(), l.ID, a); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Question(t.Context(), l.ID, oncall); !errors.Is(err, lease.ErrConflict) {
		t.Errorf("an active one: %v", err)
	}
	w.now = w.now.Add(time.Hour)
	b.Asked, b.LoggedIn = w.now, w.now
	if _, err := w.Answer(t.Context(), other.ID, b); !errors.Is(err, lease.ErrEnded) || len(w.entries) != 1 {
		t.Errorf("a lapsed one: %v", err)
	}
	if _, err := w.Answer(t.Context(), "nobody", b); !errors.Is(err, lease.ErrUnknown) {
		t.Errorf("none: %v", err)
	}
}
