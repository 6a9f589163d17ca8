package sqlite

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
	audit "cloakroom/internal/verify" // this package has a verify of its own
)

// kept is a log that was written and signed, and its index.
type kept struct {
	dir string
	db  *DB
	key checkpoint.Key
}

func newKept(t *testing.T) *kept {
	t.Helper()
	k := &kept{dir: filepath.Join(t.TempDir(), "log"), db: open(t)}
	var err error
	if k.key, err = checkpoint.NewKey([32]byte{5}); err != nil {
		t.Fatal(err)
	}
	quiet := slog.New(slog.DiscardHandler)
	l, err := record.Open(k.dir, recordtest.Masker(t), record.Options{Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
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
	r, err := audit.Logs{Dirs: []string{k.dir}, Keys: []note.Verifier{k.key.Verifier()}, Now: time.Now(), Index: s, Heads: k.db, Store: "db"}.Verify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, f := range r.Findings {
		lines = append(lines, f.String())
	}
	return strings.Join(lines, "\n")
}

// TestTamperedRows changes rows that were made of a log. Each is found.
func TestTamperedRows(t *testing.T) {
	for _, tt := range []struct{ statement, want string }{
		{"SELECT 1", ""},
		{"DELETE FROM decision WHERE seq = 7", "entry 7: the index lacks this entry"},
		{"DELETE FROM decision WHERE seq = (SELECT seq FROM decision ORDER BY random() LIMIT 1)", "the index lacks this entry"},
		{"DELETE FROM finish WHERE seq = 5", "entry 5: the index lacks this entry"},
		{"DELETE FROM session WHERE name = 's1'", `the index lacks session "s1"`},
		{"UPDATE decision SET line = CAST(replace(CAST(line AS TEXT), 'alice', 'malte') AS BLOB) WHERE seq = 7", "a row whose line is not in the log"},
		{"UPDATE decision SET line = (SELECT line FROM decision WHERE seq = 4) WHERE seq = 7", "entry 4: a"},
		{"UPDATE decision SET line = x'00' WHERE seq = 7", "entry 7: a row whose line is none"},
		{"UPDATE decision SET exchange = 'x' WHERE seq = 7", "entry 7: a row that says something else"},
		{"UPDATE decision SET session = 3 - session WHERE seq = 7", "entry 7: a row that says something else"},
		{"UPDATE decision SET refused = 1 - refused WHERE seq = 7", "entry 7: a row that says something else"},
		{"UPDATE decision SET seq = 8 WHERE seq = 7", "entry 7: a row that says something else"},
		{"INSERT INTO decision (seq, session, exchange, line) SELECT 99, session, exchange, line FROM decision WHERE seq = 7", "entry 7: a second row"},
		{"UPDATE finish SET line = CAST(replace(CAST(line AS TEXT), '200', '500') AS BLOB) WHERE seq = 5", "a row whose line is not in the log"},
		{"UPDATE finish SET exchange = 'x' WHERE seq = 5", "entry 5: a row that says something else"},
		{"UPDATE session SET exchanges = exchanges + 1 WHERE name = 's1'", `sums session "s1" up otherwise`},
		{"UPDATE session SET refused = 0 WHERE name = 's1'", `sums session "s1" up otherwise`},
		{"UPDATE session SET last = last + 1", "up otherwise"},
		{"UPDATE session SET principal = 'x' WHERE name = 's0'", `the index lacks session "s0"`},
		{"DELETE FROM touch WHERE outcome = 1", "the index lacks what session"},
		{"UPDATE touch SET host = 'x'", "what the log does not"},
		{"UPDATE touch SET outcome = outcome + 3", "of session"},
		{"UPDATE touch SET last = last - 1", "what the log does not"},
		{"UPDATE applied SET seq = 9", "not indexed yet"},
		{"UPDATE applied SET seq = seq + 9", "cut short or rolled back"},
		{"UPDATE applied SET hash = zeroblob(32)", "another entry of this number"},
		{"UPDATE head SET note = CAST(replace(CAST(note AS TEXT), '27', '26') AS BLOB)", "no checkpoint of it"},
		{"DELETE FROM head", "it was cut"},
		{"UPDATE head SET log = 'x'", "no checkpoint of it"},
	} {
		t.Run(tt.statement, func(t *testing.T) {
			k := newKept(t)
			if _, err := k.db.leases.ExecContext(t.Context(), tt.statement); err != nil {
				t.Fatal(err)
			}
			if got := k.verify(t); !strings.Contains(got, tt.want) || tt.want == "" && got != "" {
				t.Errorf("found:\n%s\nwant %q", got, tt.want)
			}
		})
	}
}
