package integration

import (
	"fmt"
	"strings"
	"testing"
)

// TestPostgresOutage: while the store is away nothing is substituted; when it is
// back, the lease is the one that it was, also to a service that starts anew.
func TestPostgresOutage(t *testing.T) {
	t.Parallel()
	p := newPostgres(t)
	f := &faulty{key: value(), pausing: newPausing(t)}
	s := demo(f.key, f.address())
	s.Config += fmt.Sprintf("\nstore: {url: %q}\n", p.URL())
	f.rig = newRig(t, s, asPrinted)
	f.placeholder = f.rig.placeholder("demo")
	f.headers = []string{"x-cloakroom-token", f.token(agentClient), "authorization", "Bearer " + f.placeholder,
		"x-cloakroom-session", "s1"}
	f.serves()
	before := f.leases()
	for name, end := range map[string]func(){"stopped": p.Stop, "killed": p.Kill} {
		end()
		f.eventually("requests are refused with the store "+name, func() bool {
			return strings.Contains(f.try("/api/v1/x", f.headers...).body, `"unavailable"`)
		})
		before := f.count()
		if got := f.try("/api/v1/x", f.headers...); !strings.Contains(got.body, `"unavailable"`) || f.count() != before {
			t.Errorf("%d %s, and the backend heard %d more; want unavailable", got.status(), got.body, f.count()-before)
		}
		p.Start()
		f.serves()
	}
	f.service.stop(t)
	f.serve()
	f.serves()
	if after := f.leases(); len(before) != 1 || fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("leases %v, then %v: want one, and no other", before, after)
	}
	f.eventually("the log's index is in the store", func() bool {
		return strings.TrimSpace(p.query("SELECT sum(exchanges) >= 4 FROM cloakroom.session WHERE name = 's1'")) == "t"
	})
	if stdout, stderr, code := command(t, f.dir, f.env, "session", "ls"); code != 0 || !strings.Contains(stdout, "s1") {
		t.Errorf("session ls: %d %s%s", code, stdout, stderr)
	}
}
