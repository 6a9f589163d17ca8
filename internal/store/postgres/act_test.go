package postgres

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"cloakroom/internal/record"
)

// Replicas that take acts at the same time share them: none is logged twice.
func TestReplicasShareActs(t *testing.T) {
	url := server.Database(t)
	const acts, replicas = 60, 3
	d := openAt(t, url, "0")
	var rows []record.ActRow
	for i := range acts {
		rows = append(rows, record.ActRow{ID: fmt.Sprint(i), At: time.UnixMicro(int64(i)), Body: []byte("b")})
	}
	if err := d.PutActs(t.Context(), rows...); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	times := map[string]int{}
	var wg sync.WaitGroup
	for i := range replicas {
		replica := openAt(t, url, fmt.Sprint(i))
		wg.Go(func() {
			err := replica.TakeActs(context.Background(), func(r record.ActRow) (*record.ActRow, error) {
				time.Sleep(time.Millisecond) // as a disk takes it
				mu.Lock()
				defer mu.Unlock()
				times[r.ID]++
				return &r, nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, r := range rows {
		if times[r.ID] != 1 {
			t.Errorf("act %s was given %d times", r.ID, times[r.ID])
		}
	}
}
