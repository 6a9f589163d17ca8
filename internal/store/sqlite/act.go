package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"cloakroom/internal/record"
)

var _ record.Acts = (*DB)(nil)

// PutActs implements record.Acts.
func (d *DB) PutActs(ctx context.Context, rows ...record.ActRow) error {
	err := d.write(ctx, d.leases, func(tx *sql.Tx) error {
		for _, a := range rows {
			if _, err := tx.ExecContext(ctx, "INSERT INTO act (id, at, body) VALUES (?,?,?)", a.ID, a.At.UnixMicro(), a.Body); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("keeping %d acts: %w", len(rows), err)
	}
	return nil
}

// TakeActs implements record.Acts. A file has one service, and a lock on the log
// is what keeps a second from taking acts too.
func (d *DB) TakeActs(ctx context.Context, write func(record.ActRow) error) error {
	rows, err := d.acts(ctx)
	if err != nil {
		return fmt.Errorf("taking acts: %w", err)
	}
	for _, a := range rows {
		if err := write(a); err != nil {
			return err
		}
		err := d.write(ctx, d.leases, func(tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, "DELETE FROM act WHERE id = ?", a.ID)
			return err
		})
		if err != nil {
			return fmt.Errorf("forgetting act %q: %w", a.ID, err)
		}
	}
	return nil
}

func (d *DB) acts(ctx context.Context) (all []record.ActRow, err error) {
	rows, err := d.reads.QueryContext(ctx, "SELECT id, at, body FROM act ORDER BY at, id")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var a record.ActRow
		var at int64
		if err := rows.Scan(&a.ID, &at, &a.Body); err != nil {
			return nil, err
		}
		a.At = time.UnixMicro(at).UTC()
		all = append(all, a)
	}
	return all, rows.Err()
}

// ActPending implements record.Acts.
func (d *DB) ActPending(ctx context.Context, id string) (pending bool, err error) {
	if err := d.reads.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM act WHERE id = ?)", id).Scan(&pending); err != nil {
		return false, fmt.Errorf("asking for act %q: %w", id, err)
	}
	return pending, nil
}
