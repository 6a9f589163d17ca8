// Package verifytest holds the test that every store runs: no row that was made
// of a log can be changed unseen.
package verifytest

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"cloakroom/internal/access"
	"cloakroom/internal/checkpoint"
	"cloakroom/internal/record"
	"cloakroom/internal/record/recordtest"
	"cloakroom/internal/verify"
)

// Tampering is a statement of SQL, and what is to be found after it; empty:
// nothing.
type Tampering struct{ Statement, Want string }

// TestRows runs each statement on a store that has the index of a log of 27
// entries: nine decisions, each with two ends. open makes an empty store, and
// what runs a statement on it; log is the id of the log that it indexes.
func TestRows(t *testing.T, all []Tampering, open func(t *testing.T, log string) (recordtest.Shown, func(statement string) error)) {
	for _, x := range all {
		t.Run(x.Statement, func(t *testing.T) {
			k := newKept(t, open)
			if err := k.run(x.Statement); err != nil {
				t.Fatal(err)
			}
			if got := k.verify(t); !strings.Contains(got, x.Want) || x.Want == "" && got != "" {
				t.Errorf("found:\n%s\nwant %q", got, x.Want)
			}
		})
	}
}

// kept is a log that was written and signed, and its index.
type kept struct {
	dir string
	db  recordtest.Shown
	run func(statement string) error
	key checkpoint.Key
}

func newKept(t *testing.T, open func(t *testing.T, log string) (recordtest.Shown, func(string) error)) *kept {
	t.Helper()
	k := &kept{dir: filepath.Join(t.TempDir(), "log")}
	var err error
	if k.key, err = checkpoint.NewKey([32]byte{5}); err != nil {
		t.Fatal(err)
	}
	quiet := slog.New(slog.DiscardHandler)
	l, err := record.Open(k.dir, recordtest.Masker(t), record.Options{Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	k.db, k.run = open(t, l.ID())
	keeper, err := checkpoint.NewKeeper(l, k.dir, k.key, checkpoint.Options{Every: time.Hour, Heads: k.db, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	follower, err := record.NewFollower(l, k.db, quiet)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 9 {
		id := record.NewID(time.Now())
		for _, e := range []record.Entry{
			{Decision: &record.Decision{Exchange: id, Issuer: "https://i.example", Subject: "alice", Session: fmt.Sprint("s", i%2), Outcome: access.Outcome(i % 3)}},
			{End: &record.End{Exchange: id, Status: 200}}, {End: &record.End{Exchange: id, Status: 500}},
		} {
			if err := l.Append(t.Context(), e); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	keeper.Run(context.Background())
	if err := follower.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	return k
}

func (k *kept) verify(t *testing.T) string {
	t.Helper()
	s, err := k.db.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r, err := verify.Logs{Dirs: []string{k.dir}, Keys: []note.Verifier{k.key.Verifier()}, Now: time.Now(), Index: s, Heads: k.db, Store: "db"}.Verify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, f := range r.Findings {
		lines = append(lines, f.String())
	}
	return strings.Join(lines, "\n")
}
