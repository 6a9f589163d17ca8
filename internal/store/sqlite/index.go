package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"cloakroom/internal/record"
)

var _ record.Index = (*DB)(nil)

// Applied implements record.Index.
func (d *DB) Applied(ctx context.Context) (record.Position, error) {
	return applied(ctx, d.reads)
}

func applied(ctx context.Context, q querier) (p record.Position, err error) {
	var hash []byte
	err = q.QueryRowContext(ctx, "SELECT seq, hash FROM applied").Scan(&p.Seq, &hash)
	if err == nil && copy(p.Hash[:], hash) != len(p.Hash) {
		err = fmt.Errorf("a hash of %d bytes", len(hash))
	}
	if err != nil {
		return p, fmt.Errorf("asking how far the index is: %w", err)
	}
	return p, nil
}

// Apply implements record.Index.
func (d *DB) Apply(ctx context.Context, lines []record.Line) error {
	err := d.write(ctx, d.index, func(tx *sql.Tx) error {
		at, err := applied(ctx, tx)
		if err != nil {
			return err
		}
		for len(lines) > 0 && lines[0].Seq <= at.Seq {
			lines = lines[1:]
		}
		if len(lines) == 0 {
			return nil
		}
		if lines[0].Seq != at.Seq+1 || lines[0].Prev != at.Hash {
			return fmt.Errorf("entry %d does not follow entry %d", lines[0].Seq, at.Seq)
		}
		last := lines[len(lines)-1].Position()
		if err := newApplier(ctx, tx).all(lines); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "UPDATE applied SET seq = ?, hash = ?", last.Seq, last.Hash[:])
		return err
	})
	if err != nil {
		return fmt.Errorf("indexing the log: %w", err)
	}
	return nil
}

// Reset implements record.Index.
func (d *DB) Reset(ctx context.Context) error {
	err := d.write(ctx, d.index, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM decision; DELETE FROM finish; DELETE FROM touch; DELETE FROM session;
			UPDATE applied SET seq = 0, hash = zeroblob(32)`)
		return err
	})
	if err != nil {
		return fmt.Errorf("emptying the index: %w", err)
	}
	return nil
}

// applier applies one batch. What sessions gain is summed up first, so that
// each takes one write.
type applier struct {
	ctx      context.Context
	tx       *sql.Tx
	sessions map[sessionKey]*gain
}

type sessionKey struct{ principal, name string }

// gain is what a session gains by a batch.
type gain struct {
	key                int64
	first, last        int64
	exchanges, refused int
	touched            map[record.Touch]*span
}

// span is from the first to the last exchange, in microseconds since 1970.
type span struct{ first, last int64 }

func newApplier(ctx context.Context, tx *sql.Tx) *applier {
	return &applier{ctx, tx, make(map[sessionKey]*gain)}
}

func (a *applier) all(lines []record.Line) error {
	decide, err := a.tx.PrepareContext(a.ctx, "INSERT INTO decision (seq, session, exchange, refused, line) VALUES (?,?,?,?,?)")
	if err != nil {
		return err
	}
	defer decide.Close()
	finish, err := a.tx.PrepareContext(a.ctx, "INSERT OR IGNORE INTO finish (exchange, seq, line) VALUES (?,?,?)")
	if err != nil {
		return err
	}
	defer finish.Close()
	for _, l := range lines {
		x, err := l.Digest()
		if err != nil {
			return err
		}
		switch {
		case x.Decision != nil:
			g, err := a.gain(x)
			if err == nil {
				_, err = decide.ExecContext(a.ctx, int64(l.Seq), g.key, x.Decision.Exchange, x.Decision.Refused(), l.Raw)
			}
			if err != nil {
				return fmt.Errorf("entry %d: %w", l.Seq, err)
			}
		case x.End != nil:
			if _, err := finish.ExecContext(a.ctx, x.End.Exchange, int64(l.Seq), l.Raw); err != nil {
				return fmt.Errorf("entry %d: %w", l.Seq, err)
			}
		}
	}
	return a.flush()
}

// gain adds a decision to its session's gain.
func (a *applier) gain(x record.Digest) (*gain, error) {
	k, at := sessionKey{x.Decision.Principal(), x.Decision.Session}, x.Time.UnixMicro()
	g := a.sessions[k]
	if g == nil {
		g = &gain{first: at, last: at, touched: map[record.Touch]*span{}}
		err := a.tx.QueryRowContext(a.ctx, `INSERT INTO session (principal, name, first, last, exchanges, refused)
			VALUES (?,?,?,?,0,0) ON CONFLICT DO UPDATE SET last = last RETURNING key`,
			k.principal, k.name, at, at).Scan(&g.key)
		if err != nil {
			return nil, err
		}
		a.sessions[k] = g
	}
	g.first, g.last = min(g.first, at), max(g.last, at)
	g.exchanges++
	if x.Decision.Refused() {
		g.refused++
	}
	for _, k := range x.Decision.Touches() {
		g.touch(k, at)
	}
	return g, nil
}

func (g *gain) touch(k record.Touch, at int64) {
	s := g.touched[k]
	if s == nil {
		s = &span{at, at}
		g.touched[k] = s
	}
	s.first, s.last = min(s.first, at), max(s.last, at)
}

// flush writes the gains.
func (a *applier) flush() error {
	for _, g := range a.sessions {
		_, err := a.tx.ExecContext(a.ctx, `UPDATE session SET first = min(first, ?), last = max(last, ?),
			exchanges = exchanges + ?, refused = refused + ? WHERE key = ?`,
			g.first, g.last, g.exchanges, g.refused, g.key)
		if err != nil {
			return err
		}
		for k, s := range g.touched {
			_, err := a.tx.ExecContext(a.ctx, `INSERT INTO touch (session, credential, host, outcome, first, last) VALUES (?,?,?,?,?,?)
				ON CONFLICT DO UPDATE SET first = min(first, excluded.first), last = max(last, excluded.last)`,
				g.key, k.Credential, k.Host, int(k.Outcome), s.first, s.last)
			if err != nil {
				return err
			}
		}
	}
	return nil
}
