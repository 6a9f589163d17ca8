package postgres

import (
	"fmt"
	"testing"
	"time"

	"cloakroom/internal/lease"
	"cloakroom/internal/lease/leasetest"
	"cloakroom/internal/record"
	"cloakroom/internal/record/recordtest"
)

func BenchmarkLeases(b *testing.B) {
	leasetest.Benchmark(b, func(b *testing.B) []lease.Store {
		url := server.Database(b)
		return []lease.Store{openAt(b, url, "a"), openAt(b, url, "b")}
	})
}

func BenchmarkLives(b *testing.B) {
	leasetest.BenchmarkLeases(b, func(b *testing.B) lease.Store { return open(b) })
}

// BenchmarkChanges is what a replica asks four times a second.
func BenchmarkChanges(b *testing.B) {
	d := open(b)
	r := insert(b, d, row(b))
	for b.Loop() {
		if _, _, err := d.Changes(b.Context(), r.Change, 1000); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkTally is what one request costs under a lease with a limit a minute.
func BenchmarkTally(b *testing.B) {
	d := open(b)
	for b.Loop() {
		if _, err := d.Tally(b.Context(), "lease", 7); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkApply is what the index costs for one exchange: a decision and an
// end, in batches of 500 lines.
func BenchmarkApply(b *testing.B) {
	const exchanges = 250
	var es []record.Entry
	for i := range exchanges {
		es = append(es, decision(i, fmt.Sprint(i%32)), record.Entry{End: &record.End{Exchange: fmt.Sprintf("%026d", i),
			Status: 200, ResponseBytes: 1024, Phases: []record.Phase{{Name: "upstream", Took: time.Millisecond}}}})
	}
	lines := recordtest.Lines(b, es...)
	d := open(b)
	for b.Loop() {
		b.StopTimer()
		if err := d.Reset(b.Context()); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		if err := d.Apply(b.Context(), lines); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*exchanges), "ns/exchange")
}
