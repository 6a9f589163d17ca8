package postgres

import (
	"context"
	"fmt"
	"os"
	"testing"

	"cloakroom/internal/lease"
	"cloakroom/internal/lease/leasetest"
	"cloakroom/internal/record"
	"cloakroom/internal/record/recordtest"
	"cloakroom/internal/store/postgrestest"
)

// server is one for all tests, of which one runs at a time.
var server *postgrestest.Server

// fragile is one that tests may end: it has few files to recover. Unless a
// connection asks for it, it does not wait for its disk. nil: none asked yet.
var fragile *postgrestest.Server

// openFragile returns that server, running.
func openFragile(t *testing.T) *postgrestest.Server {
	t.Helper()
	if fragile == nil {
		var err error
		if fragile, err = postgrestest.Open("synchronous_commit=off", "wal_writer_delay=10s"); err != nil {
			t.Fatal(err)
		}
	}
	s := fragile
	s.Start(t)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("PostgreSQL's log:\n%s", s.Log())
		}
	})
	return s
}

func TestMain(m *testing.M) { os.Exit(runAll(m)) }

func runAll(m *testing.M) int {
	var err error
	if server, err = postgrestest.Open(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer server.Close()
	defer func() {
		if fragile != nil {
			fragile.Close()
		}
	}()
	return m.Run()
}

// open opens a database of the test's own.
func open(t testing.TB) *DB {
	t.Helper()
	return openAt(t, server.Database(t), "log")
}

func openAt(t testing.TB, url, log string) *DB {
	t.Helper()
	d, err := Open(context.Background(), url, log)
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
	quick := postgrestest.New(t, "fsync=off") // it is the order of events that is tried here
	leasetest.TestMachine(t, 100, func(t *testing.T) lease.Store { return openAt(t, quick.Database(t), "log") })
}

func TestActs(t *testing.T) {
	recordtest.TestActs(t, func(t *testing.T) record.Acts { return open(t) })
}

func TestIndex(t *testing.T) {
	recordtest.TestIndex(t, func(t *testing.T) record.Index { return open(t) })
}

func TestSnapshot(t *testing.T) {
	recordtest.TestSnapshot(t, "log", func(t *testing.T) recordtest.Shown { return open(t) })
}
