package decide

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/inventory"
	"cloakroom/internal/lease"
)

func wish(credential string) LeaseRequest {
	return LeaseRequest{Principal: agent, Credential: credential, Reason: "to deploy"}
}

func TestALeaseThatPeopleApprove(t *testing.T) {
	d := newDesk(t, 0)
	q := wish("hot")
	q.Operation = lease.Operation{Method: "GET", Host: "api.example.com", Path: "/repos/x"}
	first, r := d.RequestLease(t.Context(), q)
	if r != nil {
		t.Fatal(r)
	}
	second, r := d.RequestLease(t.Context(), q) // the answer was lost, say
	s := second.Status
	if r != nil || second.Text == first.Text || s.Lease != first.Status.Lease || s.State != "pending" || *s.Operation != q.Operation ||
		s.ApprovalURL != "https://desk.example.com/approvals/"+s.Lease || !strings.Contains(s.Message, "works once they approve") {
		t.Fatalf("got %+v, %v", s, r)
	}
	if text := fmt.Sprintf("%v %+v %#v %s", second, second, second, second); strings.Contains(text, second.Text) {
		t.Error("a ticket prints itself")
	}
	for i, e := range d.entries {
		if e.Lease == nil || e.Lease.ID != s.Lease || e.Lease.By != agent.ID() {
			t.Errorf("entry %d: %+v", i, e)
		}
	}
	if got := d.Decide(t.Context(), get(bearer(second.Text)...), nil); got.Refusal.Code != access.ApprovalPending || got.Refusal.Approval != s.Lease {
		t.Errorf("before the answer: %+v", got.Refusal)
	}
	d.approve(t, s.Lease)
	for text, code := range map[string]access.Code{first.Text: access.UnknownPlaceholder, second.Text: ""} {
		got := d.Decide(t.Context(), get(bearer(text)...), nil)
		if got.Outcome == access.Allow != (code == "") || code != "" && got.Refusal.Code != code {
			t.Errorf("want %q: %+v", code, got.Refusal)
		}
	}
	is, r := d.LeaseStatus(t.Context(), agent, s.Lease, 0)
	if r != nil || is.State != "active" || is.Scope != "path" || is.Ends.Sub(is.Starts) != time.Minute || is.ApprovalURL != "" || is.UsesLeft != nil {
		t.Errorf("got %+v, %v", is, r)
	}
}

func TestALeaseThatPeopleDeny(t *testing.T) {
	d := newDesk(t, 0)
	ticket, r := d.RequestLease(t.Context(), wish("hot"))
	if r != nil {
		t.Fatal(r)
	}
	d.answer(t, ticket.Status.Lease, false)
	if s, r := d.LeaseStatus(t.Context(), agent, ticket.Status.Lease, 0); r != nil || s.State != "ended" || s.Ending != "denied" || !strings.Contains(s.Message, "not now") {
		t.Errorf("got %+v, %v", s, r)
	}
	_, r = d.RequestLease(t.Context(), wish("hot"))
	if r == nil || r.Code != access.ApprovalDenied || !strings.Contains(r.Message, "not now") || r.RetryAfter <= 4*time.Minute {
		t.Errorf("asked again: %+v", r)
	}
	if got := d.Decide(t.Context(), get(bearer(named("hot"))...), nil); got.Refusal.Code != access.ApprovalDenied {
		t.Errorf("by its placeholder: %+v", got.Refusal)
	}
}

// The asker waits for the answer, and is told of it.
func TestALeaseThatIsWaitedFor(t *testing.T) {
	for _, approve := range []bool{true, false} {
		d := newDesk(t, 0)
		asked, told := make(chan LeaseStatus, 1), make(chan *access.Refusal, 1)
		go func() {
			q := wish("hot")
			q.Wait = patience
			ticket, r := d.RequestLease(t.Context(), q)
			asked <- ticket.Status
			told <- r
		}()
		l := d.question(t, 1)
		waiting := make(chan LeaseStatus, 1)
		go func() {
			s, r := d.LeaseStatus(t.Context(), agent, l.ID, patience)
			if r != nil {
				t.Error(r)
			}
			waiting <- s
		}()
		d.question(t, 2)
		a := lease.Answer{Person: "p", Principal: "p", Approve: approve, Scope: lease.ScopeCredential, Reason: "no"}
		if _, err := d.keeper.Answer(t.Context(), l.ID, a, time.Now()); err != nil {
			t.Fatal(err)
		}
		s, r, status := <-asked, <-told, <-waiting
		if approve && (r != nil || s.State != "active" || status.State != "active") {
			t.Errorf("approved: %+v, %+v, %+v", s, r, status)
		}
		if !approve && (r == nil || r.Code != access.ApprovalDenied || status.Ending != "denied") {
			t.Errorf("denied: %+v, %+v, %+v", s, r, status)
		}
	}
}

// A store that is gone while one waits takes nothing away.
func TestALeaseThatCannotBeWaitedFor(t *testing.T) {
	f := newFakes(t)
	f.holds = NewHolds(1, 1)
	f.answer = func(string) (lease.Lease, error) { return lease.Lease{}, lease.ErrUnavailable }
	d := f.decider(t)
	q := wish("hot")
	q.Wait = time.Second
	ticket, r := d.RequestLease(t.Context(), q)
	if r != nil || ticket.Status.State != "pending" || ticket.Status.Lease == "" {
		t.Errorf("got %+v, %v", ticket.Status, r)
	}
	if s, r := d.LeaseStatus(t.Context(), agent, ticket.Status.Lease, time.Second); r != nil || s.State != "pending" {
		t.Errorf("got %+v, %v", s, r)
	}
}

func TestALeaseIsExtendedAndHandedBack(t *testing.T) {
	d := newDesk(t, 0)
	d.tiers(t, func(low, _ *inventory.Tier) { low.Extend, low.Uses = 10*time.Minute, 5 })
	ticket, r := d.RequestLease(t.Context(), wish("read"))
	if r != nil || ticket.Status.ExtendSeconds != 600 || *ticket.Status.UsesLeft != 5 || ticket.Status.State != "active" {
		t.Fatalf("got %+v, %v", ticket.Status, r)
	}
	id := ticket.Status.Lease
	s, r := d.ExtendLease(t.Context(), agent, id, 4*time.Minute)
	if r != nil || s.ExtendSeconds != 360 || s.Ends.Sub(ticket.Status.Ends) != 4*time.Minute {
		t.Errorf("got %+v, %v", s, r)
	}
	for _, by := range []time.Duration{0, -time.Minute, 7 * time.Minute} {
		if _, r := d.ExtendLease(t.Context(), agent, id, by); r == nil || r.Code != access.NotGranted || !strings.Contains(r.Message, "6m0s at most") {
			t.Errorf("by %s: %+v", by, r)
		}
	}
	if err := d.keeper.Spend(t.Context(), id, d.now); err != nil {
		t.Fatal(err)
	}
	if s, _ := d.LeaseStatus(t.Context(), agent, id, 0); *s.UsesLeft != 4 {
		t.Errorf("%d uses are left", *s.UsesLeft)
	}
	s, r = d.EndLease(t.Context(), agent, id)
	if r != nil || s.State != "ended" || s.Ending != "revoked" || d.keeper.Live(id, d.now) {
		t.Errorf("got %+v, %v", s, r)
	}
	if again, r := d.EndLease(t.Context(), agent, id); r != nil || again.State != "ended" {
		t.Errorf("handed back twice: %+v, %v", again, r)
	}
	if _, r := d.ExtendLease(t.Context(), agent, id, time.Second); r == nil || r.Code != access.LeaseExpired {
		t.Errorf("extended after its end: %+v", r)
	}
	if got := d.Decide(t.Context(), get(bearer(ticket.Text)...), nil); got.Refusal.Code != access.LeaseExpired {
		t.Errorf("its ticket: %+v", got.Refusal)
	}
}

func TestAPendingLeaseIsNotExtended(t *testing.T) {
	d := newDesk(t, 0)
	ticket, r := d.RequestLease(t.Context(), wish("hot"))
	if r != nil {
		t.Fatal(r)
	}
	if _, r := d.ExtendLease(t.Context(), agent, ticket.Status.Lease, time.Second); r == nil || r.Code != access.ApprovalPending {
		t.Errorf("got %+v", r)
	}
	if s, r := d.EndLease(t.Context(), agent, ticket.Status.Lease); r != nil || s.State != "ended" { // the question is taken back
		t.Errorf("got %+v, %v", s, r)
	}
}

// Another's lease looks like none, in every word.
func TestAnothersLease(t *testing.T) {
	d := newDesk(t, 0)
	ticket, r := d.RequestLease(t.Context(), wish("read"))
	if r != nil {
		t.Fatal(r)
	}
	id := ticket.Status.Lease
	byTicket := agent
	byTicket.Ticket = true
	for name, do := range map[string]func(access.Principal, string) *access.Refusal{
		"status": func(who access.Principal, id string) *access.Refusal {
			_, r := d.LeaseStatus(t.Context(), who, id, 0)
			return r
		},
		"extend": func(who access.Principal, id string) *access.Refusal {
			_, r := d.ExtendLease(t.Context(), who, id, time.Second)
			return r
		},
		"end": func(who access.Principal, id string) *access.Refusal {
			_, r := d.EndLease(t.Context(), who, id)
			return r
		},
	} {
		theirs, none := do(other, id), do(other, "nobody")
		if theirs == nil || none == nil || *theirs != *none || theirs.Code != access.NotGranted {
			t.Errorf("%s: %+v and %+v differ", name, theirs, none)
		}
		for _, who := range []access.Principal{{}, byTicket} {
			if r := do(who, id); r == nil || r.Code != access.Unauthenticated {
				t.Errorf("%s by %+v: %+v", name, who, r)
			}
		}
	}
	if !d.keeper.Live(id, d.now) {
		t.Error("somebody else ended it")
	}
}

func TestRequestsThatAreRefused(t *testing.T) {
	get := lease.Operation{Method: "GET", Host: "api.example.com", Path: "/repos/x"}
	for _, c := range []struct {
		name   string
		change func(*fakes, *LeaseRequest)
		code   access.Code
	}{
		{"nobody", func(_ *fakes, q *LeaseRequest) { q.Principal = access.Principal{} }, access.Unauthenticated},
		{"a ticket's holder", func(_ *fakes, q *LeaseRequest) { q.Principal.Ticket = true }, access.Unauthenticated},
		{"no such credential", func(_ *fakes, q *LeaseRequest) { q.Credential = "x" }, access.NotGranted},
		{"another group's", func(_ *fakes, q *LeaseRequest) { q.Credential = "theirs" }, access.NotGranted},
		{"no reason, and people must approve", func(_ *fakes, q *LeaseRequest) { q.Reason = " " }, access.Denied},
		{"a long reason", func(_ *fakes, q *LeaseRequest) { q.Reason = strings.Repeat("x", maxReason+1) }, access.Denied},
		{"a reason with a line's end", func(_ *fakes, q *LeaseRequest) { q.Reason = "a\nb" }, access.Denied},
		{"a reason that is no text", func(_ *fakes, q *LeaseRequest) { q.Reason = "\xff" }, access.Denied},
		{"a session that is none", func(_ *fakes, q *LeaseRequest) { q.Session = "a b" }, access.Denied},
		{"half an operation", func(_ *fakes, q *LeaseRequest) { q.Operation = lease.Operation{Host: "api.example.com"} }, access.Denied},
		{"a body alone", func(_ *fakes, q *LeaseRequest) { q.Operation = lease.Operation{Body: lease.Digest{1}} }, access.Denied},
		{"no path", func(_ *fakes, q *LeaseRequest) { q.Operation = get; q.Operation.Path = "repos" }, access.Denied},
		{"a path with a space", func(_ *fakes, q *LeaseRequest) { q.Operation = get; q.Operation.Path = "/repos/ x" }, access.Denied},
		{"a path that looks like another", func(_ *fakes, q *LeaseRequest) { q.Operation = get; q.Operation.Path = "/repos/\u0430" }, access.Denied},
		{"a long path", func(_ *fakes, q *LeaseRequest) {
			q.Operation = get
			q.Operation.Path = "/" + strings.Repeat("x", maxPath)
		}, access.Denied},
		{"a path that is not permitted", func(_ *fakes, q *LeaseRequest) { q.Operation = get; q.Operation.Path = "/user" }, access.NotGranted},
		{"a method that is not permitted", func(_ *fakes, q *LeaseRequest) { q.Operation = get; q.Operation.Method = "PUT" }, access.NotGranted},
		{"a host that is not permitted", func(_ *fakes, q *LeaseRequest) { q.Operation = get; q.Operation.Host = "h" }, access.NotGranted},
		{"too many", func(f *fakes, _ *LeaseRequest) { f.useErr = lease.ErrTooMany }, access.Denied},
		{"barred", func(f *fakes, _ *LeaseRequest) { f.useErr = &lease.Barred{} }, access.LeaseExpired},
		{"no store", func(f *fakes, _ *LeaseRequest) { f.useErr = lease.ErrUnavailable }, access.Unavailable},
	} {
		f, q := newFakes(t), wish("hot")
		c.change(f, &q)
		ticket, r := f.decider(t).RequestLease(t.Context(), q)
		if r == nil || r.Code != c.code || ticket != (Ticket{}) || len(f.entries) != 0 || len(f.decided) != 1 {
			t.Errorf("%s: %+v, %+v", c.name, ticket.Status, r)
		}
	}
}

// A lease that is not in the log is taken back, a question too.
func TestALeaseThatCannotBeRecorded(t *testing.T) {
	for _, credential := range []string{"read", "hot"} {
		d := newDesk(t, 0)
		d.logErr = errors.New("disk is full")
		ticket, r := d.RequestLease(t.Context(), wish(credential))
		if r == nil || r.Code != access.Unavailable || ticket.Text != "" {
			t.Errorf("%s: %+v", credential, r)
		}
		ls, err := d.keeper.List(t.Context(), lease.Filter{}, d.now)
		if err != nil || len(ls) != 1 || ls[0].Ending != lease.Revoked {
			t.Errorf("%s: %+v, %v", credential, ls, err)
		}
	}
}
