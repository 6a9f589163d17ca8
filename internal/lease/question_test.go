package lease_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/lease"
	"cloakroom/internal/lease/leasetest"
)

var read = lease.Operation{Method: "GET", Host: "h", Path: "/a"}

// question asks for a minute over a credential that one person must approve.
func question(p access.Principal, credential string) lease.Ask {
	a := asked(p, credential, time.Minute)
	a.Operation, a.Terms.Needs, a.Stands, a.Cooldown = read, 1, time.Minute, 5*time.Minute
	return a
}

// pose asks, and wants it to wait for people.
func pose(t testing.TB, k *lease.Keeper, a lease.Ask, now time.Time) lease.Lease {
	t.Helper()
	ask := k.Use
	if a.Ticket != (lease.Digest{}) {
		ask = k.Request
	}
	l, err := ask(context.Background(), a, now)
	if !errors.Is(err, lease.ErrPending) || l.State != lease.Pending {
		t.Fatalf("got %s %q, %v", l.State, l.ID, err)
	}
	return l
}

func approve(t testing.TB, k *lease.Keeper, id string, scope lease.Scope, now time.Time) lease.Lease {
	t.Helper()
	l, err := k.Answer(context.Background(), id, yes("carol", scope), now)
	if err != nil || l.State != lease.Active {
		t.Fatalf("got %s, %v", l.State, err)
	}
	return l
}

func yes(name string, scope lease.Scope) lease.Answer {
	return lease.Answer{Person: name + "@example.com", Principal: "https://h.example#" + name, Approve: true, Scope: scope, Via: "page"}
}

func deny(t testing.TB, k *lease.Keeper, id string, now time.Time) lease.Lease {
	t.Helper()
	l, err := k.Answer(context.Background(), id, lease.Answer{Person: "c", Principal: "https://h.example#c", Reason: "no", Via: "page"}, now)
	if err != nil || l.Ending != lease.Denied {
		t.Fatalf("got %s %s, %v", l.State, l.Ending, err)
	}
	return l
}

func TestAQuestionIsOneHoweverOftenItIsAsked(t *testing.T) {
	m := new(leasetest.Memory)
	a, b := keeper(t, m, lease.Options{}, at(0)), keeper(t, m, lease.Options{}, at(0))
	l := pose(t, a, question(alice, "c"), at(0))
	for i, k := range []*lease.Keeper{a, b, a} {
		if again := pose(t, k, question(alice, "c"), at(i)); again.ID != l.ID || !again.Ends.Equal(l.Ends) {
			t.Errorf("asked again: %+v", again)
		}
	}
	if k := keeper(t, m, lease.Options{}, at(3)); pose(t, k, question(alice, "c"), at(3)).ID != l.ID {
		t.Error("another question after a restart")
	}
	other := question(alice, "c")
	other.Operation.Path = "/b"
	if pose(t, a, other, at(3)).ID == l.ID || pose(t, a, question(bob, "c"), at(3)).ID == l.ID || pose(t, a, question(alice, "d"), at(3)).ID == l.ID {
		t.Error("other questions are the same")
	}
	if late := pose(t, a, question(alice, "c"), at(60)); late.ID == l.ID {
		t.Error("a question that has lapsed is asked still")
	}
	if a.Active() != 0 || a.Live(l.ID, at(1)) {
		t.Error("a question is live")
	}
}

func TestManyAskOneQuestion(t *testing.T) {
	m := new(leasetest.Memory)
	ks := []*lease.Keeper{keeper(t, m, lease.Options{}, at(0)), keeper(t, m, lease.Options{}, at(0))}
	var wg sync.WaitGroup
	ids := make([]string, 40)
	for i := range ids {
		wg.Go(func() { ids[i] = pose(t, ks[i%2], question(alice, "c"), at(0)).ID })
	}
	wg.Wait()
	for _, id := range ids {
		if id != ids[0] {
			t.Fatalf("got %q", ids)
		}
	}
}

func TestATicketAskedForAgain(t *testing.T) {
	k := keeper(t, new(leasetest.Memory), lease.Options{}, at(0))
	a := question(alice, "c")
	a.Ticket = lease.Digest{1}
	l := pose(t, k, a, at(0))
	without := pose(t, k, question(alice, "c"), at(0))
	if without.ID == l.ID {
		t.Error("with a ticket and without is one question")
	}
	a.Ticket = lease.Digest{2}
	if again := pose(t, k, a, at(1)); again.ID != l.ID || again.Ticket != a.Ticket {
		t.Errorf("got %+v", again)
	}
	_, err := k.ByTicket(context.Background(), lease.Digest{1}, at(1))
	wantErr(t, err, lease.ErrUnknown)
	_, err = k.ByTicket(context.Background(), lease.Digest{2}, at(1))
	wantErr(t, err, lease.ErrPending)
	approve(t, k, l.ID, lease.ScopeCredential, at(2))
	if got, err := k.ByTicket(context.Background(), lease.Digest{2}, at(3)); err != nil || got.ID != l.ID {
		t.Errorf("got %+v, %v", got, err)
	}
	_, err = k.ByTicket(context.Background(), lease.Digest{1}, at(3))
	wantErr(t, err, lease.ErrUnknown)
}

func TestAnApprovedLeaseIsGoodForItsScope(t *testing.T) {
	m := new(leasetest.Memory)
	k, other := keeper(t, m, lease.Options{}, at(0)), keeper(t, m, lease.Options{}, at(0))
	l := pose(t, k, question(alice, "c"), at(0))
	approve(t, k, l.ID, lease.ScopePath, at(10))
	for _, k := range []*lease.Keeper{k, other} { // the other finds it in the store
		got, err := k.Use(context.Background(), question(alice, "c"), at(11))
		if err != nil || got.ID != l.ID || !got.Ends.Equal(at(70)) {
			t.Errorf("got %+v, %v", got, err)
		}
	}
	a := question(alice, "c")
	a.Operation.Path = "/a?q"
	if got, err := k.Use(context.Background(), a, at(11)); err != nil || got.ID != l.ID {
		t.Errorf("another query: %+v, %v", got, err)
	}
	a.Operation.Path = "/b"
	if got := pose(t, k, a, at(11)); got.ID == l.ID {
		t.Error("another path is covered")
	}
	more := question(alice, "c")
	more.Terms.Needs = 2
	if got := pose(t, k, more, at(11)); got.ID == l.ID {
		t.Error("one approval is enough for two")
	}
	once := question(alice, "d")
	once.Terms.Reuse = false
	l = pose(t, k, once, at(11))
	approve(t, k, l.ID, lease.ScopeCredential, at(12))
	once.Session = "another"
	if got := pose(t, k, once, at(13)); got.ID == l.ID {
		t.Error("another session takes it")
	}
}

func TestCoolDown(t *testing.T) {
	m := new(leasetest.Memory)
	k, other := keeper(t, m, lease.Options{}, at(0)), keeper(t, m, lease.Options{}, at(0))
	l := pose(t, k, question(alice, "c"), at(0))
	deny(t, k, l.ID, at(10))
	for name, change := range map[string]func(*lease.Ask){
		"the same":          func(*lease.Ask) {},
		"another operation": func(a *lease.Ask) { a.Operation = lease.Operation{} },
		"a ticket":          func(a *lease.Ask) { a.Ticket = lease.Digest{9} },
	} {
		a := question(alice, "c")
		change(&a)
		ask := other.Use
		if a.Ticket != (lease.Digest{}) {
			ask = other.Request
		}
		_, err := ask(context.Background(), a, at(309))
		var cooling *lease.CoolingDown
		if !errors.As(err, &cooling) || cooling.Denied.ID != l.ID || !cooling.Until.Equal(at(310)) {
			t.Errorf("%s: %v", name, err)
		}
		if denial, _ := cooling.Denied.Denial(); denial.Reason != "no" {
			t.Errorf("%s: %+v", name, denial)
		}
	}
	pose(t, k, question(alice, "d"), at(20))
	pose(t, k, question(bob, "c"), at(20))
	pose(t, k, question(alice, "c"), at(310))
}

func TestSoManyQuestionsOfOne(t *testing.T) {
	k := keeper(t, new(leasetest.Memory), lease.Options{Questions: 5}, at(0))
	var wg sync.WaitGroup
	errs := make([]error, 40)
	for i := range errs {
		wg.Go(func() {
			_, errs[i] = k.Use(context.Background(), question(alice, fmt.Sprint(i)), at(0))
		})
	}
	wg.Wait()
	n := 0
	for _, err := range errs {
		if errors.Is(err, lease.ErrPending) {
			n++
		} else {
			wantErr(t, err, lease.ErrTooMany)
		}
	}
	if n != 5 {
		t.Errorf("%d questions wait", n)
	}
	pose(t, k, question(bob, "c"), at(0))
	pose(t, k, question(alice, "late"), at(60)) // the others have lapsed
}

func TestAnswersAcrossReplicas(t *testing.T) {
	m := new(leasetest.Memory)
	a, b := keeper(t, m, lease.Options{}, at(0)), keeper(t, m, lease.Options{}, at(0))
	q := question(alice, "c")
	q.Terms.Needs = 2
	l := pose(t, a, q, at(0))
	if got, err := a.Answer(context.Background(), l.ID, yes("carol", lease.ScopeCredential), at(1)); err != nil || got.State != lease.Pending {
		t.Fatalf("got %+v, %v", got, err)
	}
	_, err := b.Answer(context.Background(), l.ID, yes("carol", lease.ScopeCredential), at(2))
	wantErr(t, err, lease.ErrTwice)
	got, err := b.Answer(context.Background(), l.ID, yes("dan", lease.ScopeOperation), at(3))
	if err != nil || got.State != lease.Active || got.Scope != lease.ScopeOperation || !b.Live(l.ID, at(3)) {
		t.Fatalf("got %+v, %v", got, err)
	}
	sweep(t, a, at(4))
	_, err = a.Answer(context.Background(), l.ID, yes("eve", lease.ScopeOperation), at(5))
	wantErr(t, err, lease.ErrConflict)
	if !a.Live(l.ID, at(62)) || a.Live(l.ID, at(63)) {
		t.Error("the first has not heard of it, or knows no end")
	}
	_, err = a.Answer(context.Background(), "nobody", yes("eve", lease.ScopeOperation), at(5))
	wantErr(t, err, lease.ErrUnknown)
}

// Of many answers at once each counts.
func TestManyAnswerAtOnce(t *testing.T) {
	m := new(leasetest.Memory)
	ks := []*lease.Keeper{keeper(t, m, lease.Options{}, at(0)), keeper(t, m, lease.Options{}, at(0))}
	q := question(alice, "c")
	q.Terms.Needs = 20
	l := pose(t, ks[0], q, at(0))
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			if _, err := ks[i%2].Answer(context.Background(), l.ID, yes(fmt.Sprint("p", i), lease.ScopeCredential), at(1)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got, err := ks[0].ByID(context.Background(), l.ID, at(2)); err != nil || got.State != lease.Active || len(got.Answers) != 20 {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestAQuestionLapses(t *testing.T) {
	m := new(leasetest.Memory)
	k := keeper(t, m, lease.Options{}, at(0))
	l := pose(t, k, question(alice, "c"), at(0))
	for i := range 1200 { // asked later: they do not stand in its way
		pose(t, k, question(access.Principal{Issuer: "i", Subject: fmt.Sprint(i)}, "c"), at(30))
	}
	_, err := k.Answer(context.Background(), l.ID, yes("carol", lease.ScopeOperation), at(60))
	wantErr(t, err, lease.ErrEnded)
	sweep(t, k, at(61))
	if r, err := m.ByID(context.Background(), l.ID); err != nil || r.State != lease.Ended || unsealed(t, r).Ending != lease.Expired {
		t.Errorf("stored %+v, %v", r, err)
	}
}

// Two replicas that open at once where one lease is the most: the other's will do.
func TestAnotherReplicasLeaseIsTaken(t *testing.T) {
	m := new(leasetest.Memory)
	a, b := keeper(t, m, lease.Options{}, at(0)), keeper(t, m, lease.Options{}, at(0))
	ask := asked(alice, "c", time.Minute)
	ask.AtOnce = 1
	l, err := a.Use(context.Background(), ask, at(0))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := b.Use(context.Background(), ask, at(1)); err != nil || got.ID != l.ID || b.Active() != 1 {
		t.Errorf("got %+v, %v", got, err)
	}
	ticket := ask
	ticket.Ticket = lease.Digest{1}
	_, err = b.Request(context.Background(), ticket, at(2))
	wantErr(t, err, lease.ErrTooMany)
}

// However many leases a principal opens and ends meanwhile, a denial is not
// forgotten, by no process.
func TestACoolDownIsNotCrowdedOut(t *testing.T) {
	m := new(leasetest.Memory)
	k := keeper(t, m, lease.Options{Questions: 1000}, at(0))
	l := pose(t, k, question(alice, "c"), at(0))
	for i := range 150 {
		other := question(alice, "c")
		other.Operation.Path = fmt.Sprint("/", i)
		takeBack(t, k, pose(t, k, other, at(1)), at(1))
		free := asked(alice, "c", time.Minute) // policy asks people about some requests only
		free.Ticket = lease.Digest{1, byte(i)}
		open, err := k.Request(context.Background(), free, at(1))
		if err != nil {
			t.Fatal(err)
		}
		takeBack(t, k, open, at(1))
	}
	deny(t, k, l.ID, at(2))
	for name, k := range map[string]*lease.Keeper{"the same process": k, "another": keeper(t, m, lease.Options{}, at(2))} {
		var cooling *lease.CoolingDown
		if _, err := k.Use(context.Background(), question(alice, "c"), at(3)); !errors.As(err, &cooling) || cooling.Denied.ID != l.ID {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// takeBack has the lease ended by its own principal.
func takeBack(t testing.TB, k *lease.Keeper, l lease.Lease, now time.Time) {
	t.Helper()
	if _, err := k.Revoke(context.Background(), l.ID, l.Principal, now); err != nil {
		t.Fatal(err)
	}
}

// Who asks and takes back, again and again, tires people out no faster than who
// only asks.
func TestQuestionsThatAreTakenBackCount(t *testing.T) {
	m := new(leasetest.Memory)
	k, other := keeper(t, m, lease.Options{Questions: 5}, at(0)), keeper(t, m, lease.Options{Questions: 5}, at(0))
	for i := range 5 {
		a := question(alice, "c")
		a.Operation.Path = fmt.Sprint("/", i)
		takeBack(t, k, pose(t, k, a, at(i)), at(i))
	}
	for _, k := range []*lease.Keeper{k, other} {
		_, err := k.Use(context.Background(), question(alice, "d"), at(50))
		wantErr(t, err, lease.ErrTooMany)
	}
	pose(t, k, question(bob, "c"), at(50))
	pose(t, k, question(alice, "c"), at(60)) // the first would have lapsed
	_, err := k.Use(context.Background(), question(alice, "d"), at(60))
	wantErr(t, err, lease.ErrTooMany)
}
