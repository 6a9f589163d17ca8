package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"cloakroom/internal/record"
)

var _ record.Acts = (*DB)(nil)

// PutActs implements record.Acts.
func (d *DB) PutActs(ctx context.Context, rows ...record.ActRow) error {
	var ids, bodies [][]byte
	var times []int64
	for _, a := range rows {
		ids, times, bodies = append(ids, []byte(a.ID)), append(times, a.At.UnixMicro()), append(bodies, a.Body)
	}
	_, err := d.pool.Exec(ctx, "INSERT INTO act (id, at, body) SELECT * FROM unnest($1::bytea[], $2::bigint[], $3::bytea[])", ids, times, bodies)
	if err != nil {
		return fmt.Errorf("keeping %d acts: %w", len(rows), err)
	}
	return nil
}

// TakeActs implements record.Acts.
func (d *DB) TakeActs(ctx context.Context, write func(record.ActRow) error) error {
	for {
		some, err := d.someAct(ctx)
		if err != nil || !some { // no transaction of every replica, several times a second
			return err
		}
		err = pgx.BeginFunc(ctx, d.pool, func(tx pgx.Tx) (err error) {
			some, err = takeAct(ctx, tx, write)
			return err
		})
		if err != nil {
			return fmt.Errorf("taking acts: %w", err)
		}
		if !some {
			return nil
		}
	}
}

func (d *DB) someAct(ctx context.Context) (some bool, err error) {
	if err := d.pool.QueryRow(ctx, "SELECT EXISTS (SELECT FROM act)").Scan(&some); err != nil {
		return false, fmt.Errorf("asking for acts: %w", err)
	}
	return some, nil
}

// takeAct takes the oldest act that no other replica has in its hands.
func takeAct(ctx context.Context, tx pgx.Tx, write func(record.ActRow) error) (some bool, err error) {
	rows, err := tx.Query(ctx, "DELETE FROM act WHERE id = (SELECT id FROM act ORDER BY at, id LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING id, at, body")
	if err != nil {
		return false, err
	}
	taken, err := pgx.CollectRows(rows, scanAct)
	if err != nil || len(taken) == 0 {
		return false, err
	}
	return true, write(taken[0])
}

func scanAct(row pgx.CollectableRow) (a record.ActRow, err error) {
	var id []byte
	var at int64
	err = row.Scan(&id, &at, &a.Body)
	a.ID, a.At = string(id), time.UnixMicro(at).UTC()
	return a, err
}

// ActPending implements record.Acts.
func (d *DB) ActPending(ctx context.Context, id string) (pending bool, err error) {
	if err := d.pool.QueryRow(ctx, "SELECT EXISTS (SELECT FROM act WHERE id = $1)", []byte(id)).Scan(&pending); err != nil {
		return false, fmt.Errorf("asking for act %q: %w", id, err)
	}
	return pending, nil
}
