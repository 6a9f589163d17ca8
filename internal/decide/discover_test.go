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

func TestDiscover(t *testing.T) {
	f := newFakes(t)
	d := f.decider(t)
	offers := d.Discover(t.Context(), agent)
	var names []string
	for _, o := range offers {
		names = append(names, o.Credential)
	}
	if got := strings.Join(names, " "); got != "hot more read" {
		t.Fatalf("offers %q", got)
	}
	o := offers[2]
	if o.Placeholder != named("read") || o.LeaseSeconds != 900 || o.Approval || o.Description != "reads" || !offers[0].Approval ||
		len(o.Operations) != 1 || o.Operations[0].Paths[0] != "/repos/**" || o.Operations[0].In[1] != "query:key" {
		t.Errorf("offer %+v", o)
	}
	holder := agent
	holder.Ticket = true
	for name, who := range map[string]access.Principal{"nobody": {}, "the holder of a ticket": holder,
		"another issuer's": {Issuer: "https://x.example.com", Subject: "a", Groups: []string{"ai-agents"}}} {
		if got := d.Discover(t.Context(), who); got == nil || len(got) != 0 {
			t.Errorf("%s is offered %v", name, got)
		}
	}
}

func TestRequestLease(t *testing.T) {
	f := newFakes(t)
	d := f.decider(t)
	ticket, r := d.RequestLease(t.Context(), LeaseRequest{Principal: agent, Credential: "read", Reason: "to read"})
	if r != nil {
		t.Fatal(r)
	}
	if ticket.Status.Credential != "read" || ticket.Status.Lease != "lease-read" || ticket.Status.State != "active" || ticket.Status.Ends != start.Add(15*60e9) {
		t.Errorf("ticket %+v", ticket)
	}
	if e := f.entries; len(e) != 1 || e[0].Lease == nil || !e[0].Lease.Ticket || e[0].Lease.Session != "sid-1" || e[0].Lease.State != "active" {
		t.Errorf("entries %+v", f.entries)
	}
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if strings.Contains(fmt.Sprintf(format, ticket), ticket.Text) {
			t.Errorf("%s prints the ticket", format)
		}
	}
	f.who = access.Principal{}
	if got := d.Decide(t.Context(), get(bearer(ticket.Text)...), nil); got.Outcome != access.Allow {
		t.Errorf("the ticket opens nothing: %+v", got.Refusal)
	}
}

func TestATicketHasItsCredentialsPrefix(t *testing.T) {
	f := newFakes(t)
	c := *f.set.Credential("read")
	c.Prefix, c.Placeholder = "ghp_", ""
	f.set, _ = inventory.New(inventory.Key{1}, []inventory.Credential{c}, []inventory.Upstream{{Host: "api.example.com", Prefix: "/api", Route: "r", Cluster: "c"}}, false)
	d := f.decider(t)
	ticket, r := d.RequestLease(t.Context(), LeaseRequest{Principal: agent, Credential: "read"})
	if r != nil || !strings.HasPrefix(ticket.Text, "ghp_ckr_read_") {
		t.Fatalf("got %q, %v", ticket.Text[:8], r)
	}
	f.who = access.Principal{}
	if got := d.Decide(t.Context(), get(bearer(ticket.Text)...), nil); got.Outcome != access.Allow {
		t.Errorf("the ticket opens nothing: %+v", got.Refusal)
	}
}

func TestRequestLeaseRefuses(t *testing.T) {
	holder := agent
	holder.Ticket = true
	tests := []struct {
		name string
		q    LeaseRequest
		code access.Code
	}{
		{"nobody", LeaseRequest{Credential: "read"}, access.Unauthenticated},
		{"the holder of a ticket", LeaseRequest{Principal: holder, Credential: "read"}, access.Unauthenticated},
		{"no such credential", LeaseRequest{Principal: agent, Credential: "x"}, access.NotGranted},
		{"another group's", LeaseRequest{Principal: agent, Credential: "theirs"}, access.NotGranted},
		{"one that needs an approval, without a reason", LeaseRequest{Principal: agent, Credential: "hot", Reason: " "}, access.Denied},
		{"one that needs an approval, by nobody knows whom", LeaseRequest{Principal: hidden, Credential: "hot", Reason: "why"}, access.NotGranted},
		{"an operation of another host", LeaseRequest{Principal: agent, Credential: "read", Operation: lease.Operation{Method: "GET", Host: "x.example.com", Path: "/repos/a"}}, access.NotGranted},
		{"half an operation", LeaseRequest{Principal: agent, Credential: "read", Operation: lease.Operation{Path: "/repos/a"}}, access.Denied},
		{"a reason of two lines", LeaseRequest{Principal: agent, Credential: "read", Reason: "a\nb"}, access.Denied},
		{"a long reason", LeaseRequest{Principal: agent, Credential: "read", Reason: strings.Repeat("a", 501)}, access.Denied},
		{"a bad session", LeaseRequest{Principal: agent, Credential: "read", Session: "a b"}, access.Denied},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFakes(t)
			ticket, r := f.decider(t).RequestLease(t.Context(), tt.q)
			if r == nil || r.Code != tt.code || ticket.Text != "" || len(f.tickets) != 0 {
				t.Errorf("got %+v", r)
			}
		})
	}
}

func TestNoTicketThatIsNotInTheLog(t *testing.T) {
	f := newFakes(t)
	f.logErr = errors.New("disk full")
	ticket, r := f.decider(t).RequestLease(t.Context(), LeaseRequest{Principal: agent, Credential: "read"})
	if r == nil || r.Code != access.Unavailable || ticket.Text != "" || len(f.revoked) != 1 {
		t.Errorf("got %+v, revoked %q", r, f.revoked)
	}
}

// TestATokenAmongTheWords of who asks for a lease would be kept, and shown to people.
func TestATokenAmongTheWords(t *testing.T) {
	f := newFakes(t)
	f.whoErr = errors.New("an identity token stands there")
	ticket, r := f.decider(t).RequestLease(t.Context(), LeaseRequest{Principal: agent, Credential: "read", Reason: "a token"})
	if r == nil || r.Code != access.Denied || ticket.Text != "" || len(f.tickets)+len(f.entries) != 0 {
		t.Errorf("got %+v", r)
	}
}

// TestATicketThatIsDeadWhenItsLeaseIsAnswered: who asked for the same once more
// meanwhile is not handed the text that counts for nothing.
func TestATicketThatIsDeadWhenItsLeaseIsAnswered(t *testing.T) {
	f := newFakes(t)
	f.holds = NewHolds(1, 1)
	f.answer = func(string) (l lease.Lease, err error) {
		for _, l = range f.tickets {
		}
		l.Ticket, l.State, l.Scope = lease.Digest{9}, lease.Active, lease.ScopeCredential
		return l, nil
	}
	ticket, r := f.decider(t).RequestLease(t.Context(), LeaseRequest{Principal: agent, Credential: "hot", Reason: "why", Wait: time.Minute})
	if r == nil || r.Code != access.Denied || ticket.Text != "" {
		t.Errorf("got %q, %+v", ticket.Status.State, r)
	}
}
