package lease_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"cloakroom/internal/lease"
	"cloakroom/internal/lease/leasetest"
)

// benched is a keeper that follows its store as in service, with so many leases,
// and their ids.
func benched(b *testing.B, n int) (*lease.Keeper, []string) {
	now := time.Now()
	k := keeper(b, new(leasetest.Memory), lease.Options{Confirm: time.Second, PerPrincipal: n}, now)
	var ids []string
	for i := range n {
		ids = append(ids, use(b, k, alice, fmt.Sprint(i), time.Hour, now).ID)
	}
	ctx, cancel := context.WithCancel(context.Background())
	b.Cleanup(cancel)
	if err := k.Follow(ctx, time.Now()); err != nil {
		b.Fatal(err)
	}
	go k.Run(ctx)
	return k, ids
}

// BenchmarkCheck is what a lease costs in the path of an exchange: cached, and
// revocable within a second.
func BenchmarkCheck(b *testing.B) {
	for _, n := range []int{1, 1000} {
		b.Run(fmt.Sprintf("leases=%d", n), func(b *testing.B) {
			k, ids := benched(b, n)
			b.ReportAllocs()
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for i := 0; pb.Next(); i++ {
					if err := k.Check(ids[i%len(ids)], time.Now()); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}

// BenchmarkOnRevoke is what it costs to be told of a revoke, and to stop that.
func BenchmarkOnRevoke(b *testing.B) {
	k, ids := benched(b, 100)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			k.OnRevoke(ids[i%len(ids)], func() {})()
		}
	})
}

func BenchmarkUse(b *testing.B) {
	now := time.Now()
	k := keeper(b, new(leasetest.Memory), lease.Options{}, now)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			use(b, k, alice, "c", time.Hour, now)
		}
	})
}

func BenchmarkLeases(b *testing.B) {
	leasetest.BenchmarkLeases(b, func(*testing.B) lease.Store { return new(leasetest.Memory) })
}
