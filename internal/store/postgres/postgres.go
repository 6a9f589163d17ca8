// Package postgres keeps state in a PostgreSQL database that many replicas
// share: leases (lease.Store), and the index of their logs (record.Index).
//
// It promises that a write that returned is on disk where a lease is concerned,
// whatever the server's default; that a replica which has seen a change number
// has seen every lease behind a smaller one; and that every call ends with its
// context, and the first one after an outage finds the server again. What is
// counted, and the index, may lose its last second in a crash: the index finds
// it again in the log. Everything stands in the schema "cloakroom". Whatever a
// caller sent is kept as BYTEA: TEXT has no U+0000, and must be valid.
//
// The package judges nothing: what is in a row is for its callers to believe.
// It makes no backups, which pg_dump and pg_restore do. It needs a connection of
// its own to the primary (LISTEN): a pooler that shares sessions is in the way.
package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"
)

// DB is an open database. It implements lease.Store and record.Index, and is
// safe for concurrent use.
type DB struct {
	pool *pgxpool.Pool
	log  string
}

// Open opens the database at url ("postgres://user:password@host/database?…",
// as libpq has it), and brings its schema forward. A schema newer than this
// program is an error. log is the record.ID of the log that the index is to
// follow. No error holds the url.
func Open(ctx context.Context, url, log string) (*DB, error) {
	if log == "" {
		return nil, fmt.Errorf("opening the PostgreSQL database: the id of a log is required")
	}
	d, err := connect(ctx, url, log, "off")
	if err != nil {
		return nil, err
	}
	if err := d.migrate(ctx); err != nil {
		d.Close()
		return nil, fmt.Errorf("opening the PostgreSQL database: %w", err)
	}
	return d, nil
}

// OpenReader opens a database for listing; writes fail. It changes no schema:
// one older or newer than this program's is an error.
func OpenReader(ctx context.Context, url string) (*DB, error) {
	d, err := connect(ctx, url, "", "on")
	if err != nil {
		return nil, err
	}
	v, err := version(ctx, d.pool)
	if err == nil && v != len(migrations) {
		err = versionError(v)
	}
	if err != nil {
		d.Close()
		return nil, fmt.Errorf("opening the PostgreSQL database: %w", err)
	}
	return d, nil
}

// connect makes the pool. It opens no connection yet.
func connect(ctx context.Context, url, log, readOnly string) (*DB, error) {
	c, err := configure(url)
	if err != nil {
		return nil, fmt.Errorf("opening the PostgreSQL database: %w", err)
	}
	c.ConnConfig.RuntimeParams["default_transaction_read_only"] = readOnly
	pool, err := pgxpool.NewWithConfig(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("opening the PostgreSQL database: %w", err)
	}
	return &DB{pool: pool, log: log}, nil
}

// Close closes the database.
func (d *DB) Close() error {
	d.pool.Close()
	return nil
}
