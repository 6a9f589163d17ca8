package sqlite

import (
	"strings"
	"testing"

	"cloakroom/internal/lease"
	"cloakroom/internal/lease/leasetest"
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
		rows, err := d.reads.QueryContext(t.Context(), "EXPLAIN QUERY PLAN SELECT body FROM lease "+rest, args...)
		if err != nil {
			t.Fatal(err)
		}
		var plan []string
		for rows.Next() {
			var id, parent, unused int
			var step string
			if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
				t.Fatal(err)
			}
			plan = append(plan, step)
		}
		if err := rows.Close(); err != nil || !strings.Contains(plan[0], c.index) {
			t.Errorf("%s: %q", c.name, plan)
		}
	}
}
