package sqlite

import (
	"fmt"
	"testing"
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/lease"
	"cloakroom/internal/lease/leasetest"
	"cloakroom/internal/record"
	"cloakroom/internal/record/recordtest"
)

// BenchmarkApply is what the index costs for one exchange: a decision and an
// end, in batches of 500 lines.
func BenchmarkApply(b *testing.B) {
	const exchanges = 250
	for b.Loop() {
		b.StopTimer()
		d := open(b)
		var es []record.Entry
		for i := range exchanges {
			id := fmt.Sprintf("%026d", i)
			es = append(es, record.Entry{Decision: &record.Decision{Exchange: id, Issuer: "https://issuer.example",
				Subject: "alice", Session: fmt.Sprint(i % 32), Source: "127.0.0.1:40000", Method: "GET", Host: "api.example",
				Authority: "api.example", Path: "/repos/a/b/issues?state=open", Route: "api.example", Outcome: access.Allow,
				Revision: "0123456789abcdef", Uses: []record.Use{{Credential: "github-read", Location: "header:authorization",
					Lease: id, LeaseEnds: recordtest.Epoch}}}},
				record.Entry{End: &record.End{Exchange: id, Status: 200, ResponseBytes: 1024,
					Phases: []record.Phase{{Name: "upstream", Took: time.Millisecond}}}})
		}
		lines := recordtest.Lines(b, es...)
		b.StartTimer()
		if err := d.Apply(b.Context(), lines); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*exchanges), "ns/exchange")
}

func BenchmarkLeases(b *testing.B) {
	leasetest.Benchmark(b, func(b *testing.B) []lease.Store { return []lease.Store{open(b)} })
}

func BenchmarkLives(b *testing.B) {
	leasetest.BenchmarkLeases(b, func(b *testing.B) lease.Store { return open(b) })
}
