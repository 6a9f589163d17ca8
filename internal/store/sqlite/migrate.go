package sqlite

import (
	"context"
	"database/sql"
	"fmt"
)

// migrations bring a database forward, each by one version. They are only ever
// added to.
var migrations = []string{`
CREATE TABLE lease (
  id         TEXT PRIMARY KEY,
  principal  TEXT NOT NULL,
  issuer     TEXT NOT NULL,
  subject    TEXT NOT NULL,
  groups     TEXT NOT NULL,     -- a JSON list of strings
  credential TEXT NOT NULL,
  session    TEXT NOT NULL,
  reason     TEXT NOT NULL,
  ticket     BLOB UNIQUE,       -- 32 bytes, or NULL
  length     INTEGER NOT NULL,  -- nanoseconds
  created    INTEGER NOT NULL,  -- these four: microseconds since 1970, 0: none
  starts     INTEGER NOT NULL,
  ends       INTEGER NOT NULL,
  ended      INTEGER NOT NULL,
  state      INTEGER NOT NULL,  -- lease.State
  ending     INTEGER NOT NULL,  -- lease.Ending
  mac        BLOB NOT NULL,
  change     INTEGER NOT NULL   -- larger than every earlier one
) STRICT;
CREATE INDEX lease_change  ON lease (change);
CREATE INDEX lease_created ON lease (created);
CREATE INDEX lease_state   ON lease (state, ended);
CREATE TABLE clock (one INTEGER PRIMARY KEY CHECK (one = 1), change INTEGER NOT NULL, mark INTEGER NOT NULL) STRICT;
INSERT INTO clock VALUES (1, 0, 0);

CREATE TABLE applied (one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL, hash BLOB NOT NULL) STRICT;
INSERT INTO applied VALUES (1, 0, zeroblob(32));
CREATE TABLE session (
  key       INTEGER PRIMARY KEY,
  principal TEXT NOT NULL,
  name      TEXT NOT NULL,
  first     INTEGER NOT NULL,   -- microseconds since 1970
  last      INTEGER NOT NULL,
  exchanges INTEGER NOT NULL,
  refused   INTEGER NOT NULL,
  UNIQUE (name, principal)
) STRICT;
CREATE INDEX session_last ON session (last);
CREATE TABLE decision (
  seq      INTEGER PRIMARY KEY,
  session  INTEGER NOT NULL,    -- session.key
  exchange TEXT NOT NULL,
  line     BLOB NOT NULL        -- as the log has it
) STRICT;
CREATE INDEX decision_session ON decision (session, seq);
CREATE TABLE finish (
  exchange TEXT PRIMARY KEY,
  seq      INTEGER NOT NULL,
  line     BLOB NOT NULL
) STRICT, WITHOUT ROWID;
`, `
-- A lease lasts minutes, and one of version 1 says less than is asked of it now:
-- those that there are end here.
DROP TABLE lease;
CREATE TABLE lease (
  id         TEXT PRIMARY KEY,
  principal  TEXT NOT NULL,
  credential TEXT NOT NULL,
  ticket     BLOB UNIQUE,       -- 32 bytes, or NULL
  question   BLOB NOT NULL,     -- 32 bytes
  state      INTEGER NOT NULL,  -- lease.State
  open       INTEGER NOT NULL,  -- 0 or 1
  created    INTEGER NOT NULL,  -- these three: microseconds since 1970, 0: none
  ends       INTEGER NOT NULL,
  ended      INTEGER NOT NULL,
  body       BLOB NOT NULL,
  mac        BLOB NOT NULL,
  change     INTEGER NOT NULL UNIQUE
) STRICT;
CREATE INDEX lease_created  ON lease (created);
CREATE INDEX lease_state    ON lease (state, ended);
CREATE INDEX lease_open     ON lease (principal, credential) WHERE open = 1;
CREATE INDEX lease_question ON lease (question) WHERE state = 1;
CREATE TABLE bar (id TEXT PRIMARY KEY, body BLOB NOT NULL, mac BLOB NOT NULL) STRICT;
CREATE TABLE tally (lease TEXT PRIMARY KEY, minute INTEGER NOT NULL, n INTEGER NOT NULL) STRICT;
`, `
ALTER TABLE decision ADD COLUMN refused INTEGER NOT NULL DEFAULT 0; -- 0 or 1
UPDATE decision SET refused = 1 WHERE instr(line, CAST('"outcome":"allow"' AS BLOB)) = 0;
CREATE INDEX decision_refused ON decision (seq) WHERE refused = 1;
`, `
CREATE INDEX lease_whose   ON lease (principal, credential, ends);
CREATE INDEX lease_unended ON lease (ends) WHERE state != 3;
CREATE INDEX lease_past ON lease (question) WHERE state = 3;
`, `
CREATE TABLE act (id TEXT PRIMARY KEY, at INTEGER NOT NULL, body BLOB NOT NULL) STRICT; -- what a log is still to have
CREATE TABLE touch (           -- what the exchanges of a session were about
  session    INTEGER NOT NULL, -- session.key
  credential TEXT NOT NULL,    -- '': any, or none
  host       TEXT NOT NULL,
  outcome    INTEGER NOT NULL, -- access.Outcome
  first      INTEGER NOT NULL, -- microseconds since 1970
  last       INTEGER NOT NULL,
  PRIMARY KEY (session, credential, host, outcome)
) STRICT, WITHOUT ROWID;
CREATE INDEX touch_host    ON touch (credential, host, outcome, last);
CREATE INDEX touch_outcome ON touch (credential, outcome, last);
CREATE INDEX decision_exchange ON decision (exchange);
-- The log says what belongs in the new table: it is read again.
DELETE FROM decision;
DELETE FROM finish;
DELETE FROM session;
UPDATE applied SET seq = 0, hash = zeroblob(32);
`, `
CREATE TABLE head (log TEXT PRIMARY KEY, size INTEGER NOT NULL, note BLOB NOT NULL) STRICT; -- see package checkpoint
`, `
CREATE TABLE receipt (id TEXT PRIMARY KEY, at INTEGER NOT NULL, body BLOB NOT NULL) STRICT; -- of acts that a log has
`, `
DROP INDEX session_last;
DROP INDEX touch_host;
DROP INDEX touch_outcome;
CREATE INDEX session_last  ON session (last, first);
CREATE INDEX session_first ON session (first);
CREATE INDEX session_whose ON session (principal, last, first);
CREATE INDEX touch_host    ON touch (credential, host, outcome, last, first); -- with the key, all that is asked for
CREATE INDEX touch_outcome ON touch (credential, outcome, last, first);
`}

// migrate brings the schema to this program's version.
func (d *DB) migrate(ctx context.Context) error {
	return d.write(ctx, d.leases, func(tx *sql.Tx) error {
		v, err := version(ctx, tx)
		if err != nil {
			return err
		}
		if v > len(migrations) {
			return versionError(v)
		}
		for ; v < len(migrations); v++ {
			if _, err := tx.ExecContext(ctx, migrations[v]); err != nil {
				return fmt.Errorf("bringing it to version %d: %w", v+1, err)
			}
		}
		// A pragma takes no parameter.
		_, err = tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", v))
		return err
	})
}

// querier is a database or a transaction.
type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func version(ctx context.Context, q querier) (v int, err error) {
	if err := q.QueryRowContext(ctx, "PRAGMA user_version").Scan(&v); err != nil {
		return 0, fmt.Errorf("asking for its version: %w", err)
	}
	return v, nil
}

func versionError(v int) error {
	if v < len(migrations) {
		return fmt.Errorf("its version is %d, this program's is %d: start the service once to bring it forward",
			v, len(migrations))
	}
	return fmt.Errorf("its version %d is newer than this program's %d: use the cloakroom that wrote it, or a newer one",
		v, len(migrations))
}
