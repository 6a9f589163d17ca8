package leasetest

import (
	"context"
	"errors"
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

// BenchmarkLeases is what whole lives of leases take through a Keeper: somebody
// asks, a person approves, it is revoked; each of these is in the store when it
// returns. By one and by eight at once.
func BenchmarkLeases(b *testing.B, open func(b *testing.B) lease.Store) {
	for _, askers := range []int{1, 8} {
		b.Run(fmt.Sprintf("askers=%d", askers), func(b *testing.B) {
			k, err := lease.NewKeeper(context.Background(), open(b), key, lease.Options{Confirm: -1, Logger: silent}, time.Now())
			if err != nil {
				b.Fatal(err)
			}
			turns := make(chan int, b.N)
			for i := range b.N {
				turns <- i
			}
			close(turns)
			b.ResetTimer()
			var wg sync.WaitGroup
			for n := range askers {
				wg.Go(func() {
					for i := range turns {
						if err := live(k, fmt.Sprint("agent", n, "-", i%200), i); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			b.ReportMetric(3*float64(b.N)/b.Elapsed().Seconds(), "operations/s")
		})
	}
}

// live is the life of one lease.
func live(k *lease.Keeper, who string, i int) error {
	ctx := context.Background()
	a := lease.Ask{Principal: Alice, Credential: "c", Terms: lease.Terms{Length: time.Minute, Needs: 1}, Stands: time.Minute}
	a.Principal.Subject, a.Operation = who, lease.Operation{Method: "GET", Host: "h", Path: fmt.Sprint("/", i)}
	l, err := k.Use(ctx, a, time.Now())
	if !errors.Is(err, lease.ErrPending) {
		return fmt.Errorf("asking: %w", err)
	}
	if _, err := k.Answer(ctx, l.ID, lease.Answer{Person: "p", Principal: "p", Approve: true, Scope: lease.ScopeOperation}, time.Now()); err != nil {
		return err
	}
	_, err = k.Revoke(ctx, l.ID, "sre", time.Now())
	return err
}
