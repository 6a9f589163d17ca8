package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"cloakroom/internal/record"
)

var _ record.Index = (*DB)(nil)

// Applied implements record.Index.
func (d *DB) Applied(ctx context.Context) (record.Position, error) {
	var seq int64
	var hash []byte
	err := d.pool.QueryRow(ctx, "SELECT seq, hash FROM log WHERE id = $1", d.log).Scan(&seq, &hash)
	if errors.Is(err, pgx.ErrNoRows) {
		return record.Position{}, nil
	}
	p, err := position(seq, hash, err)
	if err != nil {
		return record.Position{}, fmt.Errorf("asking how far the index is: %w", err)
	}
	return p, nil
}

func position(seq int64, hash []byte, err error) (p record.Position, _ error) {
	if err == nil && copy(p.Hash[:], hash) != len(p.Hash) {
		err = fmt.Errorf("a hash of %d bytes", len(hash))
	}
	p.Seq = uint64(seq)
	return p, err
}

// Apply implements record.Index.
func (d *DB) Apply(ctx context.Context, lines []record.Line) error {
	err := d.indexed(ctx, func(tx pgx.Tx, log int32, at record.Position) error {
		for len(lines) > 0 && lines[0].Seq <= at.Seq {
			lines = lines[1:]
		}
		if len(lines) == 0 {
			return nil
		}
		if lines[0].Seq != at.Seq+1 || lines[0].Prev != at.Hash {
			return fmt.Errorf("entry %d does not follow entry %d", lines[0].Seq, at.Seq)
		}
		b, err := gather(lines)
		if err != nil {
			return err
		}
		return b.write(ctx, tx, log)
	})
	if err != nil {
		return fmt.Errorf("indexing the log: %w", err)
	}
	return nil
}

// Reset implements record.Index.
func (d *DB) Reset(ctx context.Context) error {
	err := d.indexed(ctx, func(tx pgx.Tx, log int32, _ record.Position) error {
		b := &pgx.Batch{}
		b.Queue("SET LOCAL statement_timeout = 0")
		b.Queue("DELETE FROM touch USING session WHERE touch.session = session.key AND session.log = $1", log)
		for _, table := range []string{"decision", "finish", "session"} {
			b.Queue("DELETE FROM "+table+" WHERE log = $1", log)
		}
		b.Queue("UPDATE log SET seq = 0, hash = $2 WHERE key = $1", log, make([]byte, len(record.Hash{})))
		return tx.SendBatch(ctx, b).Close()
	})
	if err != nil {
		return fmt.Errorf("emptying the index: %w", err)
	}
	return nil
}

// indexed runs f in a transaction that has our log to itself, with its key and
// how far it is applied. What it commits may be lost in a crash.
func (d *DB) indexed(ctx context.Context, f func(tx pgx.Tx, log int32, at record.Position) error) error {
	return pgx.BeginFunc(ctx, d.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SET LOCAL synchronous_commit = off"); err != nil {
			return err
		}
		var log int32
		var seq int64
		var hash []byte
		err := tx.QueryRow(ctx, `INSERT INTO log (id, seq, hash) VALUES ($1, 0, $2)
			ON CONFLICT (id) DO UPDATE SET seq = log.seq RETURNING key, seq, hash`,
			d.log, make([]byte, len(record.Hash{}))).Scan(&log, &seq, &hash)
		at, err := position(seq, hash, err)
		if err != nil {
			return err
		}
		return f(tx, log, at)
	})
}
