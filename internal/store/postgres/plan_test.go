package postgres

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"cloakroom/internal/access"
	"cloakroom/internal/record"
	"cloakroom/internal/record/recordtest"
)

// manySessions fills the index so that its tables are not read through for their
// smallness: 50 principals, 10 hosts, 20 credentials.
const manySessions = `
SET LOCAL statement_timeout = 0;
DELETE FROM touch;
DELETE FROM session;
INSERT INTO session (log, principal, name, first, last, exchanges, refused)
	SELECT 1, convert_to('p' || i % 50, 'UTF8'), convert_to('s' || i, 'UTF8'), i * 1000000, i * 1000000 + 1, 1, 0 FROM generate_series(1, 50000::bigint) i;
INSERT INTO touch SELECT key, convert_to(of, 'UTF8'), convert_to('h' || key % 10, 'UTF8'), (key % 100 <> 0)::int, first, last
	FROM session, LATERAL (VALUES (''), ('c' || key % 20)) AS credential (of);
ANALYZE session;
ANALYZE touch;
`

// However sessions are filtered, no table is read through.
func TestSessionsUseAnIndex(t *testing.T) {
	d := open(t)
	apply(t, d, decision(1, "s"))
	if _, err := d.pool.Exec(t.Context(), manySessions); err != nil {
		t.Fatal(err)
	}
	early := recordtest.Epoch.AddDate(-100, 0, 0)
	for _, f := range []record.SessionFilter{
		{}, {Principal: "p1"}, {Principal: "nobody"}, {Credential: "c1"}, {Credential: "none"}, {Host: "h1"}, {Host: "none"},
		{Outcomes: []access.Outcome{access.Allow}}, {Outcomes: []access.Outcome{access.Deny}}, {Outcomes: []access.Outcome{access.NeedsApproval}},
		{Since: recordtest.Epoch}, {Until: early}, {Since: early, Until: recordtest.Epoch},
		{Principal: "p1", Credential: "c1"}, {Credential: "c1", Host: "h1", Outcomes: []access.Outcome{access.Deny}},
	} {
		f.Limit = 10
		f, err := d.bounded(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		query, args := listing(f, 1)
		for _, step := range plan(t, d, query, args) {
			if strings.Contains(step, "Seq Scan") {
				t.Errorf("%+v: %s", f, strings.TrimSpace(step))
			}
		}
	}
}

// plan is how a query is answered, step by step.
func plan(t *testing.T, d *DB, query string, args []any) []string {
	t.Helper()
	rows, err := d.pool.Query(t.Context(), "EXPLAIN "+query, args...)
	if err != nil {
		t.Fatal(err)
	}
	steps, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(steps) == 0 {
		t.Fatal(err)
	}
	return steps
}
