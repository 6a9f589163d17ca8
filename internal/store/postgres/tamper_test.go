package postgres

import (
	"testing"

	"cloakroom/internal/record/recordtest"
	"cloakroom/internal/store/postgrestest"
	"cloakroom/internal/verify/verifytest"
)

// TestTamperedRows changes rows that were made of a log. Each is found.
func TestTamperedRows(t *testing.T) {
	quick := postgrestest.New(t, "fsync=off") // nothing is ended here
	verifytest.TestRows(t, []verifytest.Tampering{
		{Statement: "SELECT 1", Want: ""},
		{Statement: "DELETE FROM decision WHERE seq = 7", Want: "entry 7: the index lacks this entry"},
		{Statement: "DELETE FROM finish WHERE ctid = (SELECT ctid FROM finish ORDER BY random() LIMIT 1)", Want: "the index lacks this entry"},
		{Statement: "DELETE FROM session WHERE name = 's1'", Want: `the index lacks session "s1"`},
		{Statement: "UPDATE decision SET line = overlay(line placing 'malte'::bytea from position('alice'::bytea in line)) WHERE seq = 7", Want: "a row whose line is not in the log"},
		{Statement: "UPDATE decision SET line = (SELECT line FROM decision WHERE seq = 4) WHERE seq = 7", Want: "entry 4: a"},
		{Statement: "UPDATE decision SET line = '' WHERE seq = 7", Want: "entry 7: a row whose line is none"},
		{Statement: "UPDATE decision SET exchange = 'x' WHERE seq = 7", Want: "entry 7: a row that says something else"},
		{Statement: "UPDATE decision SET session = (SELECT min(key) + max(key) FROM session) - session WHERE seq = 7", Want: "entry 7: a row that says something else"},
		{Statement: "UPDATE decision SET refused = NOT refused WHERE seq = 7", Want: "entry 7: a row that says something else"},
		{Statement: "UPDATE decision SET seq = 8 WHERE seq = 7", Want: "entry 7: a row that says something else"},
		{Statement: "INSERT INTO decision (log, seq, session, at, exchange, line) SELECT log, 99, session, at, exchange, line FROM decision WHERE seq = 7", Want: "entry 7: a second row"},
		{Statement: "UPDATE finish SET exchange = 'x' WHERE ctid = (SELECT min(ctid) FROM finish)", Want: "a row that says something else"},
		{Statement: "UPDATE session SET exchanges = exchanges + 1 WHERE name = 's1'", Want: `sums session "s1" up otherwise`},
		{Statement: "UPDATE session SET principal = 'x' WHERE name = 's0'", Want: `the index lacks session "s0"`},
		{Statement: "DELETE FROM touch WHERE outcome = 1", Want: "the index lacks what session"},
		{Statement: "UPDATE touch SET host = 'x'", Want: "what the log does not"},
		{Statement: "UPDATE log SET seq = 9", Want: "not indexed yet"},
		{Statement: "UPDATE log SET seq = seq + 9", Want: "cut short or rolled back"},
		{Statement: "UPDATE log SET hash = sha256('x')", Want: "another entry of this number"},
		{Statement: "UPDATE log SET id = 'x'", Want: "the index has this log, which is missing"},
		{Statement: "UPDATE head SET note = ''", Want: "no checkpoint of it"},
		{Statement: "DELETE FROM head", Want: "it was cut"},
	}, func(t *testing.T, log string) (recordtest.Shown, func(string) error) {
		d := openAt(t, quick.Database(t), log)
		return d, func(statement string) error {
			_, err := d.pool.Exec(t.Context(), statement)
			return err
		}
	})
}
