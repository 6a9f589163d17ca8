package decide

import (
	"encoding/base64"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/inventory"
	"cloakroom/internal/lease"
)

func TestAllowsWithAGrant(t *testing.T) {
	f := newFakes(t)
	r := get("authorization", "Bearer "+named("read"), "x-envoy-retry-on", "5xx", "x_envoy_max_retries", "9",
		"x-cloakroom-session", "s-9", "x-note", "see "+named("more"))
	r.Path += "?key=" + named("more")
	d := f.decider(t).Decide(t.Context(), r, nil)
	if d.Outcome != access.Allow || d.Refusal != nil || d.Grant == nil {
		t.Fatalf("got %+v, %+v", d, d.Refusal)
	}
	header, query := access.Location{Kind: access.InHeader, Name: "authorization"}, access.Location{Kind: access.InQuery, Name: "key"}
	want := access.Grant{Exchange: d.Exchange, Principal: agent.ID(), Session: "s-9", Method: "GET", Authority: "gate.example.com",
		Path: "/repos/x?key=" + named("more"), Route: "r", Cluster: "c", Source: "10.0.0.7:4711", Ends: start.Add(30 * time.Second),
		Uses: []access.Use{{Credential: "read", Lease: "lease-read", Locations: []access.Location{header}},
			{Credential: "more", Lease: "lease-more", Locations: []access.Location{query}}}}
	if !reflect.DeepEqual(*d.Grant, want) {
		t.Errorf("grant\n%+v, want\n%+v", *d.Grant, want)
	}
	if got, want := d.Change.RemoveRequestHeaders, []string{"x-cloakroom-token", "x-cloakroom-session", "x-envoy-retry-on", "x_envoy_max_retries"}; !reflect.DeepEqual(got, want) {
		t.Errorf("removes %q, want %q", got, want)
	}
	e := f.entries[0].Decision
	if len(f.entries) != 1 || e.Outcome != access.Allow || e.Exchange != d.Exchange || e.Revision != "rev" || e.Subject != "agent-7" ||
		len(e.Uses) != 2 || e.Uses[0].Lease != "lease-read" || len(e.Seen) != 1 || e.Seen[0].Location != "header:x-note" {
		t.Errorf("entry %+v", e)
	}
	if len(f.phases) != len(stages) || !reflect.DeepEqual(f.decided, []string{"allow "}) {
		t.Errorf("observed %q, %q", f.phases, f.decided)
	}
}

func TestAllowsWithoutCredential(t *testing.T) {
	f := newFakes(t)
	d := f.decider(t).Decide(t.Context(), get(), nil)
	if d.Outcome != access.Allow || d.Grant == nil || len(d.Grant.Uses) != 0 || len(f.used) != 0 {
		t.Errorf("got %+v, leases over %q", d, f.used)
	}
	if ops := f.asked.Operations; len(ops) != 1 || !ops[0].Open {
		t.Errorf("operations %+v", ops)
	}
}

func TestTicket(t *testing.T) {
	f := newFakes(t)
	f.who = access.Principal{}
	text := f.ticket(t, agent, "read")
	d := f.decider(t).Decide(t.Context(), get(bearer(text)...), nil)
	if d.Outcome != access.Allow || d.Grant.Principal != agent.ID() || d.Grant.Session != "ticket-read" || d.Grant.Uses[0].Lease != "ticket-read" || len(f.used) != 0 {
		t.Fatalf("got %+v, %+v", d.Grant, d.Refusal)
	}
	if p := f.asked.Placeholders[0]; p.Kind != access.Ticket || p.Text != "ckr_read_[ticket]" || !p.Open || !f.asked.Principal.Ticket {
		t.Errorf("policy was told %+v", p)
	}
	if got := f.asked.Hide("a " + text + " b " + named("read")); got != "a ckr_read_[ticket] b "+named("read") {
		t.Errorf("hidden: %q", got)
	}
	f.who = agent // a token of the same principal is no second identity
	if d := f.decider(t).Decide(t.Context(), get(bearer(text)...), nil); d.Outcome != access.Allow || d.Grant.Session != "sid-1" {
		t.Errorf("with a token: %+v, %+v", d.Grant, d.Refusal)
	}
}

func TestRefuses(t *testing.T) {
	allow := access.Verdict{Outcome: access.Allow}
	tests := []struct {
		name    string
		change  func(*testing.T, *fakes, *access.Request)
		code    access.Code
		counted bool // and so not recorded
	}{
		{"an unknown route", func(_ *testing.T, _ *fakes, r *access.Request) { r.Route = "x" }, access.Denied, false},
		{"another cluster", func(_ *testing.T, _ *fakes, r *access.Request) { r.Cluster = "x" }, access.Denied, false},
		{"no route", func(_ *testing.T, _ *fakes, r *access.Request) { r.Route, r.Cluster = "", "" }, access.Denied, false},
		{"a path outside the prefix", func(_ *testing.T, _ *fakes, r *access.Request) { r.Path = "/apix" }, access.Denied, false},
		{"a bad token", func(_ *testing.T, f *fakes, _ *access.Request) { f.whoErr = errors.New("expired") }, access.Unauthenticated, true},
		{"a principal beside an error", func(_ *testing.T, f *fakes, _ *access.Request) { f.who, f.whoErr = agent, errors.New("x") }, access.Unauthenticated, true},
		{"nobody", func(_ *testing.T, f *fakes, _ *access.Request) { f.who = access.Principal{} }, access.Unauthenticated, true},
		{"half a principal", func(_ *testing.T, f *fakes, _ *access.Request) { f.who = access.Principal{Issuer: issuer} }, access.Unauthenticated, true},
		{"a forged placeholder", func(_ *testing.T, _ *fakes, r *access.Request) { send(r, inventory.Key{9}.Placeholder("read")) }, access.UnknownPlaceholder, false},
		{"one of no credential", func(_ *testing.T, _ *fakes, r *access.Request) { send(r, inventory.Key{9}.Placeholder("x")) }, access.UnknownPlaceholder, false},
		{"a forged placeholder of nobody", func(_ *testing.T, f *fakes, r *access.Request) {
			f.who = access.Principal{}
			send(r, inventory.Key{9}.Placeholder("read"))
		}, access.UnknownPlaceholder, true},
		{"a ticket that has ended", func(t *testing.T, f *fakes, r *access.Request) {
			f.who = access.Principal{}
			send(r, f.ticket(t, agent, "read", func(l *lease.Lease) { l.State = lease.Ended }))
		}, access.LeaseExpired, false},
		{"a ticket past its end", func(t *testing.T, f *fakes, r *access.Request) {
			send(r, f.ticket(t, agent, "read", func(l *lease.Lease) { l.Ends = start }))
		}, access.LeaseExpired, false},
		{"a ticket of somebody else", func(t *testing.T, f *fakes, r *access.Request) { send(r, f.ticket(t, other, "read")) }, access.Unauthenticated, false},
		{"tickets of two", func(t *testing.T, f *fakes, r *access.Request) {
			f.who = access.Principal{}
			send(r, f.ticket(t, agent, "read")+" "+f.ticket(t, other, "more"))
		}, access.Unauthenticated, false},
		{"a ticket over another credential", func(t *testing.T, f *fakes, r *access.Request) {
			send(r, f.ticket(t, agent, "read", func(l *lease.Lease) { l.Credential = "more" }))
		}, access.UnknownPlaceholder, false},
		{"a ticket where it does not count", func(t *testing.T, f *fakes, r *access.Request) {
			f.who = access.Principal{}
			r.Headers = append(r.Headers, access.Header{Name: "x-note", Value: f.ticket(t, agent, "read")})
		}, access.Unauthenticated, true},
		{"another credential by ticket", func(t *testing.T, f *fakes, r *access.Request) {
			f.who = access.Principal{}
			send(r, f.ticket(t, agent, "read")+" "+named("more"))
		}, access.NotGranted, false},
		{"too many tickets", func(t *testing.T, f *fakes, r *access.Request) {
			for range 17 {
				send(r, f.ticket(t, agent, "read"))
			}
		}, access.TooLarge, false},
		{"too many placeholders", func(_ *testing.T, _ *fakes, r *access.Request) { send(r, strings.Repeat(named("read")+" ", 257)) }, access.TooLarge, false},
		{"too many placeholders of nobody", func(_ *testing.T, f *fakes, r *access.Request) {
			f.who = access.Principal{}
			send(r, strings.Repeat(named("read")+" ", 257))
		}, access.TooLarge, true},
		{"a session with a space", func(_ *testing.T, _ *fakes, r *access.Request) { header(r, sessionHeader, "a b") }, access.Denied, false},
		{"an empty session", func(_ *testing.T, _ *fakes, r *access.Request) { header(r, sessionHeader, "") }, access.Denied, false},
		{"a ticket for a session", func(t *testing.T, f *fakes, r *access.Request) { header(r, sessionHeader, f.ticket(t, agent, "read")) }, access.Denied, false},
		{"a long session", func(_ *testing.T, _ *fakes, r *access.Request) { header(r, sessionHeader, strings.Repeat("a", 129)) }, access.Denied, false},
		{"two sessions", func(_ *testing.T, _ *fakes, r *access.Request) {
			header(r, sessionHeader, "a")
			header(r, sessionHeader, "a")
		}, access.Denied, false},
		{"policy denies", func(_ *testing.T, f *fakes, _ *access.Request) {
			f.says(access.Verdict{Code: access.NotGranted, Reason: "no"}, nil)
		}, access.NotGranted, false},
		{"policy says nothing", func(_ *testing.T, f *fakes, _ *access.Request) { f.says(access.Verdict{}, nil) }, access.Denied, false},
		{"policy wants an approval", func(_ *testing.T, f *fakes, _ *access.Request) {
			f.says(access.Verdict{Outcome: access.NeedsApproval}, nil)
		}, access.ApprovalPending, false},
		{"policy allows with an error", func(_ *testing.T, f *fakes, _ *access.Request) { f.says(allow, errors.New("x")) }, access.Unavailable, false},
		{"policy grants something else", func(_ *testing.T, f *fakes, r *access.Request) {
			send(r, named("read"))
			f.says(access.Verdict{Outcome: access.Allow, Grant: []string{"more"}}, nil)
		}, access.NotGranted, false},
		{"policy grants nothing", func(_ *testing.T, f *fakes, r *access.Request) {
			send(r, named("read"))
			f.says(access.Verdict{Outcome: access.Allow, Grant: []string{}}, nil)
		}, access.NotGranted, false},
		{"policy allows what is for other groups", func(_ *testing.T, _ *fakes, r *access.Request) { send(r, named("theirs")) }, access.NotGranted, false},
		{"policy allows another method", func(_ *testing.T, _ *fakes, r *access.Request) { send(r, named("read")); r.Method = "POST" }, access.NotGranted, false},
		{"policy allows another path", func(_ *testing.T, _ *fakes, r *access.Request) { send(r, named("read")); r.Path = "/api/repos/../x" }, access.NotGranted, false},
		{"people are asked by nobody knows whom", func(_ *testing.T, f *fakes, r *access.Request) {
			f.who = hidden
			send(r, named("hot"))
		}, access.NotGranted, false},
		{"policy allows what needs an approval", func(_ *testing.T, _ *fakes, r *access.Request) { send(r, named("hot")) }, access.ApprovalPending, false},
		{"policy changes the query", func(_ *testing.T, f *fakes, _ *access.Request) {
			f.says(access.Verdict{Outcome: access.Allow, Change: access.Change{RemoveQuery: []string{"x"}}}, nil)
		}, access.Unavailable, false},
		{"no lease", func(_ *testing.T, f *fakes, r *access.Request) {
			send(r, named("read"))
			f.useErr = lease.ErrUnavailable
		}, access.Unavailable, false},
		{"too many leases", func(_ *testing.T, f *fakes, r *access.Request) { send(r, named("read")); f.useErr = lease.ErrTooMany }, access.Denied, false},
		{"a lease that has ended", func(_ *testing.T, f *fakes, r *access.Request) {
			send(r, named("read"))
			f.useLease = func(l lease.Lease) lease.Lease { l.Ends = start; return l }
		}, access.LeaseExpired, false},
		{"a pending lease", func(_ *testing.T, f *fakes, r *access.Request) {
			send(r, named("read"))
			f.useLease = func(l lease.Lease) lease.Lease { l.State = lease.Pending; return l }
		}, access.LeaseExpired, false},
		{"a lease of somebody else", func(_ *testing.T, f *fakes, r *access.Request) {
			send(r, named("read"))
			f.useLease = func(l lease.Lease) lease.Lease { l.Principal = other.ID(); return l }
		}, access.LeaseExpired, false},
	}
	for _, name := range overriding {
		for _, written := range []string{name, strings.ReplaceAll(name, "-", "_")} {
			tests = append(tests, struct {
				name    string
				change  func(*testing.T, *fakes, *access.Request)
				code    access.Code
				counted bool
			}{"a credential with " + written, func(_ *testing.T, _ *fakes, r *access.Request) { send(r, named("read")); header(r, written, "x") }, access.Denied, false})
		}
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f, r := newFakes(t), get()
			tt.change(t, f, r)
			d := f.decider(t).Decide(t.Context(), r, nil)
			if d.Outcome == access.Allow || d.Grant != nil || d.Refusal == nil || d.Refusal.Code != tt.code {
				t.Fatalf("got %v, %+v, want %q", d.Outcome, d.Refusal, tt.code)
			}
			if (d.Outcome == access.NeedsApproval) != (tt.code == access.ApprovalPending) {
				t.Errorf("outcome %v with %q", d.Outcome, tt.code)
			}
			if tt.counted {
				if len(f.entries) != 0 || len(f.counted) != 1 || f.counted[0] != string(tt.code)+" 10.0.0.7" || d.Refusal.Record != "" {
					t.Errorf("counted %q, recorded %d, told of record %q", f.counted, len(f.entries), d.Refusal.Record)
				}
			} else if len(f.counted) != 0 || len(f.entries) != 1 || f.entries[0].Decision.Code != tt.code || d.Refusal.Record != d.Exchange {
				t.Errorf("counted %q, recorded %+v", f.counted, f.entries)
			}
			if want := d.Outcome.String() + " " + string(tt.code); len(f.decided) != 1 || f.decided[0] != want {
				t.Errorf("observed %q", f.decided)
			}
			f.holdsNoTicket(t, d)
		})
	}
}

func basic(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

func send(r *access.Request, text string) { header(r, "authorization", "Bearer "+text) }
func header(r *access.Request, name, text string) {
	r.Headers = append(r.Headers, access.Header{Name: name, Value: text})
}

func (f *fakes) says(v access.Verdict, err error) {
	f.verdict = func(*access.Input) (access.Verdict, error) { return v, err }
}

// holdsNoTicket looks for tickets in what goes to the caller and to the log as
// free text.
func (f *fakes) holdsNoTicket(t *testing.T, d access.Decision) {
	t.Helper()
	said := d.Reason + d.Refusal.Message + d.Refusal.Placeholder
	for _, e := range f.entries {
		said += e.Decision.Reason
	}
	for hash := range f.tickets {
		for rest := said; ; {
			i := strings.Index(rest, mark)
			if i < 0 {
				break
			}
			rest = rest[i:]
			if _, n := cutPlaceholder(rest); n > 0 && inventory.TicketHash(rest[:n]) == hash {
				t.Errorf("a ticket is in %q", said)
			}
			rest = rest[len(mark):]
		}
	}
}

func TestNothingIsAllowedThatIsNotInTheLog(t *testing.T) {
	f := newFakes(t)
	f.logErr = errors.New("disk full")
	d := f.decider(t).Decide(t.Context(), get(bearer(named("read"))...), nil)
	if d.Outcome != access.Deny || d.Grant != nil || d.Refusal.Code != access.Unavailable || d.Refusal.Record != "" {
		t.Errorf("got %+v, %+v", d, d.Refusal)
	}
}

func TestAPanicDenies(t *testing.T) {
	f := newFakes(t)
	f.verdict = func(*access.Input) (access.Verdict, error) { panic("Bearer secret") }
	d := f.decider(t).Decide(t.Context(), get(), nil)
	if d.Outcome != access.Deny || d.Grant != nil || d.Refusal == nil || d.Refusal.Code != access.Unavailable {
		t.Errorf("got %+v", d)
	}
	if len(f.decided) != 1 || f.decided[0] != "deny unavailable" {
		t.Errorf("observed %q", f.decided)
	}
}

func TestPolicyAloneDecidesWhereNothingElseIsConfigured(t *testing.T) {
	f := newFakes(t)
	f.issuers, f.who = 0, access.Principal{}
	f.set, _ = inventory.New(inventory.Key{1}, nil, nil, false)
	f.says(access.Verdict{Outcome: access.Allow, Change: access.Change{SetQuery: []access.Header{{Name: "a", Value: "b"}}}}, nil)
	d := f.decider(t).Decide(t.Context(), get("x-cloakroom-session", "not looked at !", "authorization", "Bearer x"), nil)
	if d.Outcome != access.Allow || !f.asked.Bare || len(f.asked.Remove) != 0 || len(d.Change.RemoveRequestHeaders) != 0 || len(d.Change.SetQuery) != 1 {
		t.Errorf("got %+v, %+v", d, d.Refusal)
	}
	f.says(access.Verdict{}, nil)
	if d := f.decider(t).Decide(t.Context(), get(), nil); d.Outcome != access.Deny {
		t.Errorf("got %+v", d)
	}
	full := newFakes(t) // credentials without issuers: everybody is unknown
	full.issuers, full.who = 0, access.Principal{}
	if d := full.decider(t).Decide(t.Context(), get(), nil); d.Outcome != access.Deny || d.Refusal.Code != access.Unauthenticated {
		t.Errorf("got %+v", d)
	}
}

func TestARefusalCarriesThePolicysWishes(t *testing.T) {
	f := newFakes(t)
	f.says(access.Verdict{Reason: "no", Change: access.Change{Status: 429, Body: "slow", HasBody: true}}, nil)
	d := f.decider(t).Decide(t.Context(), get(), nil)
	if d.Change.Status != 429 || d.Change.Body != "slow" || d.Refusal.Message != "no" || d.Reason != "no" {
		t.Errorf("got %+v", d)
	}
}

func TestNewWantsEverything(t *testing.T) {
	full := newFakes(t).decider(t).Deps
	for i := range reflect.TypeFor[Deps]().NumField() {
		deps := full
		field := reflect.ValueOf(&deps).Elem().Field(i)
		field.SetZero()
		name := reflect.TypeFor[Deps]().Field(i).Name
		optional := slices.Contains([]string{"Observer", "InForce", "Holds", "AdminURL"}, name)
		if _, err := New(deps); (err == nil) != optional {
			t.Errorf("without %s: %v", name, err)
		}
	}
}

func TestAReloadedInventoryIsTakenAtOnce(t *testing.T) {
	f := newFakes(t)
	d := f.decider(t)
	if got := d.Decide(t.Context(), get(bearer(named("read"))...), nil); got.Outcome != access.Allow {
		t.Fatal(got.Refusal)
	}
	f.set, _ = inventory.New(inventory.Key{1}, nil, []inventory.Upstream{{Host: "api.example.com", Prefix: "/api", Route: "r", Cluster: "c"}}, false)
	if got := d.Decide(t.Context(), get(bearer(named("read"))...), nil); got.Outcome != access.Deny || got.Refusal.Code != access.UnknownPlaceholder {
		t.Errorf("got %+v", got)
	}
}

func TestHide(t *testing.T) {
	known := newFacts(newFakes(t).set)
	for in, want := range map[string]string{
		"":                                   "",
		"plain":                              "plain",
		"ckr_":                               "ckr_",
		"ckr_ckr_read_x":                     "ckr_ckr_read_x",
		named("read"):                        named("read"),
		"a" + named("read") + "b":            "a" + named("read") + "b",
		inventory.Key{7}.Placeholder("read"): "ckr_read_[ticket]",
		"ckr_" + inventory.Key{7}.Placeholder("gone") + named("read") + "!": "ckr_ckr_gone_[ticket]" + named("read") + "!",
	} {
		if got := known.hide(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func FuzzHide(f *testing.F) {
	known := newFacts(newFakes(f).set)
	secret := inventory.Key{7}.Placeholder("read")
	f.Add("a", "b")
	f.Add("ckr_", "_")
	f.Add("ckr_read_", "0")
	f.Fuzz(func(t *testing.T, before, after string) {
		if got := known.hide(before + secret + after); strings.Contains(got, secret) {
			t.Errorf("%q still shows it: %q", before+secret+after, got)
		}
	})
}

func BenchmarkDecide(b *testing.B) {
	for name, headers := range map[string][]string{"placeholder": bearer(named("read")), "none": nil} {
		b.Run(name, func(b *testing.B) {
			f := newFakes(b)
			d := f.decider(b)
			r := get(headers...)
			b.ReportAllocs()
			for b.Loop() {
				f.entries, f.used, f.phases, f.decided = f.entries[:0], f.used[:0], f.phases[:0], f.decided[:0]
				if got := d.Decide(b.Context(), r, nil); got.Outcome != access.Allow {
					b.Fatal(fmt.Sprint(got.Refusal))
				}
			}
		})
	}
}
