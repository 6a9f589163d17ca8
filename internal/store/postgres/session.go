package postgres

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"cloakroom/internal/record"
)

// Sessions implements record.Index. The sessions are found by the latest rows: a
// session has at most one in each log, so that enough rows hold enough sessions.
func (d *DB) Sessions(ctx context.Context, f record.SessionFilter) ([]record.Session, error) {
	f, err := d.bounded(ctx, f)
	if err != nil {
		return nil, fmt.Errorf("listing sessions: %w", err)
	}
	var logs int
	if err := d.pool.QueryRow(ctx, "SELECT count(*) FROM log").Scan(&logs); err != nil {
		return nil, fmt.Errorf("listing sessions: %w", err)
	}
	query, args := listing(f, logs)
	// A plan for any filter would read all where one for this one reads little.
	rows, err := d.pool.Query(ctx, query, append([]any{pgx.QueryExecModeCacheDescribe}, args...)...)
	if err != nil {
		return nil, fmt.Errorf("listing sessions: %w", err)
	}
	ss, err := pgx.AppendRows([]record.Session(nil), rows, scanSession)
	if err != nil {
		return nil, fmt.Errorf("listing sessions: %w", err)
	}
	return ss, nil
}

// bounded bounds a filter that asks for exchanges by the latest of them.
func (d *DB) bounded(ctx context.Context, f record.SessionFilter) (record.SessionFilter, error) {
	if !f.Narrow() {
		return f, nil
	}
	where, args := "outcome = $1 AND credential = $2", []any{int16(0), []byte(f.Credential)}
	if f.Host != "" {
		where, args = where+" AND host = $3", append(args, []byte(f.Host))
	}
	b, latest := &pgx.Batch{}, int64(0)
	for _, o := range f.Among() { // one by one: each is the end of an index
		b.Queue("SELECT coalesce(max(last), 0) FROM touch WHERE "+where, append([]any{int16(o)}, args[1:]...)...).QueryRow(func(row pgx.Row) error {
			var at int64
			err := row.Scan(&at)
			latest = max(latest, at)
			return err
		})
	}
	err := d.pool.SendBatch(ctx, b).Close()
	return f.UpTo(latest), err
}

// listing is the query that Sessions asks of so many logs. Its limits are numbers,
// which a plan is made for.
func listing(f record.SessionFilter, logs int) (string, []any) {
	where, args := filteredSessions(f)
	return `SELECT name, principal, min(first), max(last), sum(exchanges)::bigint, sum(refused)::bigint
		FROM session JOIN (SELECT DISTINCT name, principal FROM (
			SELECT name, principal FROM session WHERE ` + where + `
			ORDER BY last DESC LIMIT ` + fmt.Sprint(f.Most()*logs) + `) AS row) AS latest USING (name, principal)
		GROUP BY name, principal ORDER BY max(last) DESC, max(key) DESC LIMIT ` + fmt.Sprint(f.Most()), args
}

// filteredSessions is a filter's condition on rows.
func filteredSessions(f record.SessionFilter) (where string, args []any) {
	since, until := f.Between()
	where, args = "last >= $1 AND first <= $2", []any{since, until}
	add := func(condition string, value any) {
		args = append(args, value)
		where += fmt.Sprintf(" AND "+condition, len(args))
	}
	if f.Principal != "" {
		add("principal = $%d", []byte(f.Principal))
	}
	if !f.Narrow() {
		return where, args
	}
	add("key IN (SELECT session FROM touch WHERE last >= $1 AND first <= $2 AND credential = $%d", []byte(f.Credential))
	if f.Host != "" {
		add("host = $%d", []byte(f.Host))
	}
	if len(f.Outcomes) > 0 {
		var numbers []int16
		for _, o := range f.Outcomes {
			numbers = append(numbers, int16(o))
		}
		add("outcome = ANY ($%d)", numbers)
	}
	return where + ")", args
}

func scanSession(row pgx.CollectableRow) (s record.Session, err error) {
	var name, principal []byte
	var first, last int64
	err = row.Scan(&name, &principal, &first, &last, &s.Exchanges, &s.Refused)
	s.ID, s.Principal = string(name), string(principal)
	s.First, s.Last = time.UnixMicro(first).UTC(), time.UnixMicro(last).UTC()
	return s, err
}

// Exchange implements record.Index.
func (d *DB) Exchange(ctx context.Context, id string) (record.Exchange, error) {
	xs, err := d.exchanges(ctx, `decision.exchange = $2`, 1, []byte(id))
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
