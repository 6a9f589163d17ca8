package sqlite

import (
	"strings"
	"testing"

	"cloakroom/internal/access"
	"cloakroom/internal/lease"
	"cloakroom/internal/lease/leasetest"
	"cloakroom/internal/record"
)

// What is asked on the path, or every second, reads no more than it finds.
func TestListsUseAnIndex(t *testing.T) {
	d := open(t)
	for _, c := range []struct {
		name  string
		f     lease.Filter
		index string
	}{
		{"what a principal was denied", lease.Filter{Question: lease.Digest{1}}, "lease_past"},
		{"what a principal asks", lease.Filter{Principal: "p", State: lease.Pending}, "lease_"},
		{"what waits", lease.Filter{State: lease.Pending}, "lease_state"},
		{"what is over", lease.Filter{Over: leasetest.Epoch}, "lease_unended"},
		{"the latest", lease.Filter{}, "lease_created"},
	} {
		rest, args := filtered(c.f)
		if steps := plan(t, d, "SELECT body FROM lease "+rest, args); !strings.Contains(steps[0], c.index) {
			t.Errorf("%s: %q", c.name, steps)
		}
	}
}

// plan is how a query is answered, step by step.
func plan(t *testing.T, d *DB, query string, args []any) (steps []string) {
	t.Helper()
	rows, err := d.reads.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var id, parent, unused int
		var step string
		if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
			t.Fatal(err)
		}
		steps = append(steps, step)
	}
	if err := rows.Err(); err != nil || len(steps) == 0 {
		t.Fatal(err)
	}
	return steps
}

// Of what sessions were about, few rows are found by what is asked for, and many
// by the sessions, the latest first.
func TestSessionsUseAnIndex(t *testing.T) {
	d := open(t)
	for _, f := range []record.SessionFilter{{Credential: "c"}, {Host: "h"}, {Outcomes: []access.Outcome{access.Allow}},
		{Credential: "c", Host: "h", Outcomes: []access.Outcome{access.Deny, access.NeedsApproval}}} {
		where, args := filteredTouches(f, "")
		if steps := plan(t, d, "SELECT session FROM touch WHERE "+where, args); !strings.Contains(steps[0], "INDEX touch_") {
			t.Errorf("few rows of %+v: %q", f, steps)
		}
		where, args = filteredTouches(f, "+")
		steps := plan(t, d, "SELECT name FROM session WHERE EXISTS (SELECT 1 FROM touch WHERE session = key AND "+where+") ORDER BY last DESC, key DESC LIMIT 100", args)
		if !strings.Contains(steps[0], "session_last") || !strings.Contains(steps[1], "PRIMARY KEY (session=?") {
			t.Errorf("many rows of %+v: %q", f, steps)
		}
	}
}
