package sqlite_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"cloakroom/internal/store/sqlite"
)

// A database that root restores and writes in the folder of a service is that
// service's, with all that SQLite keeps beside it.
func TestADatabaseBelongsToItsFolder(t *testing.T) {
	backup := made(t, filepath.Join(t.TempDir(), "backup.db"), "a")
	dir := t.TempDir()
	if os.Geteuid() == 0 {
		if err := os.Chown(dir, 65534, 65534); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, "a.db")
	if _, err := sqlite.Restore(t.Context(), backup, path, keep); err != nil {
		t.Fatal(err)
	}
	db, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Insert(t.Context(), row("b"), 0); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", "a.db", "a.db-wal", "a.db-shm"} {
		if got, want := owner(t, filepath.Join(dir, name)), owner(t, dir); got != want {
			t.Errorf("%q is user %d's, and the folder is user %d's", name, got, want)
		}
	}
}

func owner(t *testing.T, path string) uint32 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t).Uid
}
