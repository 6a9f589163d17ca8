// Package sqlite keeps state in one SQLite file: leases (lease.Store), and the
// index of the log (record.Index).
//
// It promises that a write that returned is on disk where a lease is
// concerned; the index may lose its last transactions in a crash, and finds
// them again in the log. Several processes may have the file open. The package
// judges nothing: what is in a row is for its callers to believe.
package sqlite

import "context"

// DB is an open database. It implements lease.Store and record.Index, and is
// safe for concurrent use.
type DB struct{}

// Open opens the database in the file path, makes it (0600) if there is none,
// and brings its schema forward. A schema newer than this program is an error.
func Open(ctx context.Context, path string) (*DB, error) { panic("not yet") }

// OpenReader opens an existing database for listing; writes fail. It changes
// no schema: one older or newer than this program's is an error.
func OpenReader(ctx context.Context, path string) (*DB, error) { panic("not yet") }

// Close closes the database.
func (d *DB) Close() error { panic("not yet") }
