package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cloakroom/internal/lease"
	"cloakroom/internal/store/sqlite"
)

// row is a lease's row with this id.
func row(id string) lease.Row {
	now := time.Now()
	return lease.Seal([32]byte{1}, lease.Lease{ID: id, Principal: "i#s", Credential: id, State: lease.Active, Created: now, Ends: now.Add(time.Hour)}, 0)
}

func ids(t *testing.T, path string) (all []string) {
	t.Helper()
	db, err := sqlite.OpenReader(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, _, err := db.Unended(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		all = append(all, r.ID)
	}
	slices.Sort(all)
	return all
}

func made(t *testing.T, path string, leases ...string) string {
	t.Helper()
	db, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, id := range leases {
		if _, err := db.Insert(t.Context(), row(id), 0); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

func keep(*sqlite.DB) error { return nil }

// TestBackupWhileOthersWrite: each copy is the database at one moment, so that it
// holds the first so many of the leases that are written meanwhile.
func TestBackupWhileOthersWrite(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.db")
	db, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	ctx, stop := context.WithCancel(t.Context())
	written := make(chan int)
	go func() {
		n := 0
		for ; ctx.Err() == nil; n++ {
			if _, err := db.Insert(context.WithoutCancel(ctx), row(fmt.Sprintf("%08d", n)), 0); err != nil {
				t.Error(err)
				break
			}
		}
		written <- n
	}()
	before := 0
	for i := range 5 {
		copied := filepath.Join(dir, fmt.Sprint(i))
		if err := sqlite.Backup(t.Context(), path, copied); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(copied)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Fatal(info, err)
		}
		all := ids(t, copied)
		if len(all) < before || len(all) > 0 && all[len(all)-1] != fmt.Sprintf("%08d", len(all)-1) {
			t.Errorf("copy %d has %d leases, the last is %q; the copy before had %d", i, len(all), all[len(all)-1], before)
		}
		before = len(all)
	}
	stop()
	if n := <-written; before == 0 || before > n {
		t.Errorf("%d leases in the last copy, %d were written", before, n)
	}
	if err := sqlite.Backup(t.Context(), path, filepath.Join(dir, "0")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over an older copy: %v", err)
	}
}

func TestBackupOfNothing(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte(strings.Repeat("no database\n", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, from := range []string{filepath.Join(dir, "none"), text} {
		to := filepath.Join(dir, "copy")
		if err := sqlite.Backup(t.Context(), from, to); err == nil {
			t.Errorf("%s: no error", from)
		}
		if _, err := os.Stat(to); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: a file is left behind: %v", from, err)
		}
	}
}

func TestRestore(t *testing.T) {
	dir := t.TempDir()
	live := made(t, filepath.Join(dir, "live.db"), "a", "b")
	backup := filepath.Join(dir, "backup")
	if err := sqlite.Backup(t.Context(), live, backup); err != nil {
		t.Fatal(err)
	}
	made(t, live, "c")
	kept, err := sqlite.Restore(t.Context(), backup, live, func(db *sqlite.DB) error {
		_, err := db.Insert(t.Context(), row("d"), 0)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := ids(t, live); !slices.Equal(got, []string{"a", "b", "d"}) {
		t.Errorf("restored: %v", got)
	}
	if got := ids(t, kept); !slices.Equal(got, []string{"a", "b", "c"}) {
		t.Errorf("kept aside: %v", got)
	}
	if got := ids(t, backup); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("the backup: %v", got)
	}
	fresh := filepath.Join(dir, "fresh.db")
	if kept, err := sqlite.Restore(t.Context(), backup, fresh, keep); err != nil || kept != "" || len(ids(t, fresh)) != 2 {
		t.Errorf("where nothing was: %q, %v", kept, err)
	}
}

// TestRestoreRefuses: what cannot be restored leaves all as it was.
func TestRestoreRefuses(t *testing.T) {
	dir := t.TempDir()
	live := made(t, filepath.Join(dir, "live.db"), "a")
	good := filepath.Join(dir, "good")
	if err := sqlite.Backup(t.Context(), live, good); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	file := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	newer := slices.Clone(whole)
	newer[63] = 99 // PRAGMA user_version, big endian at offset 60
	other := slices.Clone(whole)
	other[63] = 0
	broken := slices.Clone(whole)
	copy(broken[4096:], strings.Repeat("x", 8192))
	inUse := file("in-use", whole)
	file("in-use-wal", []byte("x"))
	declined := errors.New("declined")
	for _, tt := range []struct {
		name, backup string
		prepare      func(*sqlite.DB) error
		want         string
	}{
		{"no file", filepath.Join(dir, "none"), keep, "no such file"},
		{"cut short", file("short", whole[:len(whole)/2]), keep, "reading it through"},
		{"broken", file("broken", broken), keep, "reading it through"},
		{"no database", file("text", []byte(strings.Repeat("text\n", 1000))), keep, "not a database"},
		{"another program's", file("other", other), keep, "no store of cloakroom's"},
		{"a newer program's", file("newer", newer), keep, "newer than this program's"},
		{"in use", inUse, keep, "no backup"},
		{"declined", good, func(*sqlite.DB) error { return declined }, "declined"},
	} {
		kept, err := sqlite.Restore(t.Context(), tt.backup, live, tt.prepare)
		if err == nil || kept != "" || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %q, %v; want %q", tt.name, kept, err, tt.want)
		}
		if got := ids(t, live); !slices.Equal(got, []string{"a"}) {
			t.Errorf("%s: the store has now %v", tt.name, got)
		}
	}
	if left, err := filepath.Glob(live + "*restoring*"); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	db, err := sqlite.Open(t.Context(), live)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := sqlite.Restore(t.Context(), good, live, keep); !errors.Is(err, sqlite.ErrOpen) {
		t.Errorf("while it is open: %v", err)
	}
	if _, err := db.Insert(t.Context(), row("b"), 0); err != nil {
		t.Errorf("writing after a restore was refused: %v", err)
	}
}
