package decide

import (
	"cmp"
	"context"
	"io"
	"log/slog"
	"testing"
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/inventory"
	"cloakroom/internal/lease"
	"cloakroom/internal/record"
)

const issuer = "https://dex.example.com"

var (
	start  = time.Date(2026, 11, 5, 12, 0, 0, 0, time.UTC)
	key    = inventory.Key{1}
	agents = []access.Group{{Issuer: issuer, Name: "ai-agents"}}
	agent  = access.Principal{Issuer: issuer, Subject: "agent-7", Groups: []string{"ai-agents"}, Session: "sid-1"}
	hidden = access.Principal{Issuer: issuer, Subject: "agent-9", Groups: []string{"ai-agents"}, Session: "sid-3", Unverified: true}
	other  = access.Principal{Issuer: issuer, Subject: "agent-8", Groups: []string{"ai-agents"}, Session: "sid-2"}
)

// fakes are a Decider's surroundings, as a test wants them.
type fakes struct {
	set      *inventory.Set
	issuers  int
	who      access.Principal
	remove   []string
	whoErr   error
	verdict  func(*access.Input) (access.Verdict, error)
	useErr   error
	use      func(lease.Ask) (lease.Lease, error) // nil: as the rest says
	useLease func(lease.Lease) lease.Lease
	tickets  map[lease.Digest]lease.Lease
	logErr   error
	readyFor []string // who asked whether anything can be recorded
	unready  error    // why nothing can be recorded
	revision string
	approved bool                                 // people have approved what is asked for
	answer   func(id string) (lease.Lease, error) // to who waits; nil: none comes
	crowded  bool                                 // there are too many requests
	admitErr error
	admitted int
	outdated bool // the rules are in force no more
	holds    *Holds

	waited   []string
	askedFor []lease.Ask
	stolen   []string

	asked   *access.Input
	entries []record.Entry
	counted []string
	records []access.Refused
	used    []string
	revoked []string
	phases  []string
	decided []string
	now     time.Time
}

func newFakes(t testing.TB) *fakes {
	t.Helper()
	f := &fakes{issuers: 1, who: agent, remove: []string{"x-cloakroom-token"}, tickets: map[lease.Digest]lease.Lease{}, now: start,
		verdict: func(*access.Input) (access.Verdict, error) {
			return access.Verdict{Outcome: access.Allow, Revision: "rev"}, nil
		}}
	f.tiers(t, func(_, _ *inventory.Tier) {})
	return f
}

// tiers makes the inventory, with its tiers as change wants them.
func (f *fakes) tiers(t testing.TB, change func(low, high *inventory.Tier)) {
	t.Helper()
	rule := inventory.Rule{Hosts: []string{"api.example.com"}, Methods: []string{"GET"}, Paths: []string{"/repos/**"},
		In: []access.Location{{Kind: access.InCredentials}, {Kind: access.InQuery, Name: "key"}}}
	low := inventory.Tier{Name: "low", Lease: 15 * time.Minute}
	high := inventory.Tier{Name: "high", Lease: time.Minute, Approval: &inventory.Approval{Approvers: agents, Count: 1}}
	change(&low, &high)
	set, err := inventory.New(key, []inventory.Credential{
		{Name: "read", Description: "reads", Tier: low, Groups: agents, Rules: []inventory.Rule{rule}},
		{Name: "more", Tier: low, Groups: agents, Rules: []inventory.Rule{rule}},
		{Name: "hot", Tier: high, Groups: agents, Rules: []inventory.Rule{rule}},
		{Name: "theirs", Tier: low, Groups: []access.Group{{Issuer: issuer, Name: "others"}}, Rules: []inventory.Rule{rule}},
	}, []inventory.Upstream{{Host: "api.example.com", Prefix: "/api", Route: "r", Cluster: "c"}}, false)
	if err != nil {
		t.Fatal(err)
	}
	f.set = set
}

func (f *fakes) decider(t testing.TB) *Decider {
	t.Helper()
	d, err := New(Deps{Inventory: func() *inventory.Set { return f.set }, Identity: f, Policy: f, Leases: f, Log: f,
		Now: func() time.Time { return f.now }, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), Observer: f, Recorder: f,
		InForce: func() bool { return !f.outdated }, Holds: f.holds, AdminURL: "https://desk.example.com/"})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (f *fakes) Ready(principal string) (string, error) {
	f.readyFor = append(f.readyFor, principal)
	return "recording is not possible now", f.unready
}

func (f *fakes) Refused(r access.Refused) { f.records = append(f.records, r) }

func (f *fakes) Issuers() int { return f.issuers }

func (f *fakes) Identify(context.Context, []access.Header, string) (access.Principal, []string, error) {
	return f.who, f.remove, f.whoErr
}

func (f *fakes) Revision() string { return cmp.Or(f.revision, "rev") }

func (f *fakes) Evaluate(_ context.Context, in *access.Input) (access.Verdict, error) {
	f.asked = in
	return f.verdict(in)
}

func (f *fakes) Use(_ context.Context, a lease.Ask, now time.Time) (lease.Lease, error) {
	f.used = append(f.used, a.Credential)
	f.askedFor = append(f.askedFor, a)
	if f.use != nil {
		return f.use(a)
	}
	l := held(a.Principal, a.Credential, now, a.Terms.Length)
	l.Session, l.Terms, l.Operation = a.Session, a.Terms, a.Operation
	if a.Terms.Needs > 0 && !f.approved {
		l.State, l.Scope, l.Starts, l.Ends = lease.Pending, 0, time.Time{}, now.Add(a.Stands)
		return l, cmp.Or(f.useErr, lease.ErrPending)
	}
	if f.useLease != nil {
		l = f.useLease(l)
	}
	return l, f.useErr
}

func held(p access.Principal, credential string, now time.Time, length time.Duration) lease.Lease {
	return lease.Lease{ID: "lease-" + credential, Principal: p.ID(), Issuer: p.Issuer, Subject: p.Subject, Groups: p.Groups,
		Credential: credential, Terms: lease.Terms{Length: length}, Scope: lease.ScopeCredential,
		Created: now, Starts: now, Ends: now.Add(length), State: lease.Active}
}

func (f *fakes) Request(_ context.Context, a lease.Ask, now time.Time) (lease.Lease, error) {
	l := held(a.Principal, a.Credential, now, a.Terms.Length)
	l.Ticket, l.Session, l.Reason, l.Terms, l.Operation = a.Ticket, a.Session, a.Reason, a.Terms, a.Operation
	if a.Terms.Needs > 0 {
		l.State, l.Scope, l.Starts, l.Ends = lease.Pending, 0, time.Time{}, now.Add(a.Stands)
		f.tickets[a.Ticket] = l
		return l, cmp.Or(f.useErr, lease.ErrPending)
	}
	f.tickets[a.Ticket] = l
	return l, f.useErr
}

func (f *fakes) Wait(ctx context.Context, id string) (lease.Lease, error) {
	f.waited = append(f.waited, id)
	if f.answer == nil {
		<-ctx.Done()
		return lease.Lease{ID: id, State: lease.Pending, Ends: f.now.Add(time.Minute)}, lease.ErrPending
	}
	return f.answer(id)
}

func (f *fakes) ByID(_ context.Context, id string, _ time.Time) (lease.Lease, error) {
	for _, l := range f.tickets {
		if l.ID == id {
			return l, nil
		}
	}
	return lease.Lease{}, lease.ErrUnknown
}

func (f *fakes) Admit(context.Context, lease.Lease, time.Time) (bool, error) {
	f.admitted++
	return !f.crowded, f.admitErr
}

func (f *fakes) Extend(ctx context.Context, id string, by time.Duration, now time.Time) (lease.Lease, error) {
	l, err := f.ByID(ctx, id, now)
	if err != nil {
		return l, err
	}
	return l.Extend(by, now)
}

func (f *fakes) ByTicket(_ context.Context, ticket lease.Digest, _ time.Time) (lease.Lease, error) {
	l, ok := f.tickets[ticket]
	switch {
	case !ok:
		return lease.Lease{}, lease.ErrUnknown
	case l.State == lease.Ended:
		return l, lease.ErrEnded
	case l.State == lease.Pending:
		return l, lease.ErrPending
	}
	return l, nil
}

func (f *fakes) Revoke(_ context.Context, id, _ string, _ time.Time) (lease.Lease, error) {
	f.revoked = append(f.revoked, id)
	return lease.Lease{}, nil
}

func (f *fakes) Append(ctx context.Context, e record.Entry) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if f.logErr == nil {
		f.entries = append(f.entries, e)
	}
	return f.logErr
}

func (f *fakes) CountRefusal(code access.Code, source string) {
	f.counted = append(f.counted, string(code)+" "+source)
}

func (f *fakes) Decided(o access.Outcome, c access.Code) {
	f.decided = append(f.decided, o.String()+" "+string(c))
}
func (f *fakes) Stolen(lease, principal string)     { f.stolen = append(f.stolen, lease+" "+principal) }
func (f *fakes) Phase(name string, _ time.Duration) { f.phases = append(f.phases, name) }

// ticket makes a ticket of p's over a credential.
func (f *fakes) ticket(t testing.TB, p access.Principal, credential string, change ...func(*lease.Lease)) string {
	t.Helper()
	text, err := inventory.NewTicket(credential)
	if err != nil {
		t.Fatal(err)
	}
	l := held(p, credential, start, time.Hour)
	l.ID, l.Ticket = "ticket-"+credential, inventory.TicketHash(text)
	for _, c := range change {
		c(&l)
	}
	f.tickets[l.Ticket] = l
	return text
}

func named(credential string) string { return key.Placeholder(credential) }

// get is a request for /api/repos/x with these headers, name and value in turn.
func get(headers ...string) *access.Request {
	r := &access.Request{Time: start, Method: "GET", Scheme: "https", Authority: "gate.example.com", Path: "/api/repos/x",
		Source: "10.0.0.7:4711", Route: "r", Cluster: "c"}
	for i := 0; i < len(headers); i += 2 {
		r.Headers = append(r.Headers, access.Header{Name: headers[i], Value: headers[i+1]})
	}
	return r
}

func bearer(text string) []string { return []string{"authorization", "Bearer " + text} }
