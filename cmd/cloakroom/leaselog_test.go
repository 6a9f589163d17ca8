package main

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/lease"
	"cloakroom/internal/record"
	"cloakroom/internal/replace"
	"cloakroom/internal/store/sqlite"
)

// TestALeaseIsToldAheadOfDecisions decides under a lease that another process has
// opened, of which this one's log has no entry.
func TestALeaseIsToldAheadOfDecisions(t *testing.T) {
	dir, now := t.TempDir(), time.Now()
	db, err := sqlite.Open(t.Context(), filepath.Join(dir, "db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	keeper := func() *lease.Keeper {
		k, err := lease.NewKeeper(t.Context(), db, [32]byte{1}, lease.Options{}, now)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	l, err := keeper().Use(t.Context(), lease.Ask{Principal: access.Principal{Issuer: "https://i", Subject: "agent"}, Credential: "git",
		Terms: lease.Terms{Length: time.Minute}}, now)
	if err != nil {
		t.Fatal(err)
	}
	none, err := replace.Compile(nil)
	if err != nil {
		t.Fatal(err)
	}
	log, err := record.Open(filepath.Join(dir, "record"), plain{none}, record.Options{})
	if err != nil {
		t.Fatal(err)
	}
	g := newLeaseLog(log, keeper())
	for _, ends := range []time.Time{l.Ends, l.Ends, l.Ends.Add(time.Minute)} {
		d := &record.Decision{Exchange: record.NewID(now), Outcome: access.Allow, Uses: []record.Use{{Credential: "git", Lease: l.ID, LeaseEnds: ends}}}
		if err := g.Append(t.Context(), record.Entry{Time: now, Decision: d}); err != nil {
			t.Fatal(err)
		}
	}
	log.Close()
	want := []string{"lease active " + l.ID, "decision", "decision", "lease active " + l.ID, "decision"}
	if got := kinds(t, filepath.Join(dir, "record")); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
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
