package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"cloakroom/internal/record"
)

// batch is what lines mean for the index.
type batch struct {
	last      record.Position
	sessions  map[sessionKey]*gain
	decisions []decided
	ends      struct{ exchanges, lines [][]byte }
}

type sessionKey struct{ principal, name string }

// gain is what a session gains by a batch.
type gain struct {
	key                int64 // once it is written
	first, last        int64
	exchanges, refused int64
	touched            map[record.Touch]*span
}

// span is from the first to the last exchange, in microseconds since 1970.
type span struct{ first, last int64 }

type decided struct {
	session  *gain
	seq, at  int64
	exchange []byte
	refused  bool
	line     []byte
}

// gather sums lines up; there is at least one.
func gather(lines []record.Line) (*batch, error) {
	b := &batch{last: lines[len(lines)-1].Position(), sessions: map[sessionKey]*gain{}}
	for _, l := range lines {
		x, err := l.Digest()
		if err != nil {
			return nil, err
		}
		switch {
		case x.Decision != nil:
			at := x.Time.UnixMicro()
			b.decisions = append(b.decisions, decided{session: b.gain(x.Decision, at), seq: int64(l.Seq), at: at, refused: x.Decision.Refused(),
				exchange: []byte(x.Decision.Exchange), line: l.Raw})
		case x.End != nil:
			b.ends.exchanges = append(b.ends.exchanges, []byte(x.End.Exchange))
			b.ends.lines = append(b.ends.lines, l.Raw)
		}
	}
	return b, nil
}

// gain adds a decision to its session's gain.
func (b *batch) gain(x *record.DecisionDigest, at int64) *gain {
	k := sessionKey{x.Principal(), x.Session}
	g := b.sessions[k]
	if g == nil {
		g = &gain{first: at, last: at, touched: map[record.Touch]*span{}}
		b.sessions[k] = g
	}
	g.first, g.last = min(g.first, at), max(g.last, at)
	g.exchanges++
	if x.Refused() {
		g.refused++
	}
	for _, k := range x.Touches() {
		g.touch(k, at)
	}
	return g
}

func (g *gain) touch(k record.Touch, at int64) {
	s := g.touched[k]
	if s == nil {
		s = &span{at, at}
		g.touched[k] = s
	}
	s.first, s.last = min(s.first, at), max(s.last, at)
}

func (b *batch) write(ctx context.Context, tx pgx.Tx, log int32) error {
	if err := b.writeSessions(ctx, tx, log); err != nil {
		return fmt.Errorf("sessions: %w", err)
	}
	if err := b.writeTouched(ctx, tx); err != nil {
		return fmt.Errorf("what they were about: %w", err)
	}
	_, err := tx.CopyFrom(ctx, pgx.Identifier{"decision"}, []string{"log", "seq", "session", "at", "exchange", "refused", "line"},
		pgx.CopyFromSlice(len(b.decisions), func(i int) ([]any, error) {
			x := b.decisions[i]
			return []any{log, x.seq, x.session.key, x.at, x.exchange, x.refused, x.line}, nil
		}))
	if err != nil {
		return fmt.Errorf("decisions: %w", err)
	}
	_, err = tx.Exec(ctx, `INSERT INTO finish (log, exchange, line)
		SELECT $1, * FROM unnest($2::bytea[], $3::bytea[]) ON CONFLICT DO NOTHING`, log, b.ends.exchanges, b.ends.lines)
	if err != nil {
		return fmt.Errorf("ends: %w", err)
	}
	_, err = tx.Exec(ctx, "UPDATE log SET seq = $2, hash = $3 WHERE key = $1", log, int64(b.last.Seq), b.last.Hash[:])
	return err
}

// writeSessions writes the gains, and learns their keys.
func (b *batch) writeSessions(ctx context.Context, tx pgx.Tx, log int32) error {
	var principals, names [][]byte
	var firsts, lasts, exchanges, refused []int64
	for k, g := range b.sessions {
		principals, names = append(principals, []byte(k.principal)), append(names, []byte(k.name))
		firsts, lasts = append(firsts, g.first), append(lasts, g.last)
		exchanges, refused = append(exchanges, g.exchanges), append(refused, g.refused)
	}
	rows, err := tx.Query(ctx, `INSERT INTO session (log, principal, name, first, last, exchanges, refused)
		SELECT $1, * FROM unnest($2::bytea[], $3::bytea[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[])
		ON CONFLICT (name, principal, log) DO UPDATE SET
			first = least(session.first, excluded.first), last = greatest(session.last, excluded.last),
			exchanges = session.exchanges + excluded.exchanges, refused = session.refused + excluded.refused
		RETURNING principal, name, key`, log, principals, names, firsts, lasts, exchanges, refused)
	if err != nil {
		return err
	}
	var principal, name []byte
	var key int64
	_, err = pgx.ForEachRow(rows, []any{&principal, &name, &key}, func() error {
		b.sessions[sessionKey{string(principal), string(name)}].key = key
		return nil
	})
	return err
}

// writeTouched writes what the sessions' exchanges were about; their keys are known.
func (b *batch) writeTouched(ctx context.Context, tx pgx.Tx) error {
	var sessions, firsts, lasts []int64
	var credentials, hosts [][]byte
	var outcomes []int16
	for _, g := range b.sessions {
		for k, s := range g.touched {
			sessions, firsts, lasts = append(sessions, g.key), append(firsts, s.first), append(lasts, s.last)
			credentials, hosts, outcomes = append(credentials, []byte(k.Credential)), append(hosts, []byte(k.Host)), append(outcomes, int16(k.Outcome))
		}
	}
	_, err := tx.Exec(ctx, `INSERT INTO touch (session, credential, host, outcome, first, last)
		SELECT * FROM unnest($1::bigint[], $2::bytea[], $3::bytea[], $4::smallint[], $5::bigint[], $6::bigint[])
		ON CONFLICT (session, credential, host, outcome) DO UPDATE SET
			first = least(touch.first, excluded.first), last = greatest(touch.last, excluded.last)`,
		sessions, credentials, hosts, outcomes, firsts, lasts)
	return err
}
