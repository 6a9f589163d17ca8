package postgres

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"cloakroom/internal/access"
	"cloakroom/internal/record"
	"cloakroom/internal/record/recordtest"
)

// decision is alice's decision on the n-th exchange, n seconds after Epoch.
func decision(n int, session string) record.Entry {
	return record.Entry{Time: recordtest.Epoch.Add(time.Duration(n) * time.Second), Decision: &record.Decision{
		Exchange: fmt.Sprintf("%026d", n), Issuer: "i", Subject: "alice", Session: session, Outcome: access.Allow}}
}

func end(n int) record.Entry {
	return record.Entry{End: &record.End{Exchange: fmt.Sprintf("%026d", n), Status: 200 + n}}
}

func apply(t testing.TB, d *DB, entries ...record.Entry) []record.Line {
	t.Helper()
	lines := recordtest.Lines(t, entries...)
	if err := d.Apply(t.Context(), lines); err != nil {
		t.Fatal(err)
	}
	return lines
}

// One session's requests went to two replicas, and an exchange's two halves too.
func TestSeveralLogs(t *testing.T) {
	url := server.Database(t)
	a, b := openAt(t, url, "a"), openAt(t, url, "b")
	linesA := apply(t, a, decision(1, "s"), decision(4, "s"), end(2), end(4))
	apply(t, b, decision(2, "s"), decision(3, "only b's"), end(1))
	if p, err := a.Applied(t.Context()); err != nil || p != linesA[3].Position() {
		t.Errorf("a is at %+v, %v", p, err)
	}
	at := func(n int) time.Time { return recordtest.Epoch.Add(time.Duration(n) * time.Second) }
	both := record.Session{ID: "s", Principal: "i#alice", First: at(1), Last: at(4), Exchanges: 3}
	only := record.Session{ID: "only b's", Principal: "i#alice", First: at(3), Last: at(3), Exchanges: 1}
	wantSessions(t, a, record.SessionFilter{}, both, only)
	wantSessions(t, b, record.SessionFilter{Limit: 1}, both)
	wantStatuses(t, a, 201, 202, 204)
	if err := a.Reset(t.Context()); err != nil {
		t.Fatal(err)
	}
	both.First, both.Last, both.Exchanges = at(2), at(2), 1
	wantSessions(t, b, record.SessionFilter{}, only, both)
	wantStatuses(t, b, 0)
	if err := a.Apply(t.Context(), linesA); err != nil {
		t.Fatal(err)
	}
	wantStatuses(t, b, 201, 202, 204)
}

// A limit is of sessions, however many logs have each.
func TestALimitCountsSessions(t *testing.T) {
	url := server.Database(t)
	var last *DB
	for i := range 5 {
		last = openAt(t, url, fmt.Sprint(i))
		apply(t, last, decision(10+i, "late"), decision(5+i, "middle"), decision(i, "early"))
	}
	ss, err := last.Sessions(t.Context(), record.SessionFilter{Limit: 2})
	if err != nil || len(ss) != 2 || ss[0].ID != "late" || ss[1].ID != "middle" || ss[1].Exchanges != 5 {
		t.Errorf("got %+v, %v", ss, err)
	}
}

func TestAnIndexOfAnyTexts(t *testing.T) {
	d := open(t)
	apply(t, d, decision(1, "\x00"), decision(2, "\xff"), decision(3, "'"))
	if xs, err := d.Exchanges(t.Context(), "", "\x00", 0); err != nil || len(xs) != 1 {
		t.Errorf("got %+v, %v", xs, err)
	}
}

func wantSessions(t *testing.T, d *DB, f record.SessionFilter, want ...record.Session) {
	t.Helper()
	got, err := d.Sessions(t.Context(), f)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v, %v\nwant %+v", got, err, want)
	}
}

// wantStatuses asks for the ends of session s; 0: none.
func wantStatuses(t *testing.T, d *DB, want ...int) {
	t.Helper()
	xs, err := d.Exchanges(t.Context(), "", "s", 0)
	var got []int
	for _, x := range xs {
		status := 0
		if x.End != nil {
			status = x.End.End.Status
		}
		got = append(got, status)
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %d, %v; want %d", got, err, want)
	}
}

// What a migration reads from the lines that are there is what Apply files.
func TestOldLinesAreFiled(t *testing.T) {
	d := open(t)
	denied := decision(2, "s")
	denied.Decision.Outcome, denied.Decision.Reason = access.Deny, "a \\u0000 and a \x00"
	denied.Decision.Seen = []record.Seen{{Placeholder: record.Placeholder{Text: "ghp_ckr_read_0123456789abcdefghjkmnpqrs"}}}
	allowed := decision(1, "s")
	allowed.Decision.Host = "api.example"
	allowed.Decision.Uses = []record.Use{{Credential: "read"}, {Credential: "write"}}
	allowed.Decision.Seen = []record.Seen{{Placeholder: record.Placeholder{Text: "ckr_other_0123456789abcdefghjkmnpqrs"}}}
	pending := decision(3, "\x00")
	pending.Decision.Outcome = access.NeedsApproval
	apply(t, d, allowed, denied, pending, allowed, end(1))
	want := touched(t, d)
	if len(want) != 6 {
		t.Fatalf("filed %q", want)
	}
	_, fill, found := strings.Cut(migrations[3], "-- A replica")
	if !found {
		t.Fatal("the migration fills no table")
	}
	if _, err := d.pool.Exec(t.Context(), "DELETE FROM touch; -- A replica"+fill); err != nil {
		t.Fatal(err)
	}
	if got := touched(t, d); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func touched(t *testing.T, d *DB) []string {
	t.Helper()
	rows, err := d.pool.Query(t.Context(), "SELECT touch::text FROM touch ORDER BY 1")
	if err != nil {
		t.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return all
}
