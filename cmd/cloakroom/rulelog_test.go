package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/inventory"
	"cloakroom/internal/record"
	"cloakroom/internal/recording"
	"cloakroom/internal/replace"
)

// rulesFor are rules of one credential, of a tier with that lease.
func rulesFor(t *testing.T, lease time.Duration) *rules {
	t.Helper()
	set, err := inventory.New(inventory.Key{1}, []inventory.Credential{{Name: "demo", Tier: inventory.Tier{Name: "low", Lease: lease},
		Groups: []access.Group{{Issuer: "https://dex.example.com", Name: "g"}},
		Rules:  []inventory.Rule{{Hosts: []string{"api.test"}, Methods: []string{"GET"}, Paths: []string{"/**"}}}}},
		[]inventory.Upstream{{Host: "api.test", Route: "r", Cluster: "c"}}, false)
	if err != nil {
		t.Fatal(err)
	}
	return &rules{set: set}
}

// TestRulesAreKeptOnce: rules that are put in force again are where they were, unless
// they are not there any more.
func TestRulesAreKeptOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "record")
	none, err := replace.Compile(nil)
	if err != nil {
		t.Fatal(err)
	}
	log, err := record.Open(dir, plain{none}, record.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	s := &service{}
	if s.recorder, err = recording.Open(t.Context(), recording.Options{Dir: dir, Key: [32]byte{1}, Log: log}); err != nil {
		t.Fatal(err)
	}
	defer s.recorder.Close()
	keep := func(r *rules) []record.Part {
		parts, err := s.keepRules(t.Context(), r)
		if err != nil || len(parts) == 0 {
			t.Fatalf("got %v, %v", parts, err)
		}
		return parts
	}
	first := keep(rulesFor(t, time.Minute))
	if again := keep(rulesFor(t, time.Minute)); !slices.Equal(again, first) || s.recorder.Stats().Parts != 1 {
		t.Errorf("the same are kept anew: %v", again)
	}
	other := keep(rulesFor(t, time.Hour))
	if slices.Equal(other, first) {
		t.Error("other rules are taken for the same")
	}
	packs, err := recording.Files(dir)
	if err != nil || len(packs) != 1 {
		t.Fatalf("packs: %v, %v", packs, err)
	}
	if err := os.Rename(packs[other[0].Pack], packs[other[0].Pack]+".gone"); err != nil {
		t.Fatal(err)
	}
	if anew := keep(rulesFor(t, time.Hour)); slices.Equal(anew, other) {
		t.Error("rules that are gone are named again")
	}
	if err := os.Rename(packs[other[0].Pack]+".gone", packs[other[0].Pack]); err != nil {
		t.Fatal(err)
	}
}
