package search_test

import (
	"testing"

	"cloakroom/bench/corpus"
)

// BenchmarkFind searches texts like services' answers for 1 000 credentials in
// every form.
func BenchmarkFind(b *testing.B) {
	s := thousand(b)
	for _, c := range []struct {
		name string
		text []byte
	}{
		{"JSON", corpus.JSON(4 << 20)}, {"prose", corpus.Prose(4 << 20)}, {"base64", corpus.Base64(4 << 20)},
		{"events", corpus.Events(4 << 20)}, {"escapes", corpus.Escapes(4 << 20)},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(c.text)))
			b.ReportAllocs()
			for b.Loop() {
				if hits := s.Find(c.text); hits != nil {
					b.Fatalf("found %v", hits)
				}
			}
		})
	}
}

func BenchmarkFingerprint(b *testing.B) {
	values := corpus.Values(100)
	for i := 0; b.Loop(); i++ {
		key.Fingerprint("c", values[i%len(values)])
	}
}
