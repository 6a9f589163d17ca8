package decide

import (
	"errors"
	"strings"
	"testing"
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/inventory"
	"cloakroom/internal/lease"
)

// TestRefusalsOfLeases is every way in which a lease is in the way: its code,
// what helps a model, when to come again, and what the log learns.
func TestRefusalsOfLeases(t *testing.T) {
	no := lease.Answer{Person: "p", Reason: "use the staging key"}
	deniedLease := lease.Lease{ID: "d1", Credential: "hot", State: lease.Ended, Ending: lease.Denied, Answers: []lease.Answer{no}}
	with := func(change func(*lease.Lease)) func(*testing.T, *fakes, *access.Request) {
		return func(t *testing.T, f *fakes, r *access.Request) { send(r, f.ticket(t, agent, "read", change)) }
	}
	says := func(l lease.Lease, err error) func(*testing.T, *fakes, *access.Request) {
		return func(_ *testing.T, f *fakes, r *access.Request) {
			send(r, named("hot"))
			f.use = func(lease.Ask) (lease.Lease, error) { return l, err }
		}
	}
	for _, c := range []struct {
		name    string
		change  func(*testing.T, *fakes, *access.Request)
		code    access.Code
		outcome access.Outcome
		words   string // of the message, apart by |
		logged  string // of the entry's reason
		retry   time.Duration
	}{
		{"expired ticket", with(func(l *lease.Lease) { l.State, l.Ending = lease.Ended, lease.Expired }),
			access.LeaseExpired, access.Deny, "has ended|ask for a new one", "has ended", 0},
		{"revoked ticket", with(func(l *lease.Lease) { l.State, l.Ending = lease.Ended, lease.Revoked }),
			access.LeaseExpired, access.Deny, "was revoked|only if your task still needs it", "lease ticket-read was revoked", 0},
		{"denied ticket", with(func(l *lease.Lease) { l.State, l.Ending, l.Answers = lease.Ended, lease.Denied, []lease.Answer{no} }),
			access.ApprovalDenied, access.Deny, "denied|use the staging key|Do not ask for the same again", "use the staging key", 0},
		{"pending ticket", with(func(l *lease.Lease) { l.State, l.Ends = lease.Pending, start.Add(3*time.Second) }),
			access.ApprovalPending, access.NeedsApproval, "have been asked|the very same request", "have been asked", 3 * time.Second},
		{"exhausted ticket", with(func(l *lease.Lease) { l.Terms.Uses, l.Used = 2, 2 }),
			access.LeaseExpired, access.Deny, "no use left|ask for a new one", "no use left", 0},
		{"ticket out of its scope", with(func(l *lease.Lease) {
			l.Scope, l.Operation = lease.ScopePath, lease.Operation{Method: "GET", Host: "api.example.com", Path: "/repos/y"}
		}), access.NotGranted, access.Deny, "GET api.example.com/repos/y|another lease for this operation", "good for", 0},
		{"bound ticket alone", func(t *testing.T, f *fakes, r *access.Request) {
			with(func(l *lease.Lease) { l.Terms.Bound = true })(t, f, r)
			f.who = access.Principal{}
		}, access.Unauthenticated, access.Deny, "holder's own token|x-cloakroom-token", "holder", 0},
		{"stolen ticket", func(t *testing.T, f *fakes, r *access.Request) {
			with(func(l *lease.Lease) { l.Terms.Bound = true })(t, f, r)
			f.who = other
		}, access.NotGranted, access.Deny, "belongs to another principal|reported", "stolen: the ticket of lease ticket-read, which " + agent.ID() + " holds", 0},
		{"stolen ticket that has ended", func(t *testing.T, f *fakes, r *access.Request) {
			with(func(l *lease.Lease) { l.Terms.Bound, l.State = true, lease.Ended })(t, f, r)
			f.who = other
		}, access.NotGranted, access.Deny, "reported", "stolen", 0},
		{"ticket that nobody approved, where people must", func(t *testing.T, f *fakes, r *access.Request) {
			send(r, f.ticket(t, agent, "hot"))
		}, access.NotGranted, access.Deny, "people must approve|ask for a new ticket", "people must approve", 0},
		{"ticket that too few approved", func(t *testing.T, f *fakes, r *access.Request) {
			f.tiers(t, func(_, high *inventory.Tier) { high.Approval.Count = 2 })
			send(r, f.ticket(t, agent, "hot", func(l *lease.Lease) { l.Terms.Needs = 1 }))
		}, access.NotGranted, access.Deny, "not enough of them", "not enough", 0},
		{"ticket, and policy wants people", func(t *testing.T, f *fakes, r *access.Request) {
			with(func(*lease.Lease) {})(t, f, r)
			f.says(access.Verdict{Outcome: access.NeedsApproval}, nil)
		}, access.NotGranted, access.Deny, "people must approve|send " + named("read") + " in its place", "people", 0},
		{"pending", says(lease.Lease{ID: "q1", Credential: "hot", State: lease.Pending, Ends: start.Add(time.Hour)}, lease.ErrPending),
			access.ApprovalPending, access.NeedsApproval, "have been asked|do not look for another way|13:00:00Z", "have been asked", askAgain},
		{"cooling down", says(deniedLease, &lease.CoolingDown{Denied: deniedLease, Until: start.Add(90 * time.Second)}),
			access.ApprovalDenied, access.Deny, "use the staging key|before 2026-11-05T12:01:30Z", "use the staging key", 90 * time.Second},
		{"barred", says(lease.Lease{}, &lease.Barred{Bar: lease.Bar{Reason: "incident 7", Until: start.Add(time.Minute)}}),
			access.LeaseExpired, access.Deny, "an operator has stopped|incident 7", "incident 7", time.Minute},
		{"barred for ever", says(lease.Lease{}, &lease.Barred{}), access.LeaseExpired, access.Deny, "nothing that you can do", "stopped", 0},
		{"too many", says(lease.Lease{}, lease.ErrTooMany), access.Denied, access.Deny, "as you may have at once|let one end", "at once", askAgain},
		{"spent", says(lease.Lease{Ends: start.Add(time.Minute)}, lease.ErrSpent),
			access.LeaseExpired, access.Deny, "no use left|the same request again at 2026-11-05T12:01:00Z", "no use left", time.Minute},
		{"the store is gone", says(lease.Lease{}, lease.ErrUnavailable), access.Unavailable, access.Deny, "try again", "opening a lease: ", time.Second},
		{"an odd error", says(lease.Lease{}, errors.New("x")), access.Unavailable, access.Deny, "try again", "opening a lease: x", time.Second},
		{"an active lease that fewer approved", says(lease.Lease{ID: "a", Credential: "hot", Principal: agent.ID(), State: lease.Active, Scope: lease.ScopeCredential, Ends: start.Add(time.Hour)}, nil),
			access.LeaseExpired, access.Deny, "has ended", "has ended", 0},
		{"too many requests", func(t *testing.T, f *fakes, r *access.Request) { send(r, named("read")); f.crowded = true },
			access.Denied, access.Deny, "too many requests in this minute", "too many", time.Minute},
		{"requests cannot be counted", func(t *testing.T, f *fakes, r *access.Request) {
			send(r, named("read"))
			f.admitErr = errors.New("disk is full")
		}, access.Unavailable, access.Deny, "could not be counted", "disk is full", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, r := newFakes(t), get()
			c.change(t, f, r)
			d := f.decider(t).Decide(t.Context(), r, nil)
			if d.Grant != nil || d.Refusal == nil || d.Outcome != c.outcome || d.Refusal.Code != c.code || d.Refusal.RetryAfter != c.retry {
				t.Fatalf("got %s, %+v", d.Outcome, d.Refusal)
			}
			for _, want := range strings.Split(c.words, "|") {
				if !strings.Contains(d.Refusal.Message, want) {
					t.Errorf("message %q has no %q", d.Refusal.Message, want)
				}
			}
			if e := f.entries[0].Decision; len(f.entries) != 1 || e.Code != c.code || e.Outcome != c.outcome || len(e.Uses) != 0 || !strings.Contains(e.Reason, c.logged) || d.Refusal.Record != e.Exchange {
				t.Errorf("recorded %+v", f.entries)
			}
			if waits := c.code == access.ApprovalPending; waits != (d.Refusal.Approval != "" && strings.HasSuffix(d.Refusal.ApprovalURL, "/approvals/"+d.Refusal.Approval)) {
				t.Errorf("approval %q at %q", d.Refusal.Approval, d.Refusal.ApprovalURL)
			}
			if (len(f.stolen) > 0) != strings.HasPrefix(c.name, "stolen") || len(f.stolen) > 0 && f.stolen[0] != "ticket-read "+other.ID() {
				t.Errorf("stolen: %q", f.stolen)
			}
			f.holdsNoTicket(t, d)
		})
	}
}

func TestPolicyMayAskPeople(t *testing.T) {
	wants := access.Verdict{Outcome: access.NeedsApproval, Revision: "rev"}
	f := newFakes(t)
	f.says(wants, nil)
	d := f.decider(t).Decide(t.Context(), get(bearer(named("read"))...), nil)
	if q := f.askedFor[0]; d.Refusal.Code != access.ApprovalPending || q.Terms.Needs != 1 || q.Stands != questionStands || q.Cooldown != coolDown || !q.Operation.Named() {
		t.Errorf("asked %+v, %+v", q, d.Refusal)
	}
	f = newFakes(t)
	f.says(wants, nil)
	f.approved = true
	if d := f.decider(t).Decide(t.Context(), get(bearer(named("read"))...), nil); d.Outcome != access.Allow || f.entries[0].Decision.Outcome != access.Allow {
		t.Errorf("approved: %+v", d.Refusal)
	}
	if n := f.entries[0].Decision.Uses[0].Needs; n != 1 {
		t.Errorf("the log says that %d people were needed", n)
	}
	f = newFakes(t) // about one of two
	one := wants
	one.Credential = "more"
	f.says(one, nil)
	f.approved = true
	r := get(bearer(named("read"))...)
	r.Path += "?key=" + named("more")
	f.decider(t).Decide(t.Context(), r, nil)
	if len(f.askedFor) != 2 || f.askedFor[0].Terms.Needs != 0 || f.askedFor[1].Terms.Needs != 1 {
		t.Errorf("asked %+v", f.askedFor)
	}
	if uses := f.entries[0].Decision.Uses; uses[0].Needs != 0 || uses[1].Needs != 1 {
		t.Errorf("the log has %+v", uses)
	}
}

// What policy denies is denied, whatever people have approved; and people are
// not asked about it.
func TestPolicyOutranksPeople(t *testing.T) {
	for name, v := range map[string]access.Verdict{
		"denies":          {Reason: "not on Fridays"},
		"says nothing":    {},
		"grants another":  {Outcome: access.Allow, Grant: []string{"read"}},
		"asks, of others": {Outcome: access.NeedsApproval, Grant: []string{"read"}},
	} {
		f := newFakes(t)
		f.approved = true
		f.says(v, nil)
		d := f.decider(t).Decide(t.Context(), get(bearer(named("hot"))...), nil)
		if d.Outcome != access.Deny || d.Grant != nil || len(f.used) != 0 {
			t.Errorf("%s: %+v, asked for %q", name, d, f.used)
		}
	}
}

// One request is counted once, however often its credential stands in it.
func TestARequestIsCountedOnce(t *testing.T) {
	f := newFakes(t)
	r := get(bearer(named("read"))...)
	r.Path += "?key=" + named("read")
	if d := f.decider(t).Decide(t.Context(), r, nil); d.Outcome != access.Allow || len(d.Grant.Uses) != 1 || len(d.Grant.Uses[0].Locations) != 2 || f.admitted != 1 {
		t.Errorf("got %+v, counted %d times", d.Refusal, f.admitted)
	}
}

func TestTermsComeFromTheTier(t *testing.T) {
	f := newFakes(t)
	f.tiers(t, func(_, high *inventory.Tier) {
		high.Extend, high.Uses, high.Leases, high.Requests, high.Reuse, high.Bound = time.Hour, 3, 2, 60, true, true
		high.Approval.Count, high.Approval.Expires, high.Approval.Cooldown = 2, time.Minute, time.Second
	})
	f.decider(t).Decide(t.Context(), get(bearer(named("hot"))...), nil)
	q := f.askedFor[0]
	want := lease.Terms{Length: time.Minute, Extend: time.Hour, Uses: 3, Requests: 60, Reuse: true, Bound: true, Needs: 2}
	if q.Terms != want || q.AtOnce != 2 || q.Stands != time.Minute || q.Cooldown != time.Second || q.Credential != "hot" || q.Principal.ID() != agent.ID() {
		t.Errorf("got %+v", q)
	}
}
