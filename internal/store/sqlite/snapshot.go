package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"cloakroom/internal/record"
)

// Snapshot shows the index as it stands now, whatever is written meanwhile.
func (d *DB) Snapshot(ctx context.Context) (record.Snapshot, error) {
	tx, err := d.reads.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, fmt.Errorf("reading the index: %w", err)
	}
	return &snapshot{tx}, nil
}

type snapshot struct{ tx *sql.Tx }

// Applied implements record.Snapshot.
func (s *snapshot) Applied(ctx context.Context) (map[string]record.Position, error) {
	p, err := applied(ctx, s.tx)
	return map[string]record.Position{"": p}, err
}

// Rows implements record.Snapshot.
func (s *snapshot) Rows(ctx context.Context, _ string, take func(record.Row) error) error {
	return s.each(ctx, `SELECT 'decision', decision.seq, exchange, coalesce(principal, ''), coalesce(name, ''), decision.refused, line
		FROM decision LEFT JOIN session ON session.key = decision.session
		UNION ALL SELECT 'finish', seq, exchange, '', '', 0, line FROM finish`, func(rows *sql.Rows) error {
		var r record.Row
		var line sql.RawBytes
		if err := rows.Scan(&r.Table, &r.Seq, &r.Exchange, &r.Principal, &r.Session, &r.Refused, &line); err != nil {
			return err
		}
		r.Line = line
		return take(r)
	})
}

// Totals implements record.Snapshot.
func (s *snapshot) Totals(ctx context.Context, _ string, take func(record.Session) error) error {
	return s.each(ctx, "SELECT name, principal, first, last, exchanges, refused FROM session", func(rows *sql.Rows) error {
		x, err := scanSession(rows)
		if err != nil {
			return err
		}
		return take(x)
	})
}

// Touches implements record.Snapshot.
func (s *snapshot) Touches(ctx context.Context, _ string, take func(record.Touched) error) error {
	return s.each(ctx, `SELECT coalesce(principal, ''), coalesce(name, ''), credential, host, outcome, touch.first, touch.last
		FROM touch LEFT JOIN session ON session.key = touch.session`, func(rows *sql.Rows) error {
		var t record.Touched
		var first, last int64
		if err := rows.Scan(&t.Principal, &t.Session, &t.Credential, &t.Host, &t.Outcome, &first, &last); err != nil {
			return err
		}
		t.First, t.Last = time.UnixMicro(first), time.UnixMicro(last)
		return take(t)
	})
}

func (s *snapshot) each(ctx context.Context, query string, take func(*sql.Rows) error) error {
	rows, err := s.tx.QueryContext(ctx, query)
	if err != nil {
		return fmt.Errorf("reading the index: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := take(rows); err != nil {
			return fmt.Errorf("reading the index: %w", err)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("reading the index: %w", err)
	}
	return nil
}

// Close implements record.Snapshot.
func (s *snapshot) Close() error { return s.tx.Rollback() }

func scanSession(rows *sql.Rows) (s record.Session, err error) {
	var first, last int64
	err = rows.Scan(&s.ID, &s.Principal, &first, &last, &s.Exchanges, &s.Refused)
	s.First, s.Last = time.UnixMicro(first).UTC(), time.UnixMicro(last).UTC()
	return s, err
}

// PutHead implements checkpoint.Heads.
func (d *DB) PutHead(ctx context.Context, log string, size int64, note []byte) error {
	err := d.write(ctx, d.index, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO head (log, size, note) VALUES (?1, ?2, ?3)
			ON CONFLICT (log) DO UPDATE SET size = ?2, note = ?3 WHERE size <= ?2`, log, size, note)
		return err
	})
	if err != nil {
		return fmt.Errorf("keeping the head of log %q: %w", log, err)
	}
	return nil
}

// Heads implements checkpoint.Heads.
func (d *DB) Heads(ctx context.Context) (map[string][]byte, error) {
	rows, err := d.reads.QueryContext(ctx, "SELECT log, note FROM head")
	if err != nil {
		return nil, fmt.Errorf("asking for the heads of logs: %w", err)
	}
	defer rows.Close()
	notes := map[string][]byte{}
	for rows.Next() {
		var log string
		var note []byte
		if err := rows.Scan(&log, &note); err != nil {
			return nil, fmt.Errorf("asking for the heads of logs: %w", err)
		}
		notes[log] = note
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("asking for the heads of logs: %w", err)
	}
	return notes, nil
}
