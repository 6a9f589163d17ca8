package decide

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"cloakroom/internal/access"
	"cloakroom/internal/inventory"
	"cloakroom/internal/lease"
)

// TestWhatCannotBeRecordedIsRefused, before it is said that it may go.
func TestWhatCannotBeRecordedIsRefused(t *testing.T) {
	f := newFakes(t)
	f.unready = errors.New("the disk is full")
	d := f.decider(t).Decide(t.Context(), get("authorization", "Bearer "+named("read")), nil)
	if d.Outcome != access.Deny || d.Refusal.Code != access.Unavailable || d.Refusal.Message != "recording is not possible now" || d.Grant != nil {
		t.Fatalf("got %+v, %+v", d, d.Refusal)
	}
	if !slices.Equal(f.readyFor, []string{agent.ID()}) || f.records[0].Principal != agent.ID() {
		t.Errorf("asked for %q, recorded for %q", f.readyFor, f.records[0].Principal)
	}
	if e := f.entries[0].Decision; len(f.entries) != 1 || e.Outcome != access.Deny || e.Reason != "recording is not possible: the disk is full" {
		t.Errorf("got %+v", e)
	}
}

// TestRefusalsAreRecorded where it is known who asked, once they are in the log.
func TestRefusalsAreRecorded(t *testing.T) {
	ticket, err := inventory.NewTicket("read")
	if err != nil {
		t.Fatal(err)
	}
	q := get("authorization", "Bearer "+ticket, "x-other", named("more"))
	f := newFakes(t)
	f.tickets[inventory.TicketHash(ticket)] = lease.Lease{ID: "l1", Credential: "read", State: lease.Active,
		Principal: agent.ID(), Issuer: agent.Issuer, Subject: agent.Subject, Ends: start.Add(1)}
	f.says(access.Verdict{Reason: "no"}, nil)
	d := f.decider(t).Decide(t.Context(), q, nil)
	if len(f.records) != 1 {
		t.Fatalf("%d are recorded: %+v", len(f.records), d.Refusal)
	}
	r := f.records[0]
	if r.Request != q || r.Decision.Refusal != d.Refusal || r.Decision.Exchange != d.Exchange || r.Target.Host != "api.example.com" ||
		!slices.Equal(r.Credentials, []string{"read"}) || len(r.Tickets) != 1 || r.Tickets[ticket] != "l1" {
		t.Errorf("got %+v", r)
	}
	for name, change := range map[string]func(f *fakes){
		"nobody asked":              func(f *fakes) { f.who = access.Principal{} },
		"it is not in the log":      func(f *fakes) { f.logErr = errors.New("full") },
		"it was let go, and by all": func(f *fakes) { f.says(access.Verdict{Outcome: access.Allow}, nil) },
	} {
		f := newFakes(t)
		f.says(access.Verdict{Reason: "no"}, nil)
		change(f)
		f.decider(t).Decide(t.Context(), get(), nil)
		if len(f.records) != 0 {
			t.Errorf("%s: %+v", name, f.records)
		}
	}
}

// TestTheLogTellsOfWhoAsked: the groups, and where a token stood.
func TestTheLogTellsOfWhoAsked(t *testing.T) {
	f := newFakes(t)
	f.decider(t).Decide(t.Context(), get(), nil)
	e := f.entries[0].Decision
	if !slices.Equal(e.Groups, agent.Groups) || !slices.Equal(e.Tokens, []string{"x-cloakroom-token"}) {
		t.Errorf("got groups %q, tokens %q", e.Groups, e.Tokens)
	}
}

// TestWhatIsSentAgainPushesNothingOut of the log, which takes only so many uses.
func TestWhatIsSentAgainPushesNothingOut(t *testing.T) {
	f := newFakes(t)
	again := strings.Repeat(named("read")+" ", 100)
	if d := f.decider(t).Decide(t.Context(), get("x-api-key", again+named("more"), "authorization", named("read")), nil); d.Refusal != nil {
		t.Fatalf("got %+v", d.Refusal)
	}
	var got []string
	for _, u := range f.entries[0].Decision.Uses {
		got = append(got, u.Credential+" "+u.Location)
	}
	if slices.Sort(got); !slices.Equal(got, []string{"more header:x-api-key", "read header:authorization", "read header:x-api-key"}) {
		t.Errorf("got %q", got)
	}
}

// TestWhatIsNotUnderstoodIsRecordedAsItMightBe: rules that keep less of what is about
// a credential hold where its placeholder was not found because nothing could be read.
func TestWhatIsNotUnderstoodIsRecordedAsItMightBe(t *testing.T) {
	for name, tt := range map[string]struct {
		r    *access.Request
		want []string
	}{
		"no JSON":      {post(isJSON, member(named("read"))+"x"), []string{"hot", "more", "read", "theirs"}},
		"many":         {post(isForm, "secret=x", "x-cloakroom-token", strings.Repeat(named("read"), inventory.MaxFound+1)), []string{"hot", "more", "read", "theirs"}},
		"another's":    {post(isJSON, member(named("theirs"))), []string{"theirs"}},
		"many, a head": {get("authorization", "Bearer "+strings.Repeat(named("read"), inventory.MaxFound+1)), []string{"read"}},
	} {
		f := newBodyFakes(t)
		if tt.r.Method == "GET" {
			f = newFakes(t)
		}
		f.decider(t).Decide(t.Context(), tt.r, nil)
		if len(f.records) != 1 {
			t.Errorf("%s: %d are recorded", name, len(f.records))
			continue
		}
		got := slices.Clone(f.records[0].Credentials)
		slices.Sort(got)
		if got = slices.Compact(got); !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %q", name, got)
		}
	}
}

// TestATicketTakesNothingOfItsHoldersShare where it lets nobody in: whoever finds one that
// ended would stop its holder by being refused.
func TestATicketTakesNothingOfItsHoldersShare(t *testing.T) {
	for name, change := range map[string]func(*lease.Lease){
		"ended":   func(l *lease.Lease) { l.State = lease.Ended },
		"revoked": func(l *lease.Lease) { l.State, l.Ending = lease.Ended, lease.Revoked },
		"bound":   func(l *lease.Lease) { l.Terms.Bound = true },
	} {
		f := newFakes(t)
		f.who = access.Principal{}
		f.decider(t).Decide(t.Context(), get("authorization", "Bearer "+f.ticket(t, agent, "read", change)), nil)
		if len(f.records) != 1 || f.records[0].Principal == agent.ID() || !strings.HasSuffix(f.records[0].Principal, agent.ID()) {
			t.Errorf("%s: recorded %+v", name, f.records)
		}
		if e := f.entries[0].Decision; e.Subject != agent.Subject {
			t.Errorf("%s: the log says %+v", name, e)
		}
	}
}
