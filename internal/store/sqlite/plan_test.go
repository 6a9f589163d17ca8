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

// wanted are filters that sessions are listed by.
var wanted = []record.SessionFilter{
	{}, {Principal: "p"}, {Credential: "c"}, {Host: "h"}, {Outcomes: []access.Outcome{access.Allow}},
	{Since: leasetest.Epoch}, {Until: leasetest.Epoch}, {Since: leasetest.Epoch, Until: leasetest.Epoch},
	{Credential: "c", Host: "h", Outcomes: []access.Outcome{access.Deny, access.NeedsApproval}},
	{Principal: "p", Credential: "c", Until: leasetest.Epoch},
}

// Sessions are found by what is asked for where few rows have it, and else the latest
// first; no table is read through.
func TestSessionsUseAnIndex(t *testing.T) {
	d := open(t)
	for _, few := range []int{few, 0} {
		d.few = few
		for _, f := range wanted {
			query, args, err := d.listing(t.Context(), f)
			if err != nil {
				t.Fatal(err)
			}
			for _, step := range plan(t, d, query, args) {
				if strings.HasPrefix(step, "SCAN") || strings.Contains(step, "touch_") && !strings.Contains(step, "COVERING") {
					t.Errorf("few %d, %+v: %s", few, f, step)
				}
			}
		}
	}
}

// Where many rows have what is asked for, the sessions are gone through from the
// latest on: of a principal its own, and else all.
func TestManySessionsAreInOrder(t *testing.T) {
	d := open(t)
	d.few = 0
	for _, f := range wanted {
		query, args, err := d.listing(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		index := "session_last"
		if f.Principal != "" {
			index = "session_whose (principal=?"
		}
		if steps := plan(t, d, query, args); !strings.Contains(steps[0], index) || f.Narrow() && !strings.Contains(steps[1], "PRIMARY KEY (session=?") {
			t.Errorf("%+v: %q", f, steps)
		}
	}
}
