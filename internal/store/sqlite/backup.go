package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"cloakroom/internal/record"
)

// ErrOpen means that another process has the database open.
var ErrOpen = errors.New("another process has it open")

// Backup writes the database in the file from, as it is at one moment, to a new
// file (0600). Others may write meanwhile, and its version does not matter. An
// existing file is fs.ErrExist.
func Backup(ctx context.Context, from, to string) (err error) {
	if _, err := os.Stat(from); err != nil {
		return fmt.Errorf("backing up database: %w", err)
	}
	f, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("backing up database: %w", err)
	}
	defer func() {
		if err = errors.Join(err, f.Close()); err != nil {
			os.Remove(to)
		}
	}()
	abs, err := filepath.Abs(to)
	if err != nil {
		return fmt.Errorf("backing up database: %w", err)
	}
	db := connect(from, 1)
	defer db.Close()
	if _, err := db.ExecContext(ctx, "VACUUM INTO ?", abs); err != nil {
		return fmt.Errorf("backing up database %q: %w", from, err)
	}
	if err := errors.Join(verify(ctx, to), f.Sync(), syncFolder(to)); err != nil {
		return fmt.Errorf("backing up database %q: %w", from, err)
	}
	return nil
}

// Restore puts a copy of the backup in the place of the database in the file to,
// which no process may have open (ErrOpen). Before that, prepare is given the
// copy, whole and brought to this program's version; its error leaves all as it
// was. What stood there is moved aside; kept is its new name, empty if there was
// nothing.
func Restore(ctx context.Context, backup, to string, prepare func(*DB) error) (kept string, err error) {
	next := to + ".restoring"
	defer remove(next)
	if err := copyFile(backup, next); err != nil {
		return "", fmt.Errorf("restoring database: %w", err)
	}
	if err := verify(ctx, next); err != nil {
		return "", fmt.Errorf("restoring database %q: %w", backup, err)
	}
	d, err := Open(ctx, next)
	if err != nil {
		return "", fmt.Errorf("restoring database %q: %w", backup, errors.Unwrap(err))
	}
	if err := errors.Join(prepare(d), d.Close()); err != nil {
		return "", err
	}
	if kept, err = setAside(ctx, to); err != nil {
		return "", fmt.Errorf("restoring database %q: %w", to, err)
	}
	if err := errors.Join(os.Rename(next, to), syncFolder(to)); err != nil {
		return kept, fmt.Errorf("restoring database: %w", err)
	}
	return kept, nil
}

// verify reads a database through.
func verify(ctx context.Context, path string) error {
	db := connect(path, 1)
	defer db.Close()
	var said string
	if err := db.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&said); err != nil {
		return fmt.Errorf("reading it through: %w", err)
	}
	if said != "ok" {
		return fmt.Errorf("reading it through: %s", said)
	}
	if v, err := version(ctx, db); err != nil || v == 0 {
		return errors.Join(errors.New("it is no store of cloakroom's"), err)
	}
	return nil
}

// copyFile copies a database that nobody has open to a new file.
func copyFile(from, to string) error {
	if info, err := os.Stat(from + "-wal"); err == nil && info.Size() > 0 {
		return fmt.Errorf("%q is in use, and no backup: its latest changes stand beside it", from)
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	remove(to) // of a restore that was killed
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, record.OfFolder(out), out.Sync(), out.Close())
}

// setAside gives a database another name, in which it is whole.
func setAside(ctx context.Context, path string) (kept string, err error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	// Leaving WAL takes the database for oneself, and leaves one file.
	db := connect(path, 1, "busy_timeout(100)")
	defer db.Close()
	var mode string
	err = db.QueryRowContext(ctx, "PRAGMA journal_mode = DELETE").Scan(&mode)
	var refusal *sqlite.Error
	if errors.As(err, &refusal) && refusal.Code()&0xff == sqlite3.SQLITE_BUSY {
		return "", ErrOpen
	}
	kept = path + "." + time.Now().UTC().Format("20060102T150405.000Z")
	for _, suffix := range []string{"-wal", "-shm"} { // of one that is broken
		if err := os.Rename(path+suffix, kept+suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
	}
	return kept, os.Rename(path, kept)
}

func remove(path string) {
	for _, suffix := range []string{"", "-wal", "-shm", "-journal"} {
		os.Remove(path + suffix)
	}
}

func syncFolder(path string) error {
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
