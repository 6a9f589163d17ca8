package postgres

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"cloakroom/internal/lease"
	"cloakroom/internal/lease/leasetest"
)

// replicas is a store whose every call goes to another process's connections.
type replicas struct {
	all  []*DB
	next atomic.Uint64
}

func openReplicas(t testing.TB, n int) *replicas {
	t.Helper()
	r, url := &replicas{}, server.Database(t)
	for i := range n {
		r.all = append(r.all, openAt(t, url, string(rune('a'+i))))
	}
	return r
}

func (r *replicas) one() *DB { return r.all[r.next.Add(1)%uint64(len(r.all))] }

func (r *replicas) Insert(ctx context.Context, row lease.Row, atOnce int) (int64, error) {
	return r.one().Insert(ctx, row, atOnce)
}
func (r *replicas) Update(ctx context.Context, row lease.Row) (int64, error) {
	return r.one().Update(ctx, row)
}
func (r *replicas) ByID(ctx context.Context, id string) (lease.Row, error) {
	return r.one().ByID(ctx, id)
}
func (r *replicas) ByTicket(ctx context.Context, ticket lease.Digest) (lease.Row, error) {
	return r.one().ByTicket(ctx, ticket)
}
func (r *replicas) ByQuestion(ctx context.Context, question lease.Digest) (lease.Row, error) {
	return r.one().ByQuestion(ctx, question)
}
func (r *replicas) Unended(ctx context.Context) ([]lease.Row, int64, error) {
	return r.one().Unended(ctx)
}
func (r *replicas) Changes(ctx context.Context, after int64, most int) ([]lease.Row, int64, error) {
	return r.one().Changes(ctx, after, most)
}
func (r *replicas) List(ctx context.Context, f lease.Filter) ([]lease.Row, error) {
	return r.one().List(ctx, f)
}
func (r *replicas) PutBar(ctx context.Context, b lease.BarRow) error { return r.one().PutBar(ctx, b) }
func (r *replicas) DropBar(ctx context.Context, id string) error     { return r.one().DropBar(ctx, id) }
func (r *replicas) Bars(ctx context.Context) ([]lease.BarRow, error) { return r.one().Bars(ctx) }
func (r *replicas) Forget(ctx context.Context, t time.Time) error    { return r.one().Forget(ctx, t) }
func (r *replicas) Mark(ctx context.Context, t time.Time) error      { return r.one().Mark(ctx, t) }
func (r *replicas) Marked(ctx context.Context) (time.Time, error)    { return r.one().Marked(ctx) }
func (r *replicas) Watch(ctx context.Context, changed func())        { r.one().Watch(ctx, changed) }
func (r *replicas) Tally(ctx context.Context, id string, minute int64) (int, error) {
	return r.one().Tally(ctx, id, minute)
}

// Replicas keep the contract together: whatever one has written the next sees.
func TestLeasesOfReplicas(t *testing.T) {
	leasetest.TestStore(t, func(t *testing.T) lease.Store { return openReplicas(t, 3) })
}

func TestReplicasStartTogether(t *testing.T) {
	url := server.Database(t)
	errs := make(chan error)
	for range 6 {
		go func() {
			d, err := Open(context.Background(), url, "log")
			if err == nil {
				err = d.Close()
			}
			errs <- err
		}()
	}
	for range 6 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}
