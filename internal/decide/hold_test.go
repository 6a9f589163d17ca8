package decide

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/inventory"
	"cloakroom/internal/lease"
	"cloakroom/internal/lease/leasetest"
)

// patience only tells something from never.
const patience = 30 * time.Second

// desk is a decider over leases that are real, where a question about "hot"
// waits for as long as anybody has patience.
type desk struct {
	*fakes
	*Decider
	keeper *lease.Keeper
}

func newDesk(t *testing.T, wait time.Duration) *desk {
	t.Helper()
	f := newFakes(t)
	f.now, f.holds = time.Now(), NewHolds(2, 3)
	f.tiers(t, func(_, high *inventory.Tier) {
		high.Approval.Wait, high.Approval.Expires, high.Approval.Cooldown = wait, time.Hour, 5*time.Minute
	})
	k, err := lease.NewKeeper(t.Context(), new(leasetest.Memory), [32]byte{1}, lease.Options{Confirm: -1}, f.now)
	if err != nil {
		t.Fatal(err)
	}
	d := f.decider(t)
	d.Leases = k
	return &desk{f, d, k}
}

// decide sends a request with the placeholder of "hot", and returns at once.
func (d *desk) decide(ctx context.Context) <-chan access.Decision {
	out := make(chan access.Decision, 1)
	go func() { out <- d.Decide(ctx, get(bearer(named("hot"))...), nil) }()
	return out
}

// question waits until so many requests are held, and returns what they wait for.
func (d *desk) question(t *testing.T, held int) lease.Lease {
	t.Helper()
	for deadline := time.Now().Add(patience); d.holds.Held() != held; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d are held, want %d", d.holds.Held(), held)
		}
	}
	ls, err := d.keeper.List(t.Context(), lease.Filter{State: lease.Pending}, time.Now())
	if err != nil || len(ls) != 1 {
		t.Fatalf("%d questions, %v", len(ls), err)
	}
	return ls[0]
}

func (d *desk) answer(t *testing.T, id string, approve bool) {
	t.Helper()
	a := lease.Answer{Person: "p@example.com", Principal: "https://h.example#p", Approve: approve, Reason: "not now", Via: "page"}
	if approve {
		a.Scope = lease.ScopeOperation
	}
	if _, err := d.keeper.Answer(t.Context(), id, a, time.Now()); err != nil {
		t.Fatal(err)
	}
}

func come(t *testing.T, out <-chan access.Decision) access.Decision {
	t.Helper()
	select {
	case d := <-out:
		return d
	case <-time.After(patience):
		t.Fatal("it is held for ever")
		return access.Decision{}
	}
}

func TestAHeldRequestGoesOnOnceApproved(t *testing.T) {
	d := newDesk(t, patience)
	out := d.decide(t.Context())
	l := d.question(t, 1)
	want := lease.Operation{Method: "GET", Host: "api.example.com", Path: "/repos/x", Unseen: true}
	if l.Operation != want || l.Session != "sid-1" || l.Principal != agent.ID() {
		t.Errorf("asked %+v", l)
	}
	d.approve(t, l.ID)
	got := come(t, out)
	if got.Outcome != access.Allow || len(got.Grant.Uses) != 1 || got.Grant.Uses[0].Lease != l.ID {
		t.Fatalf("got %+v, %+v", got, got.Refusal)
	}
	if e := d.entries[0].Decision; len(d.entries) != 1 || e.Outcome != access.Allow || e.Uses[0].Lease != l.ID || d.holds.Held() != 0 {
		t.Errorf("recorded %+v", e)
	}
	if got := come(t, d.decide(t.Context())); got.Outcome != access.Allow || got.Grant.Uses[0].Lease != l.ID {
		t.Errorf("the next is %+v", got.Refusal)
	}
}

// approve approves a question about a body that nobody saw.
func (d *desk) approve(t *testing.T, id string) {
	t.Helper()
	a := lease.Answer{Person: "p@example.com", Principal: "https://h.example#p", Approve: true, Scope: lease.ScopePath, Via: "page"}
	if _, err := d.keeper.Answer(t.Context(), id, a, time.Now()); err != nil {
		t.Fatal(err)
	}
}

func TestAHeldRequestIsRefused(t *testing.T) {
	for _, c := range []struct {
		name    string
		do      func(*testing.T, *desk, string)
		code    access.Code
		message string
	}{
		{"denied", func(t *testing.T, d *desk, id string) { d.answer(t, id, false) }, access.ApprovalDenied, "not now"},
		{"revoked", func(t *testing.T, d *desk, id string) {
			if _, err := d.keeper.Revoke(t.Context(), id, "sre", time.Now()); err != nil {
				t.Error(err)
			}
		}, access.LeaseExpired, "revoked"},
		{"barred", func(t *testing.T, d *desk, _ string) {
			if _, _, err := d.keeper.Bar(t.Context(), lease.Bar{Reason: "a leak"}, time.Now()); err != nil {
				t.Error(err)
			}
		}, access.LeaseExpired, "revoked"},
		{"the rules change", func(t *testing.T, d *desk, id string) { d.outdated = true; d.approve(t, id) }, access.Unavailable, "rules changed"},
		{"the token expires", func(t *testing.T, d *desk, id string) { d.fakes.now = d.fakes.now.Add(time.Hour); d.approve(t, id) }, access.Unauthenticated, "expired while"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDesk(t, patience)
			d.fakes.who.Ends = d.fakes.now.Add(time.Minute)
			out := d.decide(t.Context())
			l := d.question(t, 1)
			c.do(t, d, l.ID)
			got := come(t, out)
			if got.Outcome != access.Deny || got.Grant != nil || got.Refusal.Code != c.code || !strings.Contains(got.Refusal.Message, c.message) {
				t.Errorf("got %+v, %+v", got, got.Refusal)
			}
			if len(d.entries) != 1 || d.entries[0].Decision.Code != c.code || len(d.entries[0].Decision.Uses) != 0 || got.Refusal.Record != got.Exchange || d.holds.Held() != 0 {
				t.Errorf("recorded %+v", d.entries)
			}
		})
	}
}

// Who is not answered in time, has no place to wait in or hangs up is told the
// same: come again, with the same id.
func TestAHeldRequestIsLetGo(t *testing.T) {
	d := newDesk(t, 20*time.Millisecond)
	first := come(t, d.decide(t.Context()))
	d.now = time.Now()
	again := come(t, d.decide(t.Context()))
	for _, got := range []access.Decision{first, again} {
		r := got.Refusal
		if got.Outcome != access.NeedsApproval || r.Code != access.ApprovalPending || r.Approval == "" || r.Approval != first.Refusal.Approval ||
			r.ApprovalURL != "https://desk.example.com/approvals/"+r.Approval || r.RetryAfter != askAgain {
			t.Errorf("got %+v, %+v", got, r)
		}
	}
	if d.entries[0].Decision.Outcome != access.NeedsApproval || len(d.entries) != 2 {
		t.Errorf("recorded %+v", d.entries)
	}

	d = newDesk(t, patience)
	ctx, hangUp := context.WithCancel(t.Context())
	out := d.decide(ctx)
	l := d.question(t, 1)
	hangUp()
	if got := come(t, out); got.Refusal.Code != access.ApprovalPending || got.Refusal.Approval != l.ID || len(d.entries) != 1 || d.holds.Held() != 0 {
		t.Errorf("got %+v", got.Refusal)
	}
}

func TestHoldsAreBounded(t *testing.T) {
	d := newDesk(t, patience)
	out := d.decide(t.Context())
	l := d.question(t, 1)
	if !d.holds.enter(agent.ID()) {
		t.Fatal("one of two is too many")
	}
	if got := come(t, d.decide(t.Context())); got.Refusal.Code != access.ApprovalPending || got.Refusal.Approval != l.ID {
		t.Errorf("the third of one principal: %+v", got.Refusal)
	}
	d.approve(t, l.ID)
	if got := come(t, out); got.Outcome != access.Allow {
		t.Errorf("the one that is held: %+v", got.Refusal)
	}
}

func TestHolds(t *testing.T) {
	h := NewHolds(2, 3)
	steps := []struct {
		who  string
		in   bool
		want bool
	}{{"a", true, true}, {"a", true, true}, {"a", true, false}, {"b", true, true}, {"c", true, false}, {"a", false, true}, {"c", true, true}, {"b", false, true}, {"a", true, true}, {"a", true, false}}
	for i, s := range steps {
		if !s.in {
			h.leave(s.who)
		} else if got := h.enter(s.who); got != s.want {
			t.Errorf("step %d: %v", i, got)
		}
	}
	for _, who := range []string{"a", "a", "c"} {
		h.leave(who)
	}
	if h.Held() != 0 || len(h.of) != 0 {
		t.Errorf("%d are held, of %d", h.Held(), len(h.of))
	}
	if NewHolds(0, 9).enter("a") || NewHolds(9, 0).enter("a") {
		t.Error("held without a bound")
	}
}

// Many wait for one question and are let go at once.
func TestManyAreHeld(t *testing.T) {
	d := newDesk(t, patience)
	d.Holds = NewHolds(50, 50)
	d.holds = d.Holds
	const many = 20
	var wg sync.WaitGroup
	for i := range many {
		wg.Go(func() {
			l, err := d.Leases.Use(t.Context(), lease.Ask{Principal: agent, Credential: "hot", Terms: lease.Terms{Length: time.Minute, Needs: 1, Reuse: true}, Stands: time.Hour}, time.Now())
			if !errors.Is(err, lease.ErrPending) {
				t.Errorf("%d: %v", i, err)
			}
			if l, err = d.hold(t.Context(), l, agent.ID(), patience); err != nil || l.State != lease.Active {
				t.Errorf("%d: %s, %v", i, l.State, err)
			}
		})
	}
	l := d.question(t, many)
	a := lease.Answer{Person: "p", Principal: "p", Approve: true, Scope: lease.ScopeCredential}
	if _, err := d.keeper.Answer(t.Context(), l.ID, a, time.Now()); err != nil {
		t.Error(err)
	}
	wg.Wait()
	if d.holds.Held() != 0 {
		t.Errorf("%d are held", d.holds.Held())
	}
}

func TestTheHashOfABodyIsPartOfTheOperation(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*access.Request)
		unseen bool
		body   bool
	}{
		{"a head alone", func(r *access.Request) { r.BodyWhole = true }, false, false},
		{"nothing is known of its body", func(*access.Request) {}, true, false},
		{"a whole body", func(r *access.Request) { r.Route, r.BodyWhole, r.Body = "r+check", true, []byte("x") }, false, true},
		{"a body that is cut", func(r *access.Request) {
			r.Route, r.BodyWhole, r.Body, r.BodyTruncated = "r+check", true, []byte("x"), true
		}, true, false},
		{"as much as is seen at most", func(r *access.Request) {
			r.Route, r.BodyWhole, r.Body = "r+check", true, slices.Repeat([]byte("x"), access.JudgedBody)
		}, true, false},
	} {
		f, r := newFakes(t), get(bearer(named("hot"))...)
		c.change(r)
		d := f.decider(t).Decide(t.Context(), r, nil)
		if len(f.askedFor) != 1 {
			t.Errorf("%s: nobody is asked: %+v", c.name, d.Refusal)
			continue
		}
		if o := f.askedFor[0].Operation; o.Unseen != c.unseen || (o.Body != lease.Digest{}) != c.body || o.Method != "GET" || o.Host != "api.example.com" || o.Path != "/repos/x" {
			t.Errorf("%s: %+v", c.name, o)
		}
	}
}
