package leasetest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"cloakroom/internal/lease"
)

// Benchmark is what inserting a lease and updating it take, each on disk when it
// returns, by one and by eight at once. open makes stores that share their rows.
func Benchmark(b *testing.B, open func(b *testing.B) []lease.Store) {
	for _, writers := range []int{1, 8} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			stores := open(b)
			rows := make(chan lease.Row, b.N)
			for range b.N {
				l, err := lease.Open(lease.Ask{Principal: Alice, Credential: "c", Terms: lease.Terms{Length: time.Minute}}, Epoch)
				if err != nil {
					b.Fatal(err)
				}
				rows <- lease.Seal(key, l, 0)
			}
			close(rows)
			b.ResetTimer()
			var wg sync.WaitGroup
			for w := range writers {
				wg.Go(func() { write(b, stores[w%len(stores)], rows) })
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
