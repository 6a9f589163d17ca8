package sqlite

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"cloakroom/internal/lease"
	"cloakroom/internal/lease/leasetest"
	"cloakroom/internal/record"
	"cloakroom/internal/record/recordtest"
)

func open(t testing.TB) *DB {
	t.Helper()
	return openAt(t, filepath.Join(t.TempDir(), "cloakroom.db"))
}

func openAt(t testing.TB, path string) *DB {
	t.Helper()
	d, err := Open(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func TestLeases(t *testing.T) {
	leasetest.TestStore(t, func(t *testing.T) lease.Store { return open(t) })
}

func TestMachine(t *testing.T) {
	leasetest.TestMachine(t, 200, func(t *testing.T) lease.Store { return open(t) })
}

func TestActs(t *testing.T) {
	recordtest.TestActs(t, func(t *testing.T) record.Acts { return open(t) })
}

func TestIndexOfMany(t *testing.T) {
	recordtest.TestIndex(t, func(t *testing.T) record.Index {
		d := open(t)
		d.few = 0
		return d
	})
}

func TestIndex(t *testing.T) {
	recordtest.TestIndex(t, func(t *testing.T) record.Index { return open(t) })
}

func TestSnapshot(t *testing.T) {
	recordtest.TestSnapshot(t, "", func(t *testing.T) recordtest.Shown { return open(t) })
}

func TestFilesAreOursAlone(t *testing.T) {
	d := open(t)
	if err := d.Mark(t.Context(), leasetest.Epoch); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(d.path + "*")
	if err != nil || len(files) < 2 {
		t.Fatalf("got %q, %v; want the database and its log", files, err)
	}
	for _, f := range files {
		info, err := os.Stat(f)
		if err != nil {
			t.Fatal(err)
		}
		if perm := info.Mode().Perm(); perm != 0o600 {
			t.Errorf("%s has mode %04o", filepath.Base(f), perm)
		}
	}
}

func TestRefusesAFileThatOthersRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cloakroom.db")
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), path); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("got %v", err)
	}
}

func TestVersions(t *testing.T) {
	for _, c := range []struct {
		name       string
		version    string
		opens      bool
		reads      bool
		complaints string
	}{
		{"this program's", strconv.Itoa(len(migrations)), true, true, ""},
		{"newer", "99", false, false, "newer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := openAt(t, filepath.Join(t.TempDir(), "x.db")).path
			db, err := sql.Open("sqlite", path)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if _, err := db.Exec("PRAGMA user_version = " + c.version); err != nil {
				t.Fatal(err)
			}
			for _, how := range []struct {
				open func(context.Context, string) (*DB, error)
				ok   bool
			}{{Open, c.opens}, {OpenReader, c.reads}} {
				d, err := how.open(t.Context(), path)
				if (err == nil) != how.ok || err != nil && !strings.Contains(err.Error(), c.complaints) {
					t.Errorf("got %v", err)
				}
				if err == nil {
					d.Close()
				}
			}
		})
	}
}

// TestComesForward opens a database of every version that there was.
func TestComesForward(t *testing.T) {
	for v := range migrations {
		path := filepath.Join(t.TempDir(), "old.db")
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		db, err := sql.Open("sqlite", path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range append(slices.Clone(migrations[:v]), "PRAGMA user_version = "+strconv.Itoa(v)) {
			if _, err := db.Exec(m); err != nil {
				t.Fatal(err)
			}
		}
		db.Close()
		d := openAt(t, path)
		if _, _, err := d.Unended(t.Context()); err != nil {
			t.Errorf("from version %d: %v", v, err)
		}
	}
}

func TestReaderMakesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "empty.db")
	if _, err := OpenReader(t.Context(), path); err == nil {
		t.Error("a reader opened a database that is not there")
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenReader(t.Context(), path); err == nil || !strings.Contains(err.Error(), "start the service") {
		t.Errorf("an older database: got %v", err)
	}
}

func TestReaderSeesWhatIsWritten(t *testing.T) {
	d := open(t)
	r, err := OpenReader(t.Context(), d.path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	l, err := lease.Open(lease.Ask{Principal: leasetest.Alice, Credential: "c", Terms: lease.Terms{Length: 1e9}}, leasetest.Epoch)
	if err != nil {
		t.Fatal(err)
	}
	row := lease.Seal([32]byte{1}, l, 0)
	if _, err := d.Insert(t.Context(), row, 0); err != nil {
		t.Fatal(err)
	}
	rows, err := r.List(t.Context(), lease.Filter{})
	if err != nil || len(rows) != 1 || rows[0].MAC != row.MAC {
		t.Errorf("got %+v, %v", rows, err)
	}
	if err := r.Mark(t.Context(), leasetest.Epoch); err == nil {
		t.Error("a reader wrote")
	}
	if err := r.Reset(t.Context()); err == nil {
		t.Error("a reader emptied the index")
	}
}

func TestTwoWriters(t *testing.T) {
	a := open(t)
	b := openAt(t, a.path)
	errs := make(chan error, 2)
	for i, d := range []*DB{a, b} {
		go func() {
			var err error
			for n := range 20 {
				l, _ := lease.Open(lease.Ask{Principal: leasetest.Alice, Credential: "c",
					Ticket: [32]byte{1, byte(i), byte(n)}, Terms: lease.Terms{Length: 1e9}}, leasetest.Epoch)
				if _, err = d.Insert(context.Background(), lease.Seal([32]byte{1}, l, 0), 0); err != nil {
					break
				}
			}
			errs <- err
		}()
	}
	for range 2 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	rows, change, err := a.Unended(t.Context())
	if err != nil || len(rows) != 40 || change != 40 {
		t.Errorf("got %d rows, change %d, %v", len(rows), change, err)
	}
}

// A batch of the index and a lease wait for each other in turn; nothing is
// lost when the process opens the database anew.
func TestReopens(t *testing.T) {
	d := open(t)
	lines := recordtest.Lines(t, record.Entry{Decision: &record.Decision{Exchange: "x", Session: "s"}})
	if err := d.Apply(t.Context(), lines); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	d = openAt(t, d.path)
	if p, err := d.Applied(t.Context()); err != nil || p != lines[0].Position() {
		t.Errorf("got %+v, %v", p, err)
	}
}
