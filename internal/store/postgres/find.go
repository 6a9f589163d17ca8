package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"cloakroom/internal/lease"
)

// ByID implements lease.Store.
func (d *DB) ByID(ctx context.Context, id string) (lease.Row, error) {
	return d.one(ctx, "id = $1", []byte(id))
}

// ByTicket implements lease.Store.
func (d *DB) ByTicket(ctx context.Context, ticket lease.Digest) (lease.Row, error) {
	return d.one(ctx, "ticket = $1", ticket[:])
}

// ByQuestion implements lease.Store.
func (d *DB) ByQuestion(ctx context.Context, question lease.Digest) (lease.Row, error) {
	return d.one(ctx, "question = $1 AND state = 1 ORDER BY created DESC, change DESC LIMIT 1", question[:])
}

func (d *DB) one(ctx context.Context, where string, value []byte) (lease.Row, error) {
	rows, err := d.list(ctx, "WHERE "+where, value)
	if err == nil && len(rows) == 0 {
		err = lease.ErrUnknown
	}
	if err != nil {
		return lease.Row{}, fmt.Errorf("finding a lease: %w", err)
	}
	return rows[0], nil
}

// List implements lease.Store. What is not asked for is not in the statement:
// the planner would not use the small indexes else.
func (d *DB) List(ctx context.Context, f lease.Filter) ([]lease.Row, error) {
	where, values := "true", []any{}
	if f.Principal != "" { // by its hash too, which an index has
		values = append(values, []byte(f.Principal))
		where += " AND principal = $1::bytea AND sha256(principal) = sha256($1::bytea)"
	}
	if f.Credential != "" {
		values = append(values, []byte(f.Credential))
		where += fmt.Sprintf(" AND credential = $%d", len(values))
	}
	if f.State != 0 {
		where += fmt.Sprintf(" AND state = %d", f.State)
	}
	if !f.Over.IsZero() {
		values = append(values, lease.Micros(f.Over))
		where += fmt.Sprintf(" AND state < %d AND ends <= $%d", lease.Ended, len(values))
	}
	if f.Open {
		where += " AND open"
	}
	if f.Question != (lease.Digest{}) {
		values = append(values, f.Question[:])
		where += fmt.Sprintf(" AND state = %d AND question = $%d", lease.Ended, len(values))
	}
	limit := f.Limit
	if limit <= 0 {
		limit = 100
	}
	rows, err := d.list(ctx, fmt.Sprintf("WHERE %s ORDER BY created DESC, id LIMIT %d", where, limit), values...)
	if err != nil {
		return nil, fmt.Errorf("listing leases: %w", err)
	}
	return rows, nil
}

func (d *DB) list(ctx context.Context, rest string, values ...any) ([]lease.Row, error) {
	rows, err := d.pool.Query(ctx, "SELECT "+columns+", change FROM lease "+rest, values...)
	if err != nil {
		return nil, err
	}
	return pgx.AppendRows([]lease.Row(nil), rows, scanRow)
}

// Unended implements lease.Store.
func (d *DB) Unended(ctx context.Context) ([]lease.Row, int64, error) {
	return d.upTo(ctx, "state <> 3 ORDER BY change")
}

// Changes implements lease.Store.
func (d *DB) Changes(ctx context.Context, after int64, most int) ([]lease.Row, int64, error) {
	rows, change, err := d.upTo(ctx, "change > $1 ORDER BY change LIMIT $2", after, most)
	if err == nil && len(rows) >= most {
		change = rows[most-1].Change
	}
	return rows, change, err
}

// upTo reads the change number first: what changes in between is seen again the
// next time.
func (d *DB) upTo(ctx context.Context, where string, values ...any) (rows []lease.Row, change int64, err error) {
	b := &pgx.Batch{}
	b.Queue("SELECT change FROM clock").QueryRow(func(row pgx.Row) error { return row.Scan(&change) })
	b.Queue("SELECT "+columns+", change FROM lease WHERE "+where, values...).Query(func(found pgx.Rows) error {
		rows, err = pgx.AppendRows(rows, found, scanRow)
		return err
	})
	if err := d.pool.SendBatch(ctx, b).Close(); err != nil {
		return nil, 0, fmt.Errorf("listing leases: %w", err)
	}
	return rows, change, nil
}

// Bars implements lease.Store.
func (d *DB) Bars(ctx context.Context) ([]lease.BarRow, error) {
	rows, err := d.pool.Query(ctx, "SELECT id, body, mac FROM bar ORDER BY id")
	if err != nil {
		return nil, fmt.Errorf("listing bars: %w", err)
	}
	bars, err := pgx.AppendRows([]lease.BarRow(nil), rows, scanBar)
	if err != nil {
		return nil, fmt.Errorf("listing bars: %w", err)
	}
	return bars, nil
}
