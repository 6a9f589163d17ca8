package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"cloakroom/internal/record"
)

// Snapshot shows the index as it stands now, whatever is written meanwhile.
func (d *DB) Snapshot(ctx context.Context) (record.Snapshot, error) {
	tx, err := d.pool.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return nil, fmt.Errorf("reading the index: %w", err)
	}
	if _, err := tx.Exec(ctx, "SET LOCAL statement_timeout = 0"); err != nil {
		tx.Rollback(context.WithoutCancel(ctx))
		return nil, fmt.Errorf("reading the index: %w", err)
	}
	return &snapshot{tx}, nil
}

type snapshot struct{ tx pgx.Tx }

// Applied implements record.Snapshot.
func (s *snapshot) Applied(ctx context.Context) (map[string]record.Position, error) {
	at := map[string]record.Position{}
	err := s.each(ctx, "SELECT id, seq, hash FROM log", nil, func(rows pgx.Rows) error {
		var id string
		var seq int64
		var hash []byte
		if err := rows.Scan(&id, &seq, &hash); err != nil {
			return err
		}
		p, err := position(seq, hash, nil)
		at[id] = p
		return err
	})
	return at, err
}

// Rows implements record.Snapshot.
func (s *snapshot) Rows(ctx context.Context, log string, take func(record.Row) error) error {
	return s.each(ctx, `SELECT 'decision', decision.seq, exchange, coalesce(principal, ''), coalesce(name, ''), decision.refused, line
		FROM decision LEFT JOIN session ON session.key = decision.session AND session.log = decision.log
		WHERE decision.log = (SELECT key FROM log WHERE id = $1)
		UNION ALL SELECT 'finish', 0, exchange, '', '', false, line FROM finish WHERE log = (SELECT key FROM log WHERE id = $1)`,
		[]any{log}, func(rows pgx.Rows) error {
			var r record.Row
			var seq int64
			var exchange, principal, session []byte
			if err := rows.Scan(&r.Table, &seq, &exchange, &principal, &session, &r.Refused, &r.Line); err != nil {
				return err
			}
			r.Seq, r.Exchange, r.Principal, r.Session = uint64(seq), string(exchange), string(principal), string(session)
			return take(r)
		})
}

// Totals implements record.Snapshot.
func (s *snapshot) Totals(ctx context.Context, log string, take func(record.Session) error) error {
	return s.each(ctx, `SELECT name, principal, first, last, exchanges, refused FROM session
		WHERE log = (SELECT key FROM log WHERE id = $1)`, []any{log}, func(rows pgx.Rows) error {
		x, err := scanSession(rows)
		if err != nil {
			return err
		}
		return take(x)
	})
}

// Touches implements record.Snapshot.
func (s *snapshot) Touches(ctx context.Context, log string, take func(record.Touched) error) error {
	return s.each(ctx, `SELECT principal, name, credential, host, outcome, touch.first, touch.last
		FROM touch JOIN session ON session.key = touch.session
		WHERE session.log = (SELECT key FROM log WHERE id = $1)`, []any{log}, func(rows pgx.Rows) error {
		var t record.Touched
		var principal, session, credential, host []byte
		var first, last int64
		if err := rows.Scan(&principal, &session, &credential, &host, &t.Outcome, &first, &last); err != nil {
			return err
		}
		t.Principal, t.Session, t.Credential, t.Host = string(principal), string(session), string(credential), string(host)
		t.First, t.Last = time.UnixMicro(first), time.UnixMicro(last)
		return take(t)
	})
}

func (s *snapshot) each(ctx context.Context, query string, args []any, take func(pgx.Rows) error) error {
	rows, err := s.tx.Query(ctx, query, args...)
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
func (s *snapshot) Close() error { return s.tx.Rollback(context.Background()) }

// PutHead implements checkpoint.Heads.
func (d *DB) PutHead(ctx context.Context, log string, size int64, note []byte) error {
	_, err := d.pool.Exec(ctx, `INSERT INTO head (log, size, note) VALUES ($1, $2, $3)
		ON CONFLICT (log) DO UPDATE SET size = $2, note = $3 WHERE head.size <= $2`, log, size, note)
	if err != nil {
		return fmt.Errorf("keeping the head of log %q: %w", log, err)
	}
	return nil
}

// Heads implements checkpoint.Heads.
func (d *DB) Heads(ctx context.Context) (map[string][]byte, error) {
	rows, err := d.pool.Query(ctx, "SELECT log, note FROM head")
	if err != nil {
		return nil, fmt.Errorf("asking for the heads of logs: %w", err)
	}
	notes := map[string][]byte{}
	var log string
	var note []byte
	if _, err := pgx.ForEachRow(rows, []any{&log, &note}, func() error {
		notes[log] = append([]byte(nil), note...)
		return nil
	}); err != nil {
		return nil, fmt.Errorf("asking for the heads of logs: %w", err)
	}
	return notes, nil
}
