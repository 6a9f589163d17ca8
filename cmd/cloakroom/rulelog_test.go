package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"cloakroom/internal/record"
	"cloakroom/internal/recording"
	"cloakroom/internal/replace"
)

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
	r, err := recording.Open(t.Context(), recording.Options{Dir: dir, Key: [32]byte{1}, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var kept keptRules
	keep := func(rules string) []record.Part {
		parts, err := kept.keep(t.Context(), r, []byte(rules))
		if err != nil || len(parts) == 0 {
			t.Fatalf("got %v, %v", parts, err)
		}
		return parts
	}
	first := keep("some")
	if again := keep("some"); !slices.Equal(again, first) || r.Stats().Parts != 1 {
		t.Errorf("the same are kept anew: %v", again)
	}
	other := keep("others")
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
	if anew := keep("others"); slices.Equal(anew, other) {
		t.Error("rules that are gone are named again")
	}
	if err := os.Rename(packs[other[0].Pack]+".gone", packs[other[0].Pack]); err != nil {
		t.Fatal(err)
	}
}
