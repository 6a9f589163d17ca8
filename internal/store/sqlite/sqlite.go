// Package sqlite keeps state in one SQLite file: leases (lease.Store), and the
// index of the log (record.Index).
//
// It promises that a write that returned is on disk where a lease is
// concerned; the index may lose its last transactions in a crash, and finds
// them again in the log. Several processes may have the file open. The package
// judges nothing: what is in a row is for its callers to believe.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// DB is an open database. It implements lease.Store and record.Index, and is
// safe for concurrent use.
type DB struct {
	path string
	// One connection each: SQLite has one writer at a time. The index has its
	// own because it need not be synced (it can be made anew).
	leases, index *sql.DB
	reads         *sql.DB
	writing       sync.Mutex // so that our own writers do not poll for each other
	few           int        // see DB.in
}

const few = 10_000

// Open opens the database in the file path, makes it (0600) if there is none,
// and brings its schema forward. A schema newer than this program is an error.
func Open(ctx context.Context, path string) (*DB, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening database: %w", err)
	}
	if err := errors.Join(ownOnly(f), f.Close()); err != nil {
		return nil, err
	}
	d := &DB{path: path, few: few,
		leases: connect(path, 1, "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)"),
		index:  connect(path, 1, "journal_mode(WAL)", "synchronous(NORMAL)", "foreign_keys(1)"),
		reads:  connect(path, 4, "query_only(1)"),
	}
	if err := d.migrate(ctx); err != nil {
		d.Close()
		return nil, fmt.Errorf("opening database %q: %w", path, err)
	}
	return d, nil
}

// OpenReader opens an existing database for listing; writes fail. It changes
// no schema: one older or newer than this program's is an error.
func OpenReader(ctx context.Context, path string) (*DB, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("opening database: %w", err)
	}
	reads := connect(path, 4, "query_only(1)")
	d := &DB{path: path, few: few, leases: reads, index: reads, reads: reads}
	v, err := version(ctx, reads)
	if err == nil && v != len(migrations) {
		err = versionError(v)
	}
	if err != nil {
		d.Close()
		return nil, fmt.Errorf("opening database %q: %w", path, err)
	}
	return d, nil
}

// ownOnly refuses a file that others may read: it names who asked for what.
func ownOnly(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("opening database: %w", err)
	}
	if perm := info.Mode().Perm(); perm&0o077 != 0 {
		return fmt.Errorf("opening database %q: others may read it (mode %04o); chmod 600 it", f.Name(), perm)
	}
	return nil
}

// connect makes a pool of at most n connections. It opens none yet.
func connect(path string, n int, pragmas ...string) *sql.DB {
	abs, err := filepath.Abs(path)
	if err != nil {
		abs = path
	}
	q := url.Values{"_pragma": append([]string{"busy_timeout(5000)"}, pragmas...), "_txlock": {"immediate"}}
	u := url.URL{Scheme: "file", Path: abs, RawQuery: q.Encode()}
	db, err := sql.Open("sqlite", u.String())
	if err != nil {
		panic(err) // the driver is registered above
	}
	db.SetMaxOpenConns(n)
	db.SetMaxIdleConns(n)
	return db
}

// Close closes the database.
func (d *DB) Close() error {
	return errors.Join(d.leases.Close(), d.index.Close(), d.reads.Close())
}

// write runs f in a transaction on one of the writers' connections.
func (d *DB) write(ctx context.Context, db *sql.DB, f func(*sql.Tx) error) error {
	d.writing.Lock()
	defer d.writing.Unlock()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("writing database %q: %w", d.path, err)
	}
	defer tx.Rollback() // of no effect after the commit
	if err := f(tx); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("writing database %q: %w", d.path, err)
	}
	return nil
}
