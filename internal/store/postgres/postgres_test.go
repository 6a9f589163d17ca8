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

// server is one for all tests that do not end it.
var server *postgrestest.Server

func TestMain(m *testing.M) { os.Exit(runAll(m)) }

func runAll(m *testing.M) int {
	var err error
	if server, err = postgrestest.Open(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer server.Close()
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

func TestIndex(t *testing.T) {
	recordtest.TestIndex(t, func(t *testing.T) record.Index { return open(t) })
}
