package verify

import (
	"context"
	"fmt"
	"testing"
	"time"

	"cloakroom/bench/corpus"
	"cloakroom/internal/search"
)

// BenchmarkSessions verifies exchanges with answers of a size, for 1 000 credentials
// in every form. What is recorded is in memory: unsealing is package recording's.
func BenchmarkSessions(b *testing.B) {
	var prints []search.Fingerprint
	for i, v := range corpus.Values(1000) {
		prints = append(prints, key.Fingerprint(fmt.Sprint("c", i), v))
	}
	s, err := key.Compile(prints)
	if err != nil {
		b.Fatal(err)
	}
	for name, size := range map[string]int{"1KiB": 1 << 10, "64KiB": 64 << 10} {
		b.Run(name, func(b *testing.B) {
			const exchanges = 200
			w := newWorld(b)
			w.lease(noon, "active", "")
			text := corpus.Prose(size * exchanges)
			for i := range exchanges {
				w.happen(noon.Add(time.Minute), usual(fmt.Sprint("e", i)).gets(string(text[i*size:][:size])))
			}
			b.SetBytes(int64(size * exchanges))
			for b.Loop() {
				v := Sessions{Replicas: []Replica{{Dir: w.dir, Packs: w}}, Search: s, Now: noon.Add(time.Hour)}
				if r, err := v.Verify(context.Background()); err != nil || r.Found > 0 || r.Recorded != exchanges {
					b.Fatalf("%+v, %v", r, err)
				}
			}
			b.ReportMetric(float64(b.N*exchanges)/b.Elapsed().Seconds(), "exchanges/s")
		})
	}
}
