// Package leasetest holds the contract of lease.Store as a test that every
// store runs, and a store in memory for the tests of others.
package leasetest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/lease"
)

// Epoch is a time for tests.
var Epoch = time.Date(2026, 11, 5, 12, 0, 0, 123456000, time.UTC)

var key = [32]byte{1, 2, 3}

// Alice is a principal for tests.
var Alice = access.Principal{Issuer: "https://issuer.example", Subject: "alice", Groups: []string{"a", "b"}}

// TestStore is the contract of lease.Store. open makes an empty one.
func TestStore(t *testing.T, open func(t *testing.T) lease.Store) {
	for _, c := range []struct {
		name string
		run  func(*testing.T, lease.Store)
	}{
		{"a row comes back as it was", testRoundTrip},
		{"an id and a ticket are there once", testUnique},
		{"an update asks for the state", testUpdate},
		{"one of many updates wins", testRace},
		{"unended rows and changes", testChanges},
		{"lists", testList},
		{"forgets what ended", testForget},
		{"the mark only rises", testMark},
		{"an ended context is an error", testContext},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, open(t)) })
	}
}

// row makes the n-th row, n seconds after Epoch, with a ticket if n is odd.
func row(t *testing.T, n int) lease.Row {
	t.Helper()
	a := lease.Ask{Principal: Alice, Credential: fmt.Sprintf("c%d", n%2), Session: "s",
		Reason: "because \x00 \u2028 \"", Length: time.Minute}
	if n%2 == 1 {
		a.Ticket = [32]byte{byte(n)}
	}
	l, err := lease.Open(a, Epoch.Add(time.Duration(n)*time.Second))
	check(t, err)
	return lease.Seal(key, l)
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func want(t *testing.T, got error, wanted error) {
	t.Helper()
	if !errors.Is(got, wanted) {
		t.Fatalf("got error %v, want %v", got, wanted)
	}
}

func insert(t *testing.T, s lease.Store, n int) []lease.Row {
	t.Helper()
	var rows []lease.Row
	for i := range n {
		rows = append(rows, row(t, i))
		check(t, s.Insert(t.Context(), rows[i]))
	}
	return rows
}

// revoked is the row with its lease revoked a while after it opened.
func revoked(t *testing.T, r lease.Row) lease.Row {
	t.Helper()
	l, err := r.Lease.Revoke(r.Lease.Created.Add(10 * time.Second))
	check(t, err)
	return lease.Seal(key, l)
}

func testRoundTrip(t *testing.T, s lease.Store) {
	pending, err := lease.Propose(lease.Ask{Principal: access.Principal{Issuer: "i", Subject: "s"},
		Credential: "c", Length: time.Hour}, time.Minute, Epoch)
	check(t, err)
	for _, r := range []lease.Row{row(t, 1), row(t, 2), revoked(t, row(t, 3)), lease.Seal(key, pending)} {
		check(t, s.Insert(t.Context(), r))
		got, err := s.ByID(t.Context(), r.Lease.ID)
		check(t, err)
		if !reflect.DeepEqual(got, r) {
			t.Errorf("got  %+v\nwant %+v", got, r)
		}
		if _, ok := lease.Unseal(key, got); !ok {
			t.Error("the MAC does not hold any more")
		}
		got, err = s.ByTicket(t.Context(), r.Lease.Ticket)
		if r.Lease.Ticket == [32]byte{} {
			want(t, err, lease.ErrUnknown)
		} else if check(t, err); got.Lease.ID != r.Lease.ID {
			t.Errorf("by ticket: got lease %q", got.Lease.ID)
		}
	}
	_, err = s.ByID(t.Context(), "nobody")
	want(t, err, lease.ErrUnknown)
	_, err = s.ByTicket(t.Context(), [32]byte{99})
	want(t, err, lease.ErrUnknown)
}

func testUnique(t *testing.T, s lease.Store) {
	rows := insert(t, s, 4) // two of them without a ticket
	want(t, s.Insert(t.Context(), rows[0]), lease.ErrExists)
	again := row(t, 1)
	want(t, s.Insert(t.Context(), again), lease.ErrExists)
}

func testUpdate(t *testing.T, s lease.Store) {
	rows := insert(t, s, 2)
	gone := revoked(t, rows[0])
	want(t, s.Update(t.Context(), gone, lease.Pending), lease.ErrConflict)
	check(t, s.Update(t.Context(), gone, lease.Active))
	want(t, s.Update(t.Context(), rows[0], lease.Active), lease.ErrConflict)
	got, err := s.ByID(t.Context(), gone.Lease.ID)
	check(t, err)
	if !reflect.DeepEqual(got, gone) {
		t.Errorf("got %+v, want %+v", got, gone)
	}
	want(t, s.Update(t.Context(), revoked(t, row(t, 2)), lease.Active), lease.ErrUnknown)
}

func testRace(t *testing.T, s lease.Store) {
	r := revoked(t, insert(t, s, 1)[0])
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		wg.Go(func() { errs[i] = s.Update(t.Context(), r, lease.Active) })
	}
	wg.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else {
			want(t, err, lease.ErrConflict)
		}
	}
	if won != 1 {
		t.Errorf("%d updates won", won)
	}
}

func testChanges(t *testing.T, s lease.Store) {
	_, start, err := s.Unended(t.Context())
	check(t, err)
	rows := insert(t, s, 3)
	got, seen, err := s.Changes(t.Context(), start)
	check(t, err)
	if len(got) != 3 || seen <= start {
		t.Fatalf("got %d changes up to %d, want 3 after %d", len(got), seen, start)
	}
	check(t, s.Update(t.Context(), revoked(t, rows[1]), lease.Active))
	got, last, err := s.Changes(t.Context(), seen)
	check(t, err)
	if len(got) != 1 || got[0].Lease.ID != rows[1].Lease.ID || got[0].Lease.State != lease.Ended || last <= seen {
		t.Errorf("got %+v up to %d", got, last)
	}
	got, again, err := s.Changes(t.Context(), last)
	check(t, err)
	if len(got) != 0 || again != last {
		t.Errorf("got %d changes up to %d, want none up to %d", len(got), again, last)
	}
	got, again, err = s.Unended(t.Context())
	check(t, err)
	if len(got) != 2 || again != last {
		t.Errorf("got %d unended rows at %d, want 2 at %d", len(got), again, last)
	}
}

func testList(t *testing.T, s lease.Store) {
	rows := insert(t, s, 5)
	check(t, s.Update(t.Context(), revoked(t, rows[4]), lease.Active))
	for _, c := range []struct {
		name string
		f    lease.Filter
		want []int
	}{
		{"all", lease.Filter{}, []int{4, 3, 2, 1, 0}},
		{"limit", lease.Filter{Limit: 2}, []int{4, 3}},
		{"credential", lease.Filter{Credential: "c1"}, []int{3, 1}},
		{"principal", lease.Filter{Principal: Alice.ID(), Limit: 1}, []int{4}},
		{"another principal", lease.Filter{Principal: "https://issuer.example#bob"}, nil},
		{"active", lease.Filter{State: lease.Active}, []int{3, 2, 1, 0}},
		{"ended", lease.Filter{State: lease.Ended}, []int{4}},
	} {
		got, err := s.List(t.Context(), c.f)
		check(t, err)
		var ids, wanted []string
		for _, r := range got {
			ids = append(ids, r.Lease.ID)
		}
		for _, n := range c.want {
			wanted = append(wanted, rows[n].Lease.ID)
		}
		if !reflect.DeepEqual(ids, wanted) {
			t.Errorf("%s: got %q, want %q", c.name, ids, wanted)
		}
	}
}

func testForget(t *testing.T, s lease.Store) {
	rows := insert(t, s, 3)
	for _, r := range rows[:2] {
		check(t, s.Update(t.Context(), revoked(t, r), lease.Active))
	}
	// The first ended at 10 s, the second at 11 s; the third is active.
	check(t, s.Forget(t.Context(), Epoch.Add(11*time.Second)))
	got, err := s.List(t.Context(), lease.Filter{})
	check(t, err)
	if len(got) != 2 || got[0].Lease.ID != rows[2].Lease.ID || got[1].Lease.ID != rows[1].Lease.ID {
		t.Errorf("got %+v", got)
	}
}

func testMark(t *testing.T, s lease.Store) {
	got, err := s.Marked(t.Context())
	check(t, err)
	if !got.IsZero() {
		t.Errorf("an empty store is marked %s", got)
	}
	for _, m := range []struct{ mark, want time.Time }{
		{Epoch, Epoch},
		{Epoch.Add(-time.Hour), Epoch},
		{Epoch.Add(time.Hour), Epoch.Add(time.Hour)},
	} {
		check(t, s.Mark(t.Context(), m.mark))
		got, err := s.Marked(t.Context())
		check(t, err)
		if !got.Equal(m.want) {
			t.Errorf("marked %s, want %s", got, m.want)
		}
	}
}

func testContext(t *testing.T, s lease.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Insert(ctx, row(t, 1)); err == nil {
		t.Error("inserted")
	}
}
