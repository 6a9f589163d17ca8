package postgres

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"cloakroom/internal/record"
)

// latest finds sessions by the latest rows: a session has at most one in each
// log, so that enough rows hold enough sessions.
const latest = `SELECT DISTINCT name, principal FROM (
	SELECT name, principal FROM session WHERE ($1 = ''::bytea OR principal = $1) AND last >= $2
	ORDER BY last DESC LIMIT $3 * (SELECT count(*) FROM log)) AS row`

// Sessions implements record.Index.
func (d *DB) Sessions(ctx context.Context, f record.SessionFilter) ([]record.Session, error) {
	limit, since := f.Limit, int64(math.MinInt64)
	if limit <= 0 {
		limit = 100
	}
	if !f.Since.IsZero() {
		since = f.Since.UnixMicro()
	}
	rows, err := d.pool.Query(ctx, `SELECT name, principal, min(first), max(last),
		sum(exchanges)::bigint, sum(refused)::bigint
		FROM session JOIN (`+latest+`) AS latest USING (name, principal)
		GROUP BY name, principal ORDER BY max(last) DESC, max(key) DESC LIMIT $3`,
		[]byte(f.Principal), since, limit)
	if err != nil {
		return nil, fmt.Errorf("listing sessions: %w", err)
	}
	ss, err := pgx.AppendRows([]record.Session(nil), rows, scanSession)
	if err != nil {
		return nil, fmt.Errorf("listing sessions: %w", err)
	}
	return ss, nil
}

func scanSession(row pgx.CollectableRow) (s record.Session, err error) {
	var name, principal []byte
	var first, last int64
	err = row.Scan(&name, &principal, &first, &last, &s.Exchanges, &s.Refused)
	s.ID, s.Principal = string(name), string(principal)
	s.First, s.Last = time.UnixMicro(first).UTC(), time.UnixMicro(last).UTC()
	return s, err
}

// Exchanges implements record.Index.
func (d *DB) Exchanges(ctx context.Context, principal, session string, limit int) ([]record.Exchange, error) {
	xs, err := d.exchanges(ctx, `name = $2 AND ($3 = ''::bytea OR principal = $3)`, limit, []byte(session), []byte(principal))
	if err != nil {
		return nil, fmt.Errorf("listing the exchanges of session %q: %w", session, err)
	}
	slices.Reverse(xs)
	return xs, nil
}

// Refusals implements record.Index.
func (d *DB) Refusals(ctx context.Context, since time.Time, limit int) ([]record.Exchange, error) {
	xs, err := d.exchanges(ctx, `decision.refused AND decision.at >= $2`, limit, since.UnixMicro())
	if err != nil {
		return nil, fmt.Errorf("listing refusals: %w", err)
	}
	return xs, nil
}

// exchanges lists those for which a condition of $2 and $3 holds, the latest
// first; limit 0: all.
func (d *DB) exchanges(ctx context.Context, where string, limit int, args ...any) ([]record.Exchange, error) {
	rows, err := d.pool.Query(ctx, `SELECT decision.line, finish.line
		FROM session JOIN decision ON decision.session = session.key
		LEFT JOIN LATERAL (SELECT line FROM finish WHERE exchange = decision.exchange ORDER BY log LIMIT 1) AS finish ON true
		WHERE `+where+` ORDER BY decision.at DESC, decision.log DESC, decision.seq DESC LIMIT nullif($1::bigint, 0)`, append([]any{limit}, args...)...)
	if err != nil {
		return nil, err
	}
	return pgx.AppendRows([]record.Exchange(nil), rows, scanExchange)
}

func scanExchange(row pgx.CollectableRow) (record.Exchange, error) {
	var decision, end []byte
	if err := row.Scan(&decision, &end); err != nil {
		return record.Exchange{}, err
	}
	return record.ReadExchange(decision, end)
}
