package replace

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"cloakroom/internal/search"
)

// FuzzSearch holds package search, by which masking is audited, to the oracle:
// both find the same in the same places.
func FuzzSearch(f *testing.F) {
	f.Add(uint16(0x0001), "", []byte{0, 0, 0, 0})
	f.Add(uint16(0x0002), "", []byte("\x05\x00\x01\x01\x05\x00\x02\x02\x07\x00\x01\x05"))
	f.Add(uint16(0x00d1), "", []byte("\x03\x00\x04\x00\x00\x01\x00\x00\x02\x02\x09\x00"))
	f.Add(uint16(0x1100), "", []byte("\x00\x00\x00\x00\x04\x00\x02\x00\x04\x00\x01\x00"))
	f.Add(uint16(0x3fff), "another value here", []byte("\x05\x40\x01\x01\x01\x99\x00\x00"))
	f.Add(uint16(0x0030), "", []byte("\x00\x00\x00\x00\x00\x00\x00\x00\x02\x01\x05\x00"))
	f.Add(uint16(0x2004), `n\u0041bcdefg%41`, []byte("\x08\x01\x13\x01\x0e\x00\x02\x03\x0a\x02\x05\x01\x19\x02\x00\x00"))
	f.Fuzz(func(t *testing.T, choice uint16, own string, recipe []byte) {
		secrets := fuzzSecrets(choice, own)
		checkSearch(t, secrets, fuzzText(secrets, recipe))
	})
}

// TestSearchFindsWhatTheOracleFinds looks at texts that a fuzzer would draw, more of
// them than the fuzzer's seeds are.
func TestSearchFindsWhatTheOracleFinds(t *testing.T) {
	for round := range 300 {
		var recipe []byte
		for i := range 4 * (1 + round%6) {
			recipe = append(recipe, byte(round*(i+7)*31>>2+i*i*13))
		}
		secrets := fuzzSecrets(uint16(round*2654435761>>3), "")
		checkSearch(t, secrets, fuzzText(secrets, recipe))
	}
}

func checkSearch(t *testing.T, secrets []Secret, text string) {
	t.Helper()
	key := search.NewKey([32]byte{1})
	var prints []search.Fingerprint
	for _, s := range secrets {
		prints = append(prints, key.Fingerprint(s.Name, s.Value))
	}
	s, err := key.Compile(prints)
	if err != nil {
		t.Fatal(err)
	}
	var got, want []string
	for _, h := range s.Find([]byte(text)) {
		got = append(got, fmt.Sprintf("%6d to %6d: %s %s", h.Start, h.End, h.Credential, h.Kind))
	}
	names := map[byte]search.Kind{'t': search.Text, '6': search.Base64, '2': search.Base64Twice, 'h': search.Hex,
		':': search.HexColons, '-': search.HexDashes, ' ': search.HexSpaces}
	for _, m := range oracleMatches(oracleForms(secrets), text) {
		want = append(want, fmt.Sprintf("%6d to %6d: %s %s", m.start, m.end, m.name, names[m.kind]))
	}
	slices.Sort(got)
	slices.Sort(want)
	if want = slices.Compact(want); !slices.Equal(got, want) {
		t.Fatalf("text %q:\n got\n%s\n want\n%s", text, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
