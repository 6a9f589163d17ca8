package postgres

import (
	"context"
	"errors"
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
func (d *DB) TakeActs(ctx context.Context, write func(record.ActRow) (*record.ActRow, error)) error {
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
func takeAct(ctx context.Context, tx pgx.Tx, write func(record.ActRow) (*record.ActRow, error)) (some bool, err error) {
	rows, err := tx.Query(ctx, "DELETE FROM act WHERE id = (SELECT id FROM act ORDER BY at, id LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING id, at, body")
	if err != nil {
		return false, err
	}
	taken, err := pgx.CollectRows(rows, scanAct)
	if err != nil || len(taken) == 0 {
		return false, err
	}
	receipt, err := write(taken[0])
	if err != nil || receipt == nil {
		return true, err
	}
	return true, keepReceipt(ctx, tx, *receipt)
}

func keepReceipt(ctx context.Context, tx pgx.Tx, r record.ActRow) error {
	at := r.At.UnixMicro()
	// Another replica may be at the same.
	_, err := tx.Exec(ctx, "DELETE FROM receipt WHERE id IN (SELECT id FROM receipt WHERE at < $1 FOR UPDATE SKIP LOCKED)", at-record.ReceiptKept.Microseconds())
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO receipt (id, at, body) VALUES ($1, $2, $3)
		ON CONFLICT (id) DO UPDATE SET at = excluded.at, body = excluded.body`, []byte(r.ID), at, r.Body)
	return err
}

func scanAct(row pgx.CollectableRow) (a record.ActRow, err error) {
	var id []byte
	var at int64
	err = row.Scan(&id, &at, &a.Body)
	a.ID, a.At = string(id), time.UnixMicro(at).UTC()
	return a, err
}

// Receipt implements record.Acts.
func (d *DB) Receipt(ctx context.Context, id string) (record.ActRow, error) {
	rows, err := d.pool.Query(ctx, "SELECT id, at, body FROM receipt WHERE id = $1", []byte(id))
	if err != nil {
		return record.ActRow{}, fmt.Errorf("asking for the receipt of act %q: %w", id, err)
	}
	r, err := pgx.CollectExactlyOneRow(rows, scanAct)
	if errors.Is(err, pgx.ErrNoRows) {
		err = record.ErrNoReceipt
	}
	if err != nil {
		return record.ActRow{}, fmt.Errorf("asking for the receipt of act %q: %w", id, err)
	}
	return r, nil
}
