package postgres

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"cloakroom/internal/lease"
	"cloakroom/internal/record"
	"cloakroom/internal/record/recordtest"
)

// BenchmarkLeases is what an insert and an update of a lease take, each on disk
// when it returns, by so many at once on two replicas.
func BenchmarkLeases(b *testing.B) {
	for _, writers := range []int{1, 8} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			url := server.Database(b)
			stores := []lease.Store{openAt(b, url, "a"), openAt(b, url, "b")}
			rows := make(chan lease.Row, b.N)
			for range b.N {
				rows <- row(b)
			}
			close(rows)
			b.ResetTimer()
			var wg sync.WaitGroup
			for w := range writers {
				wg.Go(func() { write(b, stores[w%2], rows) })
			}
			wg.Wait()
			b.ReportMetric(2*float64(b.N)/b.Elapsed().Seconds(), "writes/s")
		})
	}
}

func write(b *testing.B, s lease.Store, rows <-chan lease.Row) {
	for r := range rows {
		var err error
		if r.Change, err = s.Insert(context.Background(), r, 0); err == nil {
			_, err = s.Update(context.Background(), r)
		}
		if err != nil {
			b.Error(err)
			return
		}
	}
}

// BenchmarkChanges is what a replica asks four times a second.
func BenchmarkChanges(b *testing.B) {
	d := open(b)
	r := insert(b, d, row(b))
	for b.Loop() {
		if _, _, err := d.Changes(b.Context(), r.Change); err != nil {
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
