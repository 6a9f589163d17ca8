package export

import (
	"maps"
	"reflect"
	"testing"
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/record"
	"cloakroom/internal/record/recordtest"
)

const (
	logID    = "01jc0000000000000000000log"
	exchange = "01jc0000000000000000000001"
	leaseID  = "01jc0000000000000000lease1"
	issuer   = "https://dex.example.com"
	agent    = issuer + "#agent-7"
	alice    = issuer + "#alice"
	named    = "ckr_github-read_0123456789abcdefghjkmnpqrs"
)

var at = time.Date(2026, 11, 5, 12, 0, 0, 123456000, time.UTC)

// samples are entries of every kind, by name; the kind is the name's beginning.
func samples() map[string]record.Entry {
	all := exchanges()
	maps.Copy(all, changes())
	return all
}

// exchanges are the samples of what agents did.
func exchanges() map[string]record.Entry {
	allowed := record.Decision{Exchange: exchange, Issuer: issuer, Subject: "agent-7", Groups: []string{"ai-agents"}, Session: "build-42",
		Tokens: []string{"x-cloakroom-token"}, Source: "127.0.0.1:4711", Method: "GET", Host: "api.github.com", Authority: "localhost:8080",
		Path: "/repos/a/b?per_page=1", Route: "github", Outcome: access.Allow, Revision: "builtin-1",
		Uses: []record.Use{{Credential: "github-read", Placeholder: record.Placeholder{Text: named, Named: true}, Location: "header:authorization",
			Lease: leaseID, LeaseEnds: at.Add(time.Hour)}}}
	denied, asked, theft := allowed, allowed, allowed
	denied.Outcome, denied.Code, denied.Cause, denied.Reason, denied.Uses, denied.Method = access.Deny, access.NotGranted, access.CauseGroups, "credential github-read is for other groups", nil, "PURGE"
	asked.Outcome, asked.Code, asked.Reason, asked.Uses, asked.Source = access.NeedsApproval, access.ApprovalPending, "people must approve", nil, "[2001:db8::1]:80"
	theft.Outcome, theft.Code, theft.Cause, theft.Reason, theft.Uses = access.Deny, access.NotGranted, access.CauseStolen, "stolen: the ticket of lease "+leaseID+", which "+agent+" holds", nil
	end := record.End{Exchange: exchange, Status: 200, RequestBytes: 12, ResponseBytes: 1024, Set: "s1", Kept: "full", Until: at.Add(90 * 24 * time.Hour),
		Substitutions: []record.Substitution{{Credential: "github-read", Location: "header:authorization", N: 1}},
		Masks:         []record.Count{{Name: "github-read", N: 2}}, Phases: []record.Phase{{Name: "total", Took: 12345 * time.Microsecond}},
		Recording: []record.Part{{Pack: exchange, At: 10, Size: 20}}}
	cut := record.End{Exchange: exchange, Code: access.Unavailable, Error: "the stream was cut"}
	leaked, lost := end, end
	leaked.Values, leaked.Error, lost.Lost = []string{"github-read"}, `the caller sent the real value of "github-read"`, true
	return map[string]record.Entry{
		"decision-allow":  {Decision: &allowed},
		"decision-deny":   {Decision: &denied},
		"decision-ask":    {Decision: &asked},
		"decision-stolen": {Decision: &theft},
		"decision-nobody": {Decision: &record.Decision{Exchange: exchange, Method: "GET", Path: "/", Outcome: access.Allow, Source: "@"}},
		"end":             {End: &end},
		"end-cut":         {End: &cut},
		"end-value-sent":  {End: &leaked},
		"end-lost":        {End: &lost},
	}
}

// changes are the others.
func changes() map[string]record.Entry {
	lease := record.Lease{ID: leaseID, Issuer: issuer, Subject: "agent-7", Person: "alice@example.com", Credential: "github-write", Session: "build-42",
		Reason: "to merge", Operation: "PUT api.github.com/repos/a/b/merge", Scope: "operation", State: "pending", Ticket: true, By: agent, Ends: at.Add(time.Hour)}
	active, expired, refused := lease, lease, lease
	active.State, active.By, expired.State, expired.Ending, expired.By = "active", alice, "ended", "expired", ""
	refused.State, refused.Ending, refused.By = "ended", "denied", alice
	approval := record.Approval{Lease: leaseID, Issuer: issuer, Subject: "agent-7", Credential: "github-write", Session: "build-42", Approve: true,
		Scope: "operation", By: alice, Person: "alice@example.com", Name: "Alice", Via: "page", LoggedIn: at.Add(-time.Minute), Seen: "abc", Shown: `{"a":1}`}
	no := approval
	no.Approve, no.Reason, no.Person = false, "not on a Friday", "alice"
	return map[string]record.Entry{
		"refusals":        {Refusals: &record.Refusals{Since: at.Add(-time.Minute), Counts: []record.RefusalCount{{Code: access.Unauthenticated, Source: "10.0.0.1", N: 3}, {Code: access.Unauthenticated, N: 2}}}},
		"refusals-none":   {Refusals: &record.Refusals{}},
		"reload":          {Reload: &record.Reload{Revision: "r2", Credentials: 3, Set: "s2"}},
		"reload-bad":      {Reload: &record.Reload{Revision: "r1", Error: "line 3: no such key"}},
		"reload-start":    {Reload: &record.Reload{Revision: "r1", Start: true}},
		"lease-pending":   {Lease: &lease},
		"lease-active":    {Lease: &active},
		"lease-expired":   {Lease: &expired},
		"lease-denied":    {Lease: &refused},
		"approval":        {Approval: &approval},
		"approval-denied": {Approval: &no},
		"bar":             {Bar: &record.Bar{ID: "b1", Principal: agent, Credential: "github-write", Until: at.Add(time.Hour), Reason: "an incident", By: "cli:root@host"}},
		"bar-everyone":    {Bar: &record.Bar{ID: "b2", By: alice}},
		"bar-lifted":      {Bar: &record.Bar{ID: "b1", Lifted: true, By: alice}},
		"act-read":        {Act: &record.Act{Name: "read", By: alice, Principal: agent, Session: "build-42", Exchange: exchange, N: 1}},
		"act-prune":       {Act: &record.Act{Name: "prune", Target: "pack-1", N: 7, Detail: "its time is over"}},
		"act-forge":       {Act: &record.Act{Name: "forge", Target: "a1", Detail: "an act in the store that this instance did not seal"}},
		"act-stop":        {Act: &record.Act{Name: "stop"}},
		"act-backup":      {Act: &record.Act{Name: "backup", By: "cli:root@host", Target: "/backup"}},
		"heads":           {Heads: &record.Heads{Heads: []record.Head{{Log: "01jc00000000000000000other", Size: 7}}}},
		"heads-of-nobody": {Heads: &record.Heads{}},
	}
}

// events are those that a sample makes.
func events(t *testing.T, f Format, e record.Entry) []Event {
	t.Helper()
	e.Time = at
	return eventsOf(t, f, recordtest.Lines(t, e)[0])
}

func eventsOf(t *testing.T, f Format, l record.Line) []Event {
	t.Helper()
	m, err := NewMapper(f, logID, "1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	made, err := m.Events(l)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// kinds are those that an entry can have, of its type.
func kinds(t *testing.T) (all []record.Kind) {
	t.Helper()
	v := reflect.ValueOf(record.Entry{})
	for i := range v.NumField() {
		if v.Field(i).Kind() != reflect.Pointer {
			continue
		}
		e := reflect.New(v.Type())
		e.Elem().Field(i).Set(reflect.New(v.Type().Field(i).Type.Elem()))
		all = append(all, e.Interface().(*record.Entry).Kind())
	}
	if len(all) < 9 {
		t.Fatalf("only %d kinds", len(all))
	}
	return all
}
