package main

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/lease"
	"cloakroom/internal/record"
	"cloakroom/internal/replace"
	"cloakroom/internal/store/sqlite"
)

// told is a leaseLog in whose log nothing stands, and leases that another process has
// opened.
func told(t *testing.T, now time.Time, leases int) (g *leaseLog, dir string, all []lease.Lease) {
	t.Helper()
	dir = t.TempDir()
	db, err := sqlite.Open(t.Context(), filepath.Join(dir, "db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	keeper := func() *lease.Keeper {
		k, err := lease.NewKeeper(t.Context(), db, [32]byte{1}, lease.Options{}, now)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	here, other := keeper(), keeper()
	for i := range leases {
		l, err := other.Use(t.Context(), lease.Ask{Principal: access.Principal{Issuer: "https://i", Subject: fmt.Sprint("agent", i)}, Credential: "git",
			Terms: lease.Terms{Length: time.Minute}}, now)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, l)
	}
	none, err := replace.Compile(nil)
	if err != nil {
		t.Fatal(err)
	}
	log, err := record.Open(filepath.Join(dir, "record"), plain{none}, record.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return newLeaseLog(log, here), filepath.Join(dir, "record"), all
}

func decided(now time.Time, l lease.Lease, ends time.Time) record.Entry {
	return record.Entry{Time: now, Decision: &record.Decision{Exchange: record.NewID(now), Outcome: access.Allow,
		Uses: []record.Use{{Credential: "git", Lease: l.ID, LeaseEnds: ends}}}}
}

// TestALeaseIsToldAheadOfDecisions decides under a lease that another process has
// opened, of which this one's log has no entry.
func TestALeaseIsToldAheadOfDecisions(t *testing.T) {
	now := time.Now()
	g, dir, leases := told(t, now, 1)
	l := leases[0]
	for _, ends := range []time.Time{l.Ends, l.Ends, l.Ends.Add(time.Minute)} {
		if err := g.Append(t.Context(), decided(now, l, ends)); err != nil {
			t.Fatal(err)
		}
	}
	g.Close()
	want := []string{"lease active " + l.ID, "decision", "decision", "lease active " + l.ID, "decision"}
	if got := kinds(t, dir); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestNoDecisionOvertakesItsLease decides many requests at once under leases that the
// log has nothing of: each is written behind its own.
func TestNoDecisionOvertakesItsLease(t *testing.T) {
	now := time.Now()
	g, dir, leases := told(t, now, 50)
	var all sync.WaitGroup
	for _, l := range leases {
		for range 8 {
			all.Go(func() {
				if err := g.Append(t.Context(), decided(now, l, l.Ends)); err != nil {
					t.Error(err)
				}
			})
		}
	}
	all.Wait()
	g.Close()
	r, err := record.ReadAfter(dir, record.Position{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	known := map[string]bool{}
	for line, err := r.Next(); err == nil; line, err = r.Next() {
		switch e, err := line.Entry(); {
		case err != nil:
			t.Fatal(err)
		case e.Lease != nil:
			known[e.Lease.ID] = true
		case !known[e.Decision.Uses[0].Lease]:
			t.Fatalf("entry %d is a decision, and its lease is not told of", e.Seq)
		}
	}
	if len(known) != len(leases) {
		t.Errorf("%d leases are told of, want %d", len(known), len(leases))
	}
}

// kinds are the kinds of a log's entries, with the state of leases.
func kinds(t *testing.T, dir string) (all []string) {
	t.Helper()
	r, err := record.ReadAfter(dir, record.Position{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for {
		line, err := r.Next()
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		e, err := line.Entry()
		if err != nil {
			t.Fatal(err)
		}
		kind := string(e.Kind())
		if e.Lease != nil {
			kind = fmt.Sprint(kind, " ", e.Lease.State, " ", e.Lease.ID)
		}
		all = append(all, kind)
	}
}
