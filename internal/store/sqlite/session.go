package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"cloakroom/internal/record"
)

// Sessions implements record.Index.
func (d *DB) Sessions(ctx context.Context, f record.SessionFilter) ([]record.Session, error) {
	query, args, err := d.listing(ctx, f)
	if err != nil {
		return nil, fmt.Errorf("listing sessions: %w", err)
	}
	rows, err := d.reads.QueryContext(ctx, query, args...)
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

// listing is the query that Sessions asks.
func (d *DB) listing(ctx context.Context, f record.SessionFilter) (string, []any, error) {
	f, err := d.bounded(ctx, f)
	if err != nil {
		return "", nil, err
	}
	where, args := filteredSessions(f)
	if old, err := d.old(ctx, f); err != nil {
		return "", nil, err
	} else if old {
		where += " AND key IN (SELECT key FROM session WHERE first <= ?)"
		_, until := f.Between()
		args = append(args, until)
	}
	if f.Narrow() {
		in, more, err := d.in(ctx, f)
		if err != nil {
			return "", nil, err
		}
		where += " AND " + in
		args = append(args, more...)
	}
	return `SELECT name, principal, first, last, exchanges, refused FROM session
		WHERE ` + where + ` ORDER BY last DESC, key DESC LIMIT ?`, append(args, f.Most()), nil
}

// bounded bounds a filter that asks for exchanges by the latest of them.
func (d *DB) bounded(ctx context.Context, f record.SessionFilter) (record.SessionFilter, error) {
	if !f.Narrow() {
		return f, nil
	}
	where, args := "credential = ?", []any{f.Credential}
	if f.Host != "" {
		where, args = where+" AND host = ?", append(args, f.Host)
	}
	var latest int64
	for _, o := range f.Among() { // one by one: each is the end of an index
		var at int64
		err := d.reads.QueryRowContext(ctx, "SELECT coalesce(max(last), 0) FROM touch WHERE "+where+" AND outcome = ?", append(args, int(o))...).Scan(&at)
		if err != nil {
			return f, err
		}
		latest = max(latest, at)
	}
	return f.UpTo(latest), nil
}

// old tells whether few sessions had begun by then: they are found by that.
func (d *DB) old(ctx context.Context, f record.SessionFilter) (bool, error) {
	_, until := f.Between()
	if f.Until.IsZero() {
		return false, nil
	}
	return d.areFew(ctx, "session WHERE first <= ?", until)
}

// areFew tells whether few rows are there.
func (d *DB) areFew(ctx context.Context, rows string, args ...any) (bool, error) {
	var n int
	err := d.reads.QueryRowContext(ctx, "SELECT count(*) FROM (SELECT 1 FROM "+rows+" LIMIT ?)", append(args, d.few)...).Scan(&n)
	return n < d.few, err
}

// in is the condition that a session has one of the rows of touch that are asked for.
// A few of them are listed, to look up their sessions; of many, enough sessions are
// found soon by looking for the rows of each.
func (d *DB) in(ctx context.Context, f record.SessionFilter) (string, []any, error) {
	where, args := filteredTouches(f, "")
	few, err := d.areFew(ctx, "touch WHERE "+where, args...)
	if few {
		return "key IN (SELECT session FROM touch WHERE " + where + ")", args, err
	}
	where, args = filteredTouches(f, "+") // which no index serves: that of sessions is left
	return "EXISTS (SELECT 1 FROM touch WHERE session = key AND " + where + ")", args, err
}

// filteredSessions is a filter's condition on sessions.
func filteredSessions(f record.SessionFilter) (where string, args []any) {
	since, until := f.Between()
	where, args = "session.last >= ? AND session.first <= ?", []any{since, until}
	if f.Principal != "" {
		where += " AND principal = ?"
		args = append(args, f.Principal)
	}
	return where, args
}

// filteredTouches is a filter's condition on what exchanges were about; its columns
// have the prefix.
func filteredTouches(f record.SessionFilter, prefix string) (where string, args []any) {
	since, until := f.Between()
	where, args = prefix+"touch.credential = ? AND touch.last >= ? AND touch.first <= ?", []any{f.Credential, since, until}
	if f.Host != "" {
		where += " AND " + prefix + "touch.host = ?"
		args = append(args, f.Host)
	}
	if len(f.Outcomes) > 0 {
		where += " AND " + prefix + "touch.outcome IN (?" + strings.Repeat(",?", len(f.Outcomes)-1) + ")"
		for _, o := range f.Outcomes {
			args = append(args, int(o))
		}
	}
	return where, args
}

// Exchange implements record.Index.
func (d *DB) Exchange(ctx context.Context, id string) (record.Exchange, error) {
	xs, err := d.exchanges(ctx, `decision.exchange = ?2`, 1, id)
	if err == nil && len(xs) == 0 {
		err = record.ErrUnknown
	}
	if err != nil {
		return record.Exchange{}, fmt.Errorf("finding exchange %q: %w", id, err)
	}
	return xs[0], nil
}

// Exchanges implements record.Index.
func (d *DB) Exchanges(ctx context.Context, principal, session string, limit int) ([]record.Exchange, error) {
	if limit <= 0 {
		limit = -1
	}
	xs, err := d.exchanges(ctx, `session.name = ?2 AND (?3 = '' OR session.principal = ?3)`, limit, session, principal)
	if err != nil {
		return nil, fmt.Errorf("listing the exchanges of session %q: %w", session, err)
	}
	slices.Reverse(xs)
	return xs, nil
}

// Refusals implements record.Index.
func (d *DB) Refusals(ctx context.Context, since time.Time, limit int) ([]record.Exchange, error) {
	xs, err := d.exchanges(ctx, `decision.refused = 1`, limit)
	if err != nil {
		return nil, fmt.Errorf("listing refusals: %w", err)
	}
	return slices.DeleteFunc(xs, func(x record.Exchange) bool { return x.Decision.Time.Before(since) }), nil
}

// exchanges lists those for which a condition of ?2 and ?3 holds, the latest
// first; limit -1: all.
func (d *DB) exchanges(ctx context.Context, where string, limit int, args ...any) ([]record.Exchange, error) {
	rows, err := d.reads.QueryContext(ctx, `SELECT decision.line, finish.line
		FROM session JOIN decision ON decision.session = session.key
		LEFT JOIN finish ON finish.exchange = decision.exchange
		WHERE `+where+` ORDER BY decision.seq DESC LIMIT ?1`, append([]any{limit}, args...)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var xs []record.Exchange
	for rows.Next() {
		x, err := scanExchange(rows)
		if err != nil {
			return nil, err
		}
		xs = append(xs, x)
	}
	return xs, rows.Err()
}

func scanExchange(rows *sql.Rows) (record.Exchange, error) {
	var decision, end []byte
	if err := rows.Scan(&decision, &end); err != nil {
		return record.Exchange{}, err
	}
	return record.ReadExchange(decision, end)
}
