package postgres

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"cloakroom/internal/lease"
	"cloakroom/internal/lease/leasetest"
)

// row is a lease's row, without a limit or a question; change may alter it.
func row(t testing.TB, change ...func(*lease.Row)) lease.Row {
	t.Helper()
	l, err := lease.Open(lease.Ask{Principal: leasetest.Alice, Credential: "c", Terms: lease.Terms{Length: time.Minute}},
		leasetest.Epoch)
	if err != nil {
		t.Fatal(err)
	}
	r := lease.Seal([32]byte{1}, l, 0)
	for _, c := range change {
		c(&r)
	}
	return r
}

func insert(t testing.TB, s lease.Store, r lease.Row) lease.Row {
	t.Helper()
	var err error
	if r.Change, err = s.Insert(t.Context(), r, 0); err != nil {
		t.Fatal(err)
	}
	return r
}

// What a caller sent need be no text, and may be longer than an index takes.
func TestTextsOfAnyKind(t *testing.T) {
	d := open(t)
	for _, text := range []string{"", "\x00", "\xff\xfe", "'; DROP TABLE lease; --", "%s $1", "é\u2028", strings.Repeat("long ", 20000)} {
		r := row(t, func(r *lease.Row) { r.Principal, r.Credential = text, text })
		var err error
		if r.Change, err = d.Insert(t.Context(), r, 1); err != nil {
			t.Fatal(err)
		}
		got, err := d.ByID(t.Context(), r.ID)
		if err != nil || !reflect.DeepEqual(got, r) {
			t.Errorf("%.20q: %v", text, err)
		}
		again := row(t, func(r *lease.Row) { r.Principal, r.Credential = text, text })
		if _, err := d.Insert(t.Context(), again, 1); err == nil {
			t.Errorf("%.20q: two at once", text)
		}
		if _, err := d.ByID(t.Context(), text); err == nil {
			t.Errorf("%.20q is a lease's id", text)
		}
	}
}

// A refusal leaves no trace, so that an agent that asks again and again writes
// nothing.
func TestARefusalWritesNothing(t *testing.T) {
	d := open(t)
	r := insert(t, d, row(t))
	if _, err := d.Insert(t.Context(), r, 0); err == nil {
		t.Error("inserted twice")
	}
	stale := r
	stale.Change--
	if _, err := d.Update(t.Context(), stale); err == nil {
		t.Error("updated over another change")
	}
	if err := d.DropBar(t.Context(), "none"); err == nil {
		t.Error("dropped no bar")
	}
	rows, change, err := d.Changes(t.Context(), 0, 10)
	if err != nil || len(rows) != 1 || change != r.Change {
		t.Errorf("got %d rows, change %d, %v; want one, change %d", len(rows), change, err, r.Change)
	}
}

// Replicas around a minute's turn have not twice the limit.
func TestAClockBehindCountsWithTheOneAhead(t *testing.T) {
	d := open(t)
	for i, minute := range []int64{8, 7, 8, 7} {
		if n, err := d.Tally(t.Context(), "l", minute); err != nil || n != i+1 {
			t.Errorf("minute %d: got %d, %v; want %d", minute, n, err, i+1)
		}
	}
}

func TestForgetsMoreThanABatch(t *testing.T) {
	d := open(t)
	r := row(t, func(r *lease.Row) { r.State, r.Ended = lease.Ended, leasetest.Epoch })
	for range 3 {
		r.ID += "x"
		insert(t, d, r)
	}
	if _, err := d.Tally(t.Context(), r.ID, 7); err != nil {
		t.Fatal(err)
	}
	_, err := d.pool.Exec(t.Context(), `INSERT INTO lease SELECT convert_to(n::text, 'UTF8'), principal, credential, NULL, question,
		state, open, created, ends, ended, body, mac, change FROM (SELECT * FROM lease LIMIT 1) AS l, generate_series(1, 2500) AS n`)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Forget(t.Context(), leasetest.Epoch.Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	var leases, tallies int
	err = d.pool.QueryRow(t.Context(), "SELECT (SELECT count(*) FROM lease), (SELECT count(*) FROM tally)").Scan(&leases, &tallies)
	if err != nil || leases != 0 || tallies != 0 {
		t.Errorf("%d leases and %d tallies stay, %v", leases, tallies, err)
	}
}
