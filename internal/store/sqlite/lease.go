package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"cloakroom/internal/lease"
)

var _ lease.Store = (*DB)(nil)

const leaseColumns = `id, principal, credential, ticket, question, state, open, created, ends, ended, body, mac, change`

// leaseArgs are the row's columns in the order of leaseColumns.
func leaseArgs(r lease.Row) []any {
	var ticket any
	if r.Ticket != (lease.Digest{}) {
		ticket = r.Ticket[:]
	}
	return []any{r.ID, r.Principal, r.Credential, ticket, r.Question[:], int64(r.State), r.Open, lease.Micros(r.Created),
		lease.Micros(r.Ends), lease.Micros(r.Ended), r.Body, r.MAC[:], r.Change}
}

// scanLease reads the columns of leaseColumns.
func scanLease(scan func(...any) error) (lease.Row, error) {
	var r lease.Row
	var ticket, question, mac []byte
	var created, ends, ended int64
	err := scan(&r.ID, &r.Principal, &r.Credential, &ticket, &question, &r.State, &r.Open, &created, &ends, &ended,
		&r.Body, &mac, &r.Change)
	if err != nil {
		return lease.Row{}, err
	}
	copy(r.Ticket[:], ticket)
	copy(r.Question[:], question)
	copy(r.MAC[:], mac)
	r.Created, r.Ends, r.Ended = lease.FromMicros(created), lease.FromMicros(ends), lease.FromMicros(ended)
	return r, nil
}

// change runs f with the next change number, in one transaction, and returns
// the number.
func (d *DB) change(ctx context.Context, doing string, f func(tx *sql.Tx, n int64) error) (n int64, err error) {
	err = d.write(ctx, d.leases, func(tx *sql.Tx) error {
		err := tx.QueryRowContext(ctx, "UPDATE clock SET change = change + 1 RETURNING change").Scan(&n)
		if err == nil {
			err = f(tx, n)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", doing, err)
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

// Insert implements lease.Store.
func (d *DB) Insert(ctx context.Context, r lease.Row, atOnce int) (int64, error) {
	return d.change(ctx, fmt.Sprintf("inserting lease %q", r.ID), func(tx *sql.Tx, n int64) error {
		var asked, open int
		err := tx.QueryRowContext(ctx, `SELECT
			(SELECT count(*) FROM lease WHERE state = 1 AND question = ?1 AND ends > ?2 AND ?3 = 1),
			(SELECT count(*) FROM lease WHERE open = 1 AND principal = ?4 AND credential = ?5 AND ends > ?2)`,
			r.Question[:], lease.Micros(r.Created), int64(r.State), r.Principal, r.Credential).Scan(&asked, &open)
		switch {
		case err != nil:
			return err
		case asked > 0:
			return lease.ErrExists
		case atOnce > 0 && open >= atOnce:
			return lease.ErrTooMany
		}
		r.Change = n
		done, err := tx.ExecContext(ctx, `INSERT INTO lease (`+leaseColumns+`)
			VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING`, leaseArgs(r)...)
		return one(done, err, lease.ErrExists)
	})
}

// Update implements lease.Store.
func (d *DB) Update(ctx context.Context, r lease.Row) (int64, error) {
	return d.change(ctx, fmt.Sprintf("updating lease %q", r.ID), func(tx *sql.Tx, n int64) error {
		var is int64
		err := tx.QueryRowContext(ctx, "SELECT change FROM lease WHERE id = ?", r.ID).Scan(&is)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return lease.ErrUnknown
		case err != nil:
			return err
		case is != r.Change:
			return lease.ErrConflict
		}
		r.Change = n
		done, err := tx.ExecContext(ctx, `REPLACE INTO lease (`+leaseColumns+`)
			VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)`, leaseArgs(r)...)
		return one(done, err, lease.ErrUnknown)
	})
}

// one is nil if the statement wrote a row, and otherwise none, the error if
// there was nothing to write.
func one(done sql.Result, err error, none error) error {
	if err != nil {
		return err
	}
	n, err := done.RowsAffected()
	if err == nil && n == 0 {
		return none
	}
	return err
}

// ByID implements lease.Store.
func (d *DB) ByID(ctx context.Context, id string) (lease.Row, error) {
	return d.oneLease(ctx, "id = ?", id)
}

// ByTicket implements lease.Store.
func (d *DB) ByTicket(ctx context.Context, ticket lease.Digest) (lease.Row, error) {
	return d.oneLease(ctx, "ticket = ?", ticket[:])
}

// ByQuestion implements lease.Store.
func (d *DB) ByQuestion(ctx context.Context, question lease.Digest) (lease.Row, error) {
	return d.oneLease(ctx, "state = 1 AND question = ? ORDER BY created DESC LIMIT 1", question[:])
}

func (d *DB) oneLease(ctx context.Context, where string, arg any) (lease.Row, error) {
	row := d.reads.QueryRowContext(ctx, "SELECT "+leaseColumns+" FROM lease WHERE "+where, arg)
	r, err := scanLease(row.Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return r, lease.ErrUnknown
	}
	if err != nil {
		return r, fmt.Errorf("finding a lease: %w", err)
	}
	return r, nil
}

// Unended implements lease.Store.
func (d *DB) Unended(ctx context.Context) ([]lease.Row, int64, error) {
	return d.leasesAndChange(ctx, "state != ?", int64(lease.Ended), -1)
}

// Changes implements lease.Store.
func (d *DB) Changes(ctx context.Context, after int64, most int) ([]lease.Row, int64, error) {
	return d.leasesAndChange(ctx, "change > ?", after, most)
}

// leasesAndChange reads the change number first: what changes in between is
// seen again the next time. It lists at most so many; negative: all.
func (d *DB) leasesAndChange(ctx context.Context, where string, arg int64, most int) ([]lease.Row, int64, error) {
	var change int64
	if err := d.reads.QueryRowContext(ctx, "SELECT change FROM clock").Scan(&change); err != nil {
		return nil, 0, fmt.Errorf("listing leases: %w", err)
	}
	if where == "change > ?" && change <= arg {
		return nil, change, nil
	}
	rows, err := d.leaseRows(ctx, "WHERE "+where+" ORDER BY change LIMIT ?", arg, most)
	if most >= 0 && len(rows) >= most {
		change = rows[most-1].Change
	}
	return rows, change, err
}

// List implements lease.Store. What is not asked for is not in the statement:
// the planner would not use the small indexes else.
func (d *DB) List(ctx context.Context, f lease.Filter) ([]lease.Row, error) {
	rest, args := filtered(f)
	return d.leaseRows(ctx, rest, args...)
}

// filtered is the end of the statement that lists what f wants. What f does not
// ask for is not in it, so that an index can serve the rest.
func filtered(f lease.Filter) (string, []any) {
	where, args := []string{"1"}, []any{}
	add := func(condition string, arg any) { where, args = append(where, condition), append(args, arg) }
	if f.Principal != "" {
		add("principal = ?", f.Principal)
	}
	if f.Credential != "" {
		add("credential = ?", f.Credential)
	}
	if f.State != 0 {
		add("state = ?", int64(f.State))
	}
	if !f.Over.IsZero() {
		add("state != 3 AND ends <= ?", lease.Micros(f.Over))
	}
	if f.Question != (lease.Digest{}) {
		add("state = 3 AND question = ?", f.Question[:])
	}
	if f.Open {
		where = append(where, "open = 1")
	}
	limit := f.Limit
	if limit <= 0 {
		limit = 100
	}
	return "WHERE " + strings.Join(where, " AND ") + " ORDER BY created DESC, id LIMIT ?", append(args, limit)
}

func (d *DB) leaseRows(ctx context.Context, rest string, args ...any) ([]lease.Row, error) {
	rows, err := d.reads.QueryContext(ctx, "SELECT "+leaseColumns+" FROM lease "+rest, args...)
	if err != nil {
		return nil, fmt.Errorf("listing leases: %w", err)
	}
	defer rows.Close()
	var ls []lease.Row
	for rows.Next() {
		r, err := scanLease(rows.Scan)
		if err != nil {
			return nil, fmt.Errorf("listing leases: %w", err)
		}
		ls = append(ls, r)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("listing leases: %w", err)
	}
	return ls, nil
}

// PutBar implements lease.Store.
func (d *DB) PutBar(ctx context.Context, b lease.BarRow) error {
	_, err := d.change(ctx, "putting up a bar", func(tx *sql.Tx, _ int64) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO bar (id, body, mac) VALUES (?,?,?)", b.ID, b.Body, b.MAC[:])
		return err
	})
	return err
}

// DropBar implements lease.Store.
func (d *DB) DropBar(ctx context.Context, id string) error {
	_, err := d.change(ctx, fmt.Sprintf("lifting bar %q", id), func(tx *sql.Tx, _ int64) error {
		done, err := tx.ExecContext(ctx, "DELETE FROM bar WHERE id = ?", id)
		return one(done, err, lease.ErrUnknown)
	})
	return err
}

// Bars implements lease.Store.
func (d *DB) Bars(ctx context.Context) (bars []lease.BarRow, err error) {
	rows, err := d.reads.QueryContext(ctx, "SELECT id, body, mac FROM bar ORDER BY id")
	if err != nil {
		return nil, fmt.Errorf("listing bars: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var b lease.BarRow
		var mac []byte
		if err := rows.Scan(&b.ID, &b.Body, &mac); err != nil {
			return nil, fmt.Errorf("listing bars: %w", err)
		}
		copy(b.MAC[:], mac)
		bars = append(bars, b)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("listing bars: %w", err)
	}
	return bars, nil
}

// Tally implements lease.Store. It is counted on the index's connection, which
// does not wait for the disk.
func (d *DB) Tally(ctx context.Context, id string, minute int64) (n int, err error) {
	err = d.write(ctx, d.index, func(tx *sql.Tx) error {
		err := tx.QueryRowContext(ctx, `INSERT INTO tally VALUES (?1, ?2, 1) ON CONFLICT (lease) DO UPDATE
			SET n = CASE WHEN minute = ?2 THEN n + 1 ELSE 1 END, minute = ?2 RETURNING n`, id, minute).Scan(&n)
		if err != nil {
			return fmt.Errorf("counting requests under lease %q: %w", id, err)
		}
		return nil
	})
	return n, err
}

// Forget implements lease.Store.
func (d *DB) Forget(ctx context.Context, t time.Time) error {
	return d.exec(ctx, "forgetting leases",
		"DELETE FROM lease WHERE state = ?1 AND ended < ?2; DELETE FROM tally WHERE lease NOT IN (SELECT id FROM lease)",
		int64(lease.Ended), lease.Micros(t))
}

// Mark implements lease.Store.
func (d *DB) Mark(ctx context.Context, t time.Time) error {
	return d.exec(ctx, "marking the time", "UPDATE clock SET mark = max(mark, ?)", lease.Micros(t))
}

// exec runs statements on the leases' connection, in one transaction.
func (d *DB) exec(ctx context.Context, doing, statements string, args ...any) error {
	return d.write(ctx, d.leases, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, statements, args...); err != nil {
			return fmt.Errorf("%s: %w", doing, err)
		}
		return nil
	})
}

// Marked implements lease.Store.
func (d *DB) Marked(ctx context.Context) (time.Time, error) {
	var us int64
	if err := d.reads.QueryRowContext(ctx, "SELECT mark FROM clock").Scan(&us); err != nil {
		return time.Time{}, fmt.Errorf("asking for the mark: %w", err)
	}
	return lease.FromMicros(us), nil
}

// Watch implements lease.Store. Another process's writes are seen by asking.
func (d *DB) Watch(ctx context.Context, _ func()) { <-ctx.Done() }
