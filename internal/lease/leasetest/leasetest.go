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
		{"a question is asked once", testQuestion},
		{"so many leases at once", testAtOnce},
		{"of many who insert at once, so many do", testCrowd},
		{"an update asks for the change", testUpdate},
		{"one of many updates wins", testRace},
		{"unended rows and changes", testChanges},
		{"who has seen a change has seen all before it", testOrder},
		{"lists", testList},
		{"bars", testBars},
		{"tallies", testTally},
		{"forgets what ended", testForget},
		{"the mark only rises", testMark},
		{"an ended context is an error", testContext},
		{"a watch ends with its context", testWatch},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, open(t)) })
	}
}

// made makes the n-th lease, n seconds after Epoch, with a ticket if n is odd.
func made(t *testing.T, n int, change ...func(*lease.Ask)) lease.Lease {
	t.Helper()
	a := lease.Ask{Principal: Alice, Credential: fmt.Sprintf("c%d", n%2), Session: "s",
		Reason: "because \x00 \u2028 \"", Terms: lease.Terms{Length: time.Minute, Uses: 3}}
	if n%2 == 1 {
		a.Ticket = lease.Digest{byte(n)}
	}
	for _, c := range change {
		c(&a)
	}
	l, err := lease.Open(a, Epoch.Add(time.Duration(n)*time.Second))
	check(t, err)
	return l
}

// asking makes a lease wait for an approval, for a minute.
func asking(a *lease.Ask) { a.Terms.Needs, a.Stands = 1, time.Minute }

func row(t *testing.T, n int, change ...func(*lease.Ask)) lease.Row {
	t.Helper()
	return lease.Seal(key, made(t, n, change...), 0)
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

// put inserts a row, and returns it with its change number.
func put(t *testing.T, s lease.Store, r lease.Row) lease.Row {
	t.Helper()
	var err error
	r.Change, err = s.Insert(t.Context(), r, 0)
	check(t, err)
	return r
}

func refused(t *testing.T, s lease.Store, r lease.Row, atOnce int, wanted error) {
	t.Helper()
	_, err := s.Insert(t.Context(), r, atOnce)
	want(t, err, wanted)
}

// change updates a row, and returns it with its change number.
func change(t *testing.T, s lease.Store, r lease.Row) lease.Row {
	t.Helper()
	var err error
	r.Change, err = s.Update(t.Context(), r)
	check(t, err)
	return r
}

func insert(t *testing.T, s lease.Store, n int) []lease.Row {
	t.Helper()
	var rows []lease.Row
	for i := range n {
		rows = append(rows, put(t, s, row(t, i)))
	}
	return rows
}

func unsealed(t *testing.T, r lease.Row) lease.Lease {
	t.Helper()
	l, ok := lease.Unseal(key, r)
	if !ok {
		t.Fatal("the MAC does not hold any more")
	}
	return l
}

// revoked is the row with its lease revoked a while after it opened.
func revoked(t *testing.T, r lease.Row) lease.Row {
	t.Helper()
	l, err := unsealed(t, r).Revoke("somebody", r.Created.Add(10*time.Second))
	check(t, err)
	return lease.Seal(key, l, r.Change)
}

func testRoundTrip(t *testing.T, s lease.Store) {
	operation := lease.Operation{Method: "POST", Host: "h", Path: "/p?q=\u00e9", Body: lease.Digest{7}}
	for _, r := range []lease.Row{row(t, 1), row(t, 2), revoked(t, row(t, 3)),
		row(t, 4, asking, func(a *lease.Ask) { a.Operation = operation })} {
		r = put(t, s, r)
		got, err := s.ByID(t.Context(), r.ID)
		check(t, err)
		if !reflect.DeepEqual(got, r) {
			t.Errorf("got  %+v\nwant %+v", got, r)
		}
		unsealed(t, got)
		got, err = s.ByTicket(t.Context(), r.Ticket)
		if r.Ticket == (lease.Digest{}) {
			want(t, err, lease.ErrUnknown)
		} else if check(t, err); got.ID != r.ID {
			t.Errorf("by ticket: got lease %q", got.ID)
		}
	}
	_, err := s.ByID(t.Context(), "nobody")
	want(t, err, lease.ErrUnknown)
	_, err = s.ByTicket(t.Context(), lease.Digest{99})
	want(t, err, lease.ErrUnknown)
}

func testUnique(t *testing.T, s lease.Store) {
	rows := insert(t, s, 4) // two of them without a ticket
	refused(t, s, rows[0], 0, lease.ErrExists)
	refused(t, s, row(t, 1), 0, lease.ErrExists)
}

func testQuestion(t *testing.T, s lease.Store) {
	first := put(t, s, row(t, 0, asking))
	refused(t, s, row(t, 2, asking), 0, lease.ErrExists)
	put(t, s, row(t, 4)) // needs no answer
	got, err := s.ByQuestion(t.Context(), first.Question)
	if check(t, err); got.ID != first.ID {
		t.Errorf("found %+v", got)
	}
	other := put(t, s, row(t, 6, asking, func(a *lease.Ask) { a.Operation.Method = "GET" }))
	if other.Question == first.Question {
		t.Error("two operations are one question")
	}
	late := put(t, s, row(t, 60, asking)) // the first has lapsed, though its row says pending
	got, err = s.ByQuestion(t.Context(), first.Question)
	if check(t, err); got.ID != late.ID {
		t.Errorf("found %+v", got)
	}
	change(t, s, revoked(t, late))
	change(t, s, revoked(t, first))
	_, err = s.ByQuestion(t.Context(), first.Question)
	want(t, err, lease.ErrUnknown)
	put(t, s, row(t, 62, asking))
}

func testAtOnce(t *testing.T, s lease.Store) {
	rows := insert(t, s, 3) // 0 and 2 are over one credential
	refused(t, s, row(t, 4), 2, lease.ErrTooMany)
	put(t, s, row(t, 5))
	put(t, s, row(t, 6, func(a *lease.Ask) { a.Principal.Subject = "bob" }))
	change(t, s, revoked(t, rows[0]))
	_, err := s.Insert(t.Context(), row(t, 8), 2)
	check(t, err)
	refused(t, s, row(t, 10), 2, lease.ErrTooMany)
	_, err = s.Insert(t.Context(), row(t, 62), 2) // the row of 2 s is over
	check(t, err)
	_, err = s.Insert(t.Context(), row(t, 64, func(a *lease.Ask) { a.Principal.Subject = "carol" }), 1)
	check(t, err)
}

func testCrowd(t *testing.T, s lease.Store) {
	const atOnce = 3
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		r := row(t, 2*i)
		wg.Go(func() { _, errs[i] = s.Insert(t.Context(), r, atOnce) })
	}
	wg.Wait()
	n := 0
	for _, err := range errs {
		if err == nil {
			n++
		} else {
			want(t, err, lease.ErrTooMany)
		}
	}
	if n != atOnce {
		t.Errorf("%d were inserted", n)
	}
}

func testUpdate(t *testing.T, s lease.Store) {
	rows := insert(t, s, 2)
	gone := revoked(t, rows[0])
	wrong := gone
	wrong.Change = rows[1].Change
	_, err := s.Update(t.Context(), wrong)
	want(t, err, lease.ErrConflict)
	done := change(t, s, gone)
	if done.Change <= rows[1].Change {
		t.Errorf("change %d after %d", done.Change, rows[1].Change)
	}
	_, err = s.Update(t.Context(), rows[0])
	want(t, err, lease.ErrConflict)
	got, err := s.ByID(t.Context(), gone.ID)
	check(t, err)
	if !reflect.DeepEqual(got, done) {
		t.Errorf("got %+v, want %+v", got, done)
	}
	_, err = s.Update(t.Context(), revoked(t, row(t, 2)))
	want(t, err, lease.ErrUnknown)
}

func testRace(t *testing.T, s lease.Store) {
	r := revoked(t, insert(t, s, 1)[0])
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		wg.Go(func() { _, errs[i] = s.Update(t.Context(), r) })
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
	got, seen, err := s.Changes(t.Context(), start, 1000)
	check(t, err)
	if len(got) != 3 || seen <= start {
		t.Fatalf("got %d changes up to %d, want 3 after %d", len(got), seen, start)
	}
	change(t, s, revoked(t, rows[1]))
	got, last, err := s.Changes(t.Context(), seen, 1000)
	check(t, err)
	if len(got) != 1 || got[0].ID != rows[1].ID || got[0].State != lease.Ended || last <= seen {
		t.Errorf("got %+v up to %d", got, last)
	}
	got, part, err := s.Changes(t.Context(), start, 2)
	check(t, err)
	if len(got) != 2 || got[0].ID != rows[0].ID || got[1].ID != rows[2].ID || part != got[1].Change {
		t.Errorf("got %d changes up to %d, want the first two of three", len(got), part)
	}
	got, part, err = s.Changes(t.Context(), part, 1)
	check(t, err)
	if len(got) != 1 || got[0].ID != rows[1].ID || part != last {
		t.Errorf("got %d changes up to %d, want the last up to %d", len(got), part, last)
	}
	got, again, err := s.Changes(t.Context(), last, 1000)
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

// testOrder follows the changes while several write, and must miss none.
func testOrder(t *testing.T, s lease.Store) {
	const writers, each = 4, 12
	var wg sync.WaitGroup
	for w := range writers {
		rows := make([]lease.Row, each)
		for i := range rows {
			rows[i] = row(t, 2*(w*each+i))
		}
		wg.Go(func() {
			for _, r := range rows {
				if _, err := s.Insert(t.Context(), r, 0); err != nil {
					t.Error(err)
				}
			}
		})
	}
	written := make(chan struct{})
	go func() { wg.Wait(); close(written) }()
	seen, after := map[string]bool{}, int64(0)
	for over := false; !over; {
		select {
		case <-written:
			over = true
		default:
		}
		rows, last, err := s.Changes(t.Context(), after, 1000)
		check(t, err)
		for _, r := range rows {
			seen[r.ID] = true
		}
		after = last
	}
	if len(seen) != writers*each {
		t.Errorf("saw %d of %d rows", len(seen), writers*each)
	}
}

func testList(t *testing.T, s lease.Store) {
	rows := insert(t, s, 5)
	gone := revoked(t, rows[4])
	change(t, s, gone)
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
		{"pending", lease.Filter{State: lease.Pending}, nil},
		{"open", lease.Filter{Credential: "c0", Open: true}, []int{2, 0}},
		{"ended, by what it is found by", lease.Filter{Question: gone.Question}, []int{4}},
		{"ended, by another", lease.Filter{Question: rows[1].Question}, nil},
		{"over", lease.Filter{Over: Epoch.Add(62 * time.Second)}, []int{2, 1, 0}},
		{"over, all but those that have ended", lease.Filter{Over: Epoch.Add(time.Hour)}, []int{3, 2, 1, 0}},
	} {
		got, err := s.List(t.Context(), c.f)
		check(t, err)
		var ids, wanted []string
		for _, r := range got {
			ids = append(ids, r.ID)
		}
		for _, n := range c.want {
			wanted = append(wanted, rows[n].ID)
		}
		if !reflect.DeepEqual(ids, wanted) {
			t.Errorf("%s: got %q, want %q", c.name, ids, wanted)
		}
	}
}

func testBars(t *testing.T, s lease.Store) {
	_, before, err := s.Changes(t.Context(), 0, 1000)
	check(t, err)
	bar := lease.SealBar(key, lease.NewBar(lease.Bar{Credential: "c", By: "somebody"}, Epoch))
	check(t, s.PutBar(t.Context(), bar))
	got, err := s.Bars(t.Context())
	check(t, err)
	if len(got) != 1 || !reflect.DeepEqual(got[0], bar) {
		t.Errorf("got %+v", got)
	}
	_, put, err := s.Changes(t.Context(), before, 1000)
	check(t, err)
	check(t, s.DropBar(t.Context(), bar.ID))
	want(t, s.DropBar(t.Context(), bar.ID), lease.ErrUnknown)
	_, dropped, err := s.Changes(t.Context(), before, 1000)
	check(t, err)
	if put <= before || dropped <= put {
		t.Errorf("changes %d, %d, %d do not tell", before, put, dropped)
	}
	got, err = s.Bars(t.Context())
	if check(t, err); len(got) != 0 {
		t.Errorf("got %+v", got)
	}
}

func testTally(t *testing.T, s lease.Store) {
	for _, c := range []struct {
		lease  string
		minute int64
		want   int
	}{{"a", 7, 1}, {"a", 7, 2}, {"b", 7, 1}, {"a", 7, 3}, {"a", 8, 1}, {"b", 7, 2}, {"a", 8, 2}} {
		got, err := s.Tally(t.Context(), c.lease, c.minute)
		if check(t, err); got != c.want {
			t.Errorf("lease %s in minute %d: got %d, want %d", c.lease, c.minute, got, c.want)
		}
	}
}

func testForget(t *testing.T, s lease.Store) {
	rows := insert(t, s, 3)
	for _, r := range rows[:2] {
		change(t, s, revoked(t, r))
	}
	// The first ended at 10 s, the second at 11 s; the third is active.
	check(t, s.Forget(t.Context(), Epoch.Add(11*time.Second)))
	got, err := s.List(t.Context(), lease.Filter{})
	check(t, err)
	if len(got) != 2 || got[0].ID != rows[2].ID || got[1].ID != rows[1].ID {
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
	if _, err := s.Insert(ctx, row(t, 1), 0); err == nil {
		t.Error("inserted")
	}
}

func testWatch(t *testing.T, s lease.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { s.Watch(ctx, func() {}); close(done) }()
	cancel()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		t.Error("it goes on")
	}
}
