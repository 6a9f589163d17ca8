package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"time"

	"cloakroom/internal/record"
)

// Sessions implements record.Index.
func (d *DB) Sessions(ctx context.Context, f record.SessionFilter) ([]record.Session, error) {
	limit, since := f.Limit, int64(math.MinInt64)
	if limit <= 0 {
		limit = 100
	}
	if !f.Since.IsZero() {
		since = f.Since.UnixMicro()
	}
	rows, err := d.reads.QueryContext(ctx, `SELECT name, principal, first, last, exchanges, refused FROM session
		WHERE (?1 = '' OR principal = ?1) AND last >= ?2 ORDER BY last DESC, key DESC LIMIT ?3`,
		f.Principal, since, limit)
	if err != nil {
		return nil, fmt.Errorf("listing sessions: %w", err)
	}
	defer rows.Close()
	var ss []record.Session
	for rows.Next() {
		var s record.Session
		var first, last int64
		if err := rows.Scan(&s.ID, &s.Principal, &first, &last, &s.Exchanges, &s.Refused); err != nil {
			return nil, fmt.Errorf("listing sessions: %w", err)
		}
		s.First, s.Last = time.UnixMicro(first).UTC(), time.UnixMicro(last).UTC()
		ss = append(ss, s)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("listing sessions: %w", err)
	}
	return ss, nil
}

// Exchanges implements record.Index.
func (d *DB) Exchanges(ctx context.Context, principal, session string) ([]record.Exchange, error) {
	rows, err := d.reads.QueryContext(ctx, `SELECT decision.seq, decision.line, finish.seq, finish.line
		FROM session JOIN decision ON decision.session = session.key
		LEFT JOIN finish ON finish.exchange = decision.exchange
		WHERE session.name = ?2 AND (?1 = '' OR session.principal = ?1) ORDER BY decision.seq`,
		principal, session)
	if err != nil {
		return nil, fmt.Errorf("listing the exchanges of session %q: %w", session, err)
	}
	defer rows.Close()
	var xs []record.Exchange
	for rows.Next() {
		x, err := scanExchange(rows)
		if err != nil {
			return nil, fmt.Errorf("listing the exchanges of session %q: %w", session, err)
		}
		xs = append(xs, x)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("listing the exchanges of session %q: %w", session, err)
	}
	return xs, nil
}

func scanExchange(rows *sql.Rows) (x record.Exchange, err error) {
	var end sql.NullInt64
	var seq int64
	if err := rows.Scan(&seq, &x.DecisionLine, &end, &x.EndLine); err != nil {
		return x, err
	}
	if x.Decision, err = decode(x.DecisionLine); err != nil || !end.Valid {
		return x, err
	}
	e, err := decode(x.EndLine)
	x.End = &e
	return x, err
}

func decode(raw []byte) (record.Entry, error) {
	l, err := record.ParseLine(raw)
	if err != nil {
		return record.Entry{}, err
	}
	return l.Entry()
}
