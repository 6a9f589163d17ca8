package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Numbers of advisory locks. They are taken for a transaction.
const (
	migrating = 0x636c6f616b726f6f // one replica at a time brings the schema forward
	leasing   = 0x636c6f616b6c6561 // one transaction at a time writes leases, so that change numbers appear in order
)

// migrations bring a database forward, each by one version. They are only ever
// added to.
var migrations = []string{`
CREATE TABLE lease (
  id         BYTEA PRIMARY KEY,
  principal  BYTEA NOT NULL,
  credential BYTEA NOT NULL,
  ticket     BYTEA UNIQUE,       -- 32 bytes, or NULL
  question   BYTEA NOT NULL,     -- 32 bytes
  state      SMALLINT NOT NULL,  -- lease.State: 1 pending, 2 active, 3 ended
  open       BOOLEAN NOT NULL,
  created    BIGINT NOT NULL,    -- these three: microseconds since 1970, 0: none
  ends       BIGINT NOT NULL,
  ended      BIGINT NOT NULL,
  body       BYTEA NOT NULL,
  mac        BYTEA NOT NULL,
  change     BIGINT NOT NULL     -- larger than every earlier one
);
CREATE INDEX lease_change   ON lease (change);
CREATE INDEX lease_created  ON lease (created DESC, id);
CREATE INDEX lease_unended  ON lease (change) WHERE state <> 3;
CREATE INDEX lease_ended    ON lease (ended) WHERE state = 3;
CREATE INDEX lease_question ON lease (question) WHERE state = 1;
CREATE INDEX lease_open     ON lease USING hash (principal) WHERE open; -- a principal may be longer than a tree takes
CREATE TABLE bar (id BYTEA PRIMARY KEY, body BYTEA NOT NULL, mac BYTEA NOT NULL);
CREATE TABLE clock (change BIGINT NOT NULL);
INSERT INTO clock VALUES (0);
CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NOTIFY lease; RETURN NULL; END';
CREATE TRIGGER tell AFTER UPDATE ON clock FOR EACH ROW EXECUTE FUNCTION tell(); -- at the commit, once
CREATE TABLE mark (at BIGINT NOT NULL); -- microseconds since 1970, 0: none
INSERT INTO mark VALUES (0);
CREATE TABLE tally (lease BYTEA PRIMARY KEY, minute BIGINT NOT NULL, n BIGINT NOT NULL) WITH (fillfactor = 50);

CREATE TABLE log (
  key  INTEGER GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id   TEXT NOT NULL UNIQUE,     -- record.ID
  seq  BIGINT NOT NULL,          -- of the last line applied, 0: none
  hash BYTEA NOT NULL            -- its hash
);
CREATE TABLE session (           -- what one log says of a session
  key       BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  log       INTEGER NOT NULL,      -- log.key
  principal BYTEA NOT NULL,
  name      BYTEA NOT NULL,
  first     BIGINT NOT NULL,     -- microseconds since 1970
  last      BIGINT NOT NULL,
  exchanges BIGINT NOT NULL,
  refused   BIGINT NOT NULL,
  UNIQUE (name, principal, log)
);
CREATE INDEX session_last ON session (last);
CREATE TABLE decision (
  log      INTEGER NOT NULL,     -- log.key
  seq      BIGINT NOT NULL,
  session  BIGINT NOT NULL,      -- session.key
  at       BIGINT NOT NULL,      -- microseconds since 1970
  exchange BYTEA NOT NULL,
  line     BYTEA NOT NULL,       -- as the log has it
  PRIMARY KEY (log, seq)
);
CREATE INDEX decision_session ON decision (session, seq);
CREATE TABLE finish (            -- another replica's log may have it than the decision's
  exchange BYTEA NOT NULL,
  log      INTEGER NOT NULL,     -- log.key
  line     BYTEA NOT NULL,
  PRIMARY KEY (exchange, log)
);
`, `
ALTER TABLE decision ADD COLUMN refused BOOLEAN NOT NULL DEFAULT false;
UPDATE decision SET refused = true WHERE position('"outcome":"allow"'::bytea IN line) = 0;
CREATE INDEX decision_refused ON decision (at) WHERE refused;
`, `
CREATE INDEX lease_whose ON lease (sha256(principal), ends); -- the hash, for the reason that lease_open has one
CREATE INDEX lease_over  ON lease (ends) WHERE state <> 3;
CREATE INDEX lease_past ON lease (question) WHERE state = 3;
`, `
CREATE TABLE act (id BYTEA PRIMARY KEY, at BIGINT NOT NULL, body BYTEA NOT NULL); -- what a log is still to have
CREATE TABLE touch (           -- what the exchanges of a session were about
  session    BIGINT NOT NULL,  -- session.key
  credential BYTEA NOT NULL,   -- '': any, or none
  host       BYTEA NOT NULL,
  outcome    SMALLINT NOT NULL, -- access.Outcome: 0 deny, 1 allow, 2 needs approval
  first      BIGINT NOT NULL,  -- microseconds since 1970
  last       BIGINT NOT NULL,
  PRIMARY KEY (session, credential, host, outcome)
);
CREATE INDEX touch_host    ON touch (credential, host, outcome, last);
CREATE INDEX touch_outcome ON touch (credential, outcome, last);
CREATE INDEX decision_exchange ON decision USING hash (exchange);
-- A replica that is gone cannot index its log again: so its lines say what
-- belongs in the new table.
INSERT INTO touch (session, credential, host, outcome, first, last)
WITH told AS (SELECT session, at, refused,
    replace(convert_from(line, 'UTF8'), '\u0000', '\ufffd')::jsonb -> 'decision' AS said FROM decision),
  named AS (
    SELECT session, at, said, value ->> 'credential' AS credential
      FROM told, jsonb_array_elements(coalesce(said -> 'uses', '[]'))
    UNION ALL SELECT session, at, said, substring(value ->> 'placeholder' from 'ckr_([a-z0-9-]+)_')
      FROM told, jsonb_array_elements(coalesce(said -> 'seen', '[]')) WHERE refused),
  nameless AS (SELECT session, at, said, '' FROM told)
SELECT session, convert_to(coalesce(credential, ''), 'UTF8'), convert_to(coalesce(said ->> 'host', ''), 'UTF8'),
  CASE said ->> 'outcome' WHEN 'allow' THEN 1 WHEN 'needs_approval' THEN 2 ELSE 0 END, min(at), max(at)
FROM (SELECT * FROM named UNION ALL SELECT * FROM nameless) AS every
GROUP BY 1, 2, 3, 4;
`, `
CREATE TABLE head (log TEXT PRIMARY KEY, size BIGINT NOT NULL, note BYTEA NOT NULL); -- see package checkpoint
`, `
CREATE TABLE receipt (id BYTEA PRIMARY KEY, at BIGINT NOT NULL, body BYTEA NOT NULL); -- of acts that a log has
`, `
DROP INDEX session_last;
DROP INDEX touch_host;
DROP INDEX touch_outcome;
CREATE INDEX session_last  ON session (last, first);
CREATE INDEX session_first ON session (first);
CREATE INDEX session_whose ON session (principal, last, first);
CREATE INDEX touch_host    ON touch (credential, host, outcome, last, first, session); -- all that is asked for
CREATE INDEX touch_outcome ON touch (credential, outcome, last, first, session);
`}

// migrate brings the schema to this program's version. Replicas that start
// together wait for each other.
func (d *DB) migrate(ctx context.Context) error {
	for {
		done := false
		err := pgx.BeginFunc(ctx, d.pool, func(tx pgx.Tx) (err error) {
			done, err = step(ctx, tx)
			return err
		})
		if done || err != nil {
			return err
		}
	}
}

// step brings the schema forward by one version; true: there is none to come.
func step(ctx context.Context, tx pgx.Tx) (bool, error) {
	// A migration of a large table takes its time, and so does waiting for one.
	if _, err := tx.Exec(ctx, "SET LOCAL statement_timeout = 0"); err != nil {
		return false, err
	}
	if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", int64(migrating)); err != nil {
		return false, err
	}
	v, err := version(ctx, tx)
	switch {
	case err != nil:
		return false, err
	case v > len(migrations):
		return false, versionError(v)
	case v == len(migrations):
		return true, nil
	case v == 0:
		if err := found(ctx, tx); err != nil {
			return false, fmt.Errorf("making its schema: %w", err)
		}
	}
	if _, err := tx.Exec(ctx, migrations[v]); err != nil {
		return false, fmt.Errorf("bringing it to version %d: %w", v+1, err)
	}
	_, err = tx.Exec(ctx, "UPDATE version SET number = $1", v+1)
	return false, err
}

// found makes the schema, unless an administrator did, who need not let us make
// one then.
func found(ctx context.Context, tx pgx.Tx) error {
	var there bool
	if err := tx.QueryRow(ctx, "SELECT to_regnamespace('cloakroom') IS NOT NULL").Scan(&there); err != nil {
		return err
	}
	if !there {
		if _, err := tx.Exec(ctx, "CREATE SCHEMA cloakroom"); err != nil {
			return err
		}
	}
	_, err := tx.Exec(ctx, "CREATE TABLE version (number INTEGER NOT NULL); INSERT INTO version VALUES (0)")
	return err
}

// querier is a database or a transaction.
type querier interface {
	QueryRow(ctx context.Context, query string, args ...any) pgx.Row
}

// version is the schema's version; 0: there is none yet.
func version(ctx context.Context, q querier) (v int, err error) {
	var there bool
	err = q.QueryRow(ctx, "SELECT to_regclass('cloakroom.version') IS NOT NULL").Scan(&there)
	if err == nil && there {
		err = q.QueryRow(ctx, "SELECT number FROM version").Scan(&v)
	}
	if err != nil {
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
