package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"cloakroom/internal/lease"
)

// Tally implements lease.Store. A replica whose clock is behind counts in the
// minute of the one that is ahead: no limit is passed by turns.
func (d *DB) Tally(ctx context.Context, id string, minute int64) (n int, err error) {
	b := &pgx.Batch{}
	b.Queue("SELECT set_config('synchronous_commit', 'off', true)")
	b.Queue(`INSERT INTO tally AS t (lease, minute, n) VALUES ($1, $2, 1) ON CONFLICT (lease) DO UPDATE SET
		minute = greatest(t.minute, excluded.minute), n = CASE WHEN t.minute < excluded.minute THEN 1 ELSE t.n + 1 END
		RETURNING n`, []byte(id), minute).QueryRow(func(row pgx.Row) error { return row.Scan(&n) })
	if err := d.pool.SendBatch(ctx, b).Close(); err != nil {
		return 0, fmt.Errorf("counting a request under lease %q: %w", id, err)
	}
	return n, nil
}

// forgotten is how many rows are removed at a time.
const forgotten = 1000

// Forget implements lease.Store.
func (d *DB) Forget(ctx context.Context, t time.Time) error {
	for {
		var n int
		err := d.pool.QueryRow(ctx, `WITH
			gone AS (DELETE FROM lease WHERE id IN (
				SELECT id FROM lease WHERE state = 3 AND ended < $1 LIMIT $2 FOR UPDATE SKIP LOCKED) RETURNING id),
			counted AS (DELETE FROM tally USING gone WHERE tally.lease = gone.id)
			SELECT count(*) FROM gone`, lease.Micros(t), forgotten).Scan(&n)
		if err != nil {
			return fmt.Errorf("forgetting leases: %w", err)
		}
		if n < forgotten {
			return nil
		}
	}
}

// Mark implements lease.Store.
func (d *DB) Mark(ctx context.Context, t time.Time) error {
	if _, err := d.pool.Exec(ctx, "UPDATE mark SET at = $1 WHERE at < $1", lease.Micros(t)); err != nil {
		return fmt.Errorf("marking the time: %w", err)
	}
	return nil
}

// Marked implements lease.Store.
func (d *DB) Marked(ctx context.Context) (time.Time, error) {
	var us int64
	if err := d.pool.QueryRow(ctx, "SELECT at FROM mark").Scan(&us); err != nil {
		return time.Time{}, fmt.Errorf("asking for the mark: %w", err)
	}
	return lease.FromMicros(us), nil
}
