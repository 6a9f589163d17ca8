package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"cloakroom/internal/lease"
)

var _ lease.Store = (*DB)(nil)

// written runs one statement in a transaction beside which no other one writes
// leases: change numbers appear in their order, and what the statement has read
// still holds when it is committed. One round trip does it all, so that no
// replica holds the lock while it waits for its network.
func (d *DB) written(ctx context.Context, statement string, values []any, results ...any) error {
	b := &pgx.Batch{}
	b.Queue("SELECT pg_advisory_xact_lock($1)", int64(leasing))
	b.Queue(statement, values...).QueryRow(func(row pgx.Row) error { return row.Scan(results...) })
	return d.pool.SendBatch(ctx, b).Close()
}

// Insert implements lease.Store.
func (d *DB) Insert(ctx context.Context, r lease.Row, atOnce int) (int64, error) {
	var there, many bool
	var change *int64
	err := d.written(ctx, `WITH
		found AS (SELECT
			EXISTS (SELECT FROM lease WHERE id = $1 OR ticket = $4)
			OR $6::smallint = 1 AND EXISTS (SELECT FROM lease WHERE question = $5 AND state = 1 AND ends > $8) AS there,
			$13::bigint > 0 AND (SELECT count(*) FROM lease
				WHERE principal = $2 AND credential = $3 AND open AND ends > $8) >= $13::bigint AS many),
		tick AS (UPDATE clock SET change = change + 1 FROM found WHERE NOT there AND NOT many RETURNING change),
		put AS (INSERT INTO lease (`+columns+`, change)
			SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, change FROM tick RETURNING change)
		SELECT there, many, (SELECT change FROM put) FROM found`,
		append(values(r), int64(atOnce)), &there, &many, &change)
	switch {
	case err != nil:
	case there:
		err = lease.ErrExists
	case many:
		err = lease.ErrTooMany
	default:
		return *change, nil
	}
	return 0, fmt.Errorf("inserting lease %q: %w", r.ID, err)
}

// Update implements lease.Store.
func (d *DB) Update(ctx context.Context, r lease.Row) (int64, error) {
	var there bool
	var change *int64
	err := d.written(ctx, `WITH
		found AS (SELECT change FROM lease WHERE id = $1),
		tick AS (UPDATE clock SET change = clock.change + 1 FROM found WHERE found.change = $13 RETURNING clock.change),
		put AS (UPDATE lease SET (`+columns+`, change) =
			($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, tick.change) FROM tick WHERE id = $1 RETURNING lease.change)
		SELECT EXISTS (SELECT FROM found), (SELECT change FROM put)`,
		append(values(r), r.Change), &there, &change)
	switch {
	case err != nil:
	case !there:
		err = lease.ErrUnknown
	case change == nil:
		err = lease.ErrConflict
	default:
		return *change, nil
	}
	return 0, fmt.Errorf("updating lease %q: %w", r.ID, err)
}

// PutBar implements lease.Store.
func (d *DB) PutBar(ctx context.Context, b lease.BarRow) error {
	err := d.written(ctx, `WITH
		tick AS (UPDATE clock SET change = change + 1 RETURNING change),
		put AS (INSERT INTO bar (id, body, mac) SELECT $1, $2, $3 FROM tick)
		SELECT change FROM tick`, []any{[]byte(b.ID), append([]byte{}, b.Body...), b.MAC[:]}, new(int64))
	if err != nil {
		return fmt.Errorf("putting up bar %q: %w", b.ID, err)
	}
	return nil
}

// DropBar implements lease.Store.
func (d *DB) DropBar(ctx context.Context, id string) error {
	err := d.written(ctx, `WITH
		gone AS (DELETE FROM bar WHERE id = $1 RETURNING id)
		UPDATE clock SET change = change + 1 FROM gone RETURNING change`, []any{[]byte(id)}, new(int64))
	if errors.Is(err, pgx.ErrNoRows) {
		err = lease.ErrUnknown
	}
	if err != nil {
		return fmt.Errorf("dropping bar %q: %w", id, err)
	}
	return nil
}
