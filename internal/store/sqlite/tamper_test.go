package sqlite

import (
	"testing"

	"cloakroom/internal/record/recordtest"
	"cloakroom/internal/verify/verifytest"
)

// TestTamperedRows changes rows that were made of a log. Each is found.
func TestTamperedRows(t *testing.T) {
	verifytest.TestRows(t, []verifytest.Tampering{
		{Statement: "SELECT 1", Want: ""},
		{Statement: "DELETE FROM decision WHERE seq = 7", Want: "entry 7: the index lacks this entry"},
		{Statement: "DELETE FROM decision WHERE seq = (SELECT seq FROM decision ORDER BY random() LIMIT 1)", Want: "the index lacks this entry"},
		{Statement: "DELETE FROM finish WHERE seq = 5", Want: "entry 5: the index lacks this entry"},
		{Statement: "DELETE FROM session WHERE name = 's1'", Want: `the index lacks session "s1"`},
		{Statement: "UPDATE decision SET line = CAST(replace(CAST(line AS TEXT), 'alice', 'malte') AS BLOB) WHERE seq = 7", Want: "a row whose line is not in the log"},
		{Statement: "UPDATE decision SET line = (SELECT line FROM decision WHERE seq = 4) WHERE seq = 7", Want: "entry 4: a"},
		{Statement: "UPDATE decision SET line = x'00' WHERE seq = 7", Want: "entry 7: a row whose line is none"},
		{Statement: "UPDATE decision SET exchange = 'x' WHERE seq = 7", Want: "entry 7: a row that says something else"},
		{Statement: "UPDATE decision SET session = 3 - session WHERE seq = 7", Want: "entry 7: a row that says something else"},
		{Statement: "UPDATE decision SET refused = 1 - refused WHERE seq = 7", Want: "entry 7: a row that says something else"},
		{Statement: "UPDATE decision SET seq = 8 WHERE seq = 7", Want: "entry 7: a row that says something else"},
		{Statement: "INSERT INTO decision (seq, session, exchange, line) SELECT 99, session, exchange, line FROM decision WHERE seq = 7", Want: "entry 7: a second row"},
		{Statement: "UPDATE finish SET line = CAST(replace(CAST(line AS TEXT), '200', '500') AS BLOB) WHERE seq = 5", Want: "a row whose line is not in the log"},
		{Statement: "UPDATE finish SET exchange = 'x' WHERE seq = 5", Want: "entry 5: a row that says something else"},
		{Statement: "UPDATE session SET exchanges = exchanges + 1 WHERE name = 's1'", Want: `sums session "s1" up otherwise`},
		{Statement: "UPDATE session SET refused = 0 WHERE name = 's1'", Want: `sums session "s1" up otherwise`},
		{Statement: "UPDATE session SET last = last + 1", Want: "up otherwise"},
		{Statement: "UPDATE session SET principal = 'x' WHERE name = 's0'", Want: `the index lacks session "s0"`},
		{Statement: "DELETE FROM touch WHERE outcome = 1", Want: "the index lacks what session"},
		{Statement: "UPDATE touch SET host = 'x'", Want: "what the log does not"},
		{Statement: "UPDATE touch SET outcome = outcome + 3", Want: "of session"},
		{Statement: "UPDATE touch SET last = last - 1", Want: "what the log does not"},
		{Statement: "UPDATE applied SET seq = 9", Want: "not indexed yet"},
		{Statement: "UPDATE applied SET seq = seq + 9", Want: "cut short or rolled back"},
		{Statement: "UPDATE applied SET hash = zeroblob(32)", Want: "another entry of this number"},
		{Statement: "UPDATE head SET note = CAST(replace(CAST(note AS TEXT), '27', '26') AS BLOB)", Want: "no checkpoint of it"},
		{Statement: "DELETE FROM head", Want: "it was cut"},
		{Statement: "UPDATE head SET log = 'x'", Want: "no checkpoint of it"},
	}, func(t *testing.T, _ string) (recordtest.Shown, func(string) error) {
		d := open(t)
		return d, func(statement string) error {
			_, err := d.leases.ExecContext(t.Context(), statement)
			return err
		}
	})
}
