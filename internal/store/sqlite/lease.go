package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"cloakroom/internal/lease"
)

var _ lease.Store = (*DB)(nil)

const leaseColumns = `id, principal, issuer, subject, groups, credential, session, reason, ticket,
	length, created, starts, ends, ended, state, ending, mac`

// leaseArgs are the row's columns in the order of leaseColumns.
func leaseArgs(r lease.Row) ([]any, error) {
	l := r.Lease
	groups, err := json.Marshal(l.Groups)
	if err != nil {
		return nil, err
	}
	var ticket any
	if l.Ticket != [32]byte{} {
		ticket = l.Ticket[:]
	}
	return []any{l.ID, l.Principal, l.Issuer, l.Subject, string(groups), l.Credential, l.Session, l.Reason,
		ticket, int64(l.Length), lease.Micros(l.Created), lease.Micros(l.Starts), lease.Micros(l.Ends),
		lease.Micros(l.Ended), int64(l.State), int64(l.Ending), r.MAC[:]}, nil
}

// scanLease reads the columns of leaseColumns.
func scanLease(scan func(...any) error) (lease.Row, error) {
	var r lease.Row
	l := &r.Lease
	var groups, ticket, mac []byte
	var created, starts, ends, ended int64
	err := scan(&l.ID, &l.Principal, &l.Issuer, &l.Subject, &groups, &l.Credential, &l.Session, &l.Reason,
		&ticket, &l.Length, &created, &starts, &ends, &ended, &l.State, &l.Ending, &mac)
	if err != nil {
		return lease.Row{}, err
	}
	if err := json.Unmarshal(groups, &l.Groups); err != nil {
		l.Groups = nil // a row that was tampered with: its MAC tells
	}
	copy(l.Ticket[:], ticket)
	copy(r.MAC[:], mac)
	l.Created, l.Starts = lease.FromMicros(created), lease.FromMicros(starts)
	l.Ends, l.Ended = lease.FromMicros(ends), lease.FromMicros(ended)
	return r, nil
}

// nextChange takes the next change number.
func nextChange(ctx context.Context, tx *sql.Tx) (n int64, err error) {
	err = tx.QueryRowContext(ctx, "UPDATE clock SET change = change + 1 RETURNING change").Scan(&n)
	return n, err
}

// Insert implements lease.Store.
func (d *DB) Insert(ctx context.Context, r lease.Row) error {
	args, err := leaseArgs(r)
	if err != nil {
		return fmt.Errorf("inserting lease %q: %w", r.Lease.ID, err)
	}
	return d.write(ctx, d.leases, func(tx *sql.Tx) error {
		change, err := nextChange(ctx, tx)
		if err != nil {
			return fmt.Errorf("inserting lease %q: %w", r.Lease.ID, err)
		}
		done, err := tx.ExecContext(ctx, `INSERT INTO lease (`+leaseColumns+`, change)
			VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING`, append(args, change)...)
		return one(done, err, "inserting", r, lease.ErrExists)
	})
}

// Update implements lease.Store.
func (d *DB) Update(ctx context.Context, r lease.Row, from lease.State) error {
	args, err := leaseArgs(r)
	if err != nil {
		return fmt.Errorf("updating lease %q: %w", r.Lease.ID, err)
	}
	return d.write(ctx, d.leases, func(tx *sql.Tx) error {
		var state lease.State
		err := tx.QueryRowContext(ctx, "SELECT state FROM lease WHERE id = ?", r.Lease.ID).Scan(&state)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return fmt.Errorf("updating lease %q: %w", r.Lease.ID, lease.ErrUnknown)
		case err != nil:
			return fmt.Errorf("updating lease %q: %w", r.Lease.ID, err)
		case state != from:
			return fmt.Errorf("updating lease %q: it is %s: %w", r.Lease.ID, state, lease.ErrConflict)
		}
		change, err := nextChange(ctx, tx)
		if err != nil {
			return fmt.Errorf("updating lease %q: %w", r.Lease.ID, err)
		}
		done, err := tx.ExecContext(ctx, `REPLACE INTO lease (`+leaseColumns+`, change)
			VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)`, append(args, change)...)
		return one(done, err, "updating", r, lease.ErrUnknown)
	})
}

// one is nil if the statement wrote a row, and otherwise none, the error if
// there was nothing to write.
func one(done sql.Result, err error, doing string, r lease.Row, none error) error {
	if err == nil {
		var n int64
		if n, err = done.RowsAffected(); err == nil && n == 0 {
			err = none
		}
	}
	if err != nil {
		return fmt.Errorf("%s lease %q: %w", doing, r.Lease.ID, err)
	}
	return nil
}

// ByID implements lease.Store.
func (d *DB) ByID(ctx context.Context, id string) (lease.Row, error) {
	return d.oneLease(ctx, "id = ?", id)
}

// ByTicket implements lease.Store.
func (d *DB) ByTicket(ctx context.Context, ticket [32]byte) (lease.Row, error) {
	return d.oneLease(ctx, "ticket = ?", ticket[:])
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
	return d.leasesAndChange(ctx, "state != ?", lease.Ended)
}

// Changes implements lease.Store.
func (d *DB) Changes(ctx context.Context, after int64) ([]lease.Row, int64, error) {
	return d.leasesAndChange(ctx, "change > ?", after)
}

// leasesAndChange reads the change number first: what changes in between is
// seen again the next time.
func (d *DB) leasesAndChange(ctx context.Context, where string, arg any) ([]lease.Row, int64, error) {
	var change int64
	if err := d.reads.QueryRowContext(ctx, "SELECT change FROM clock").Scan(&change); err != nil {
		return nil, 0, fmt.Errorf("listing leases: %w", err)
	}
	rows, err := d.leaseRows(ctx, "WHERE "+where+" ORDER BY change", arg)
	return rows, change, err
}

// List implements lease.Store.
func (d *DB) List(ctx context.Context, f lease.Filter) ([]lease.Row, error) {
	limit := f.Limit
	if limit <= 0 {
		limit = 100
	}
	return d.leaseRows(ctx, `WHERE (?1 = '' OR principal = ?1) AND (?2 = '' OR credential = ?2)
		AND (?3 = 0 OR state = ?3) ORDER BY created DESC, id LIMIT ?4`,
		f.Principal, f.Credential, int64(f.State), limit)
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

// Forget implements lease.Store.
func (d *DB) Forget(ctx context.Context, t time.Time) error {
	return d.exec(ctx, "forgetting leases", "DELETE FROM lease WHERE state = ? AND ended < ?",
		int64(lease.Ended), lease.Micros(t))
}

// Mark implements lease.Store.
func (d *DB) Mark(ctx context.Context, t time.Time) error {
	return d.exec(ctx, "marking the time", "UPDATE clock SET mark = max(mark, ?)", lease.Micros(t))
}

// exec runs one statement on the leases' connection.
func (d *DB) exec(ctx context.Context, doing, statement string, args ...any) error {
	return d.write(ctx, d.leases, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, statement, args...); err != nil {
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
