package sqlite

import (
	"context"
	"database/sql"
	"errors"
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
func (d *DB) TakeActs(ctx context.Context, write func(record.ActRow) (*record.ActRow, error)) error {
	rows, err := d.acts(ctx)
	if err != nil {
		return fmt.Errorf("taking acts: %w", err)
	}
	for _, a := range rows {
		receipt, err := write(a)
		if err != nil {
			return err
		}
		if err := d.write(ctx, d.leases, func(tx *sql.Tx) error { return settle(ctx, tx, a.ID, receipt) }); err != nil {
			return fmt.Errorf("keeping the receipt of act %q: %w", a.ID, err)
		}
	}
	return nil
}

// settle puts the receipt in the act's place.
func settle(ctx context.Context, tx *sql.Tx, id string, receipt *record.ActRow) error {
	if _, err := tx.ExecContext(ctx, "DELETE FROM act WHERE id = ?", id); err != nil || receipt == nil {
		return err
	}
	at := receipt.At.UnixMicro()
	if _, err := tx.ExecContext(ctx, "DELETE FROM receipt WHERE at < ?", at-record.ReceiptKept.Microseconds()); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, "REPLACE INTO receipt (id, at, body) VALUES (?,?,?)", id, at, receipt.Body)
	return err
}

func (d *DB) acts(ctx context.Context) (all []record.ActRow, err error) {
	rows, err := d.reads.QueryContext(ctx, "SELECT id, at, body FROM act ORDER BY at, id")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		a, err := scanAct(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, a)
	}
	return all, rows.Err()
}

func scanAct(row interface{ Scan(...any) error }) (a record.ActRow, err error) {
	var at int64
	err = row.Scan(&a.ID, &at, &a.Body)
	a.At = time.UnixMicro(at).UTC()
	return a, err
}

// Receipt implements record.Acts.
func (d *DB) Receipt(ctx context.Context, id string) (record.ActRow, error) {
	r, err := scanAct(d.reads.QueryRowContext(ctx, "SELECT id, at, body FROM receipt WHERE id = ?", id))
	if errors.Is(err, sql.ErrNoRows) {
		err = record.ErrNoReceipt
	}
	if err != nil {
		return record.ActRow{}, fmt.Errorf("asking for the receipt of act %q: %w", id, err)
	}
	return r, nil
}
