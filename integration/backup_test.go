package integration

import (
	"net/http"
	"os"
	"strings"
	"testing"
)

// TestBackupAndRestore copies the store while the service runs, and puts the copy
// back after a lease was revoked and everything was barred: the lease stays dead,
// the bar stands.
func TestBackupAndRestore(t *testing.T) {
	t.Parallel()
	m := echoing(t)
	ticket := []string{"authorization", "Bearer " + m.ticket(agentClient, "demo")}
	m.answers(http.StatusOK, "", ticket...)
	stdout, stderr, code := command(t, m.dir, m.env, "store", "backup", "copy.db")
	info, err := os.Stat(m.path("copy.db"))
	if code != 0 || err != nil || info.Mode().Perm() != 0o600 || !strings.Contains(stdout, "copy.db") {
		t.Fatalf("store backup: exit %d, %v, %v: %s%s", code, info, err, stdout, stderr)
	}
	if _, stderr, code = command(t, m.dir, m.env, "store", "restore", "copy.db", "--yes"); code != 1 || !strings.Contains(stderr, "a service runs") {
		t.Errorf("while the service runs: exit %d: %s", code, stderr)
	}

	var all done
	m.run(&all, "lease", "revoke", "--all", "--yes")
	m.answers(http.StatusForbidden, "lease_expired", ticket...)
	m.up.stop(t)
	m.write("broken.db", "no database")
	if _, stderr, code = command(t, m.dir, m.env, "store", "restore", "broken.db", "--yes"); code != 1 || !strings.Contains(stderr, "broken.db") {
		t.Errorf("of a broken file: exit %d: %s", code, stderr)
	}
	stdout, stderr, code = command(t, m.dir, m.env, "store", "restore", "copy.db", "--yes")
	page(stdout, stderr)
	for _, want := range []string{"1 leases that had not ended are revoked", "1 of its bars are taken over", "cloakroom.db.2"} {
		if code != 0 || !strings.Contains(stdout, want) {
			t.Errorf("store restore: exit %d, no %q in %s%s", code, want, stdout, stderr)
		}
	}
	m.logVerify(t, 0) // which knows what the store had

	m.start()
	m.answers(http.StatusForbidden, "lease_expired", ticket...)
	m.answers(http.StatusForbidden, "lease_expired", m.agent...) // by the bar
	if _, stderr, code = command(t, m.dir, m.env, "lease", "lift", all.Bar.Bar); code != 0 {
		t.Errorf("lease lift: exit %d: %s", code, stderr)
	}
	m.answers(http.StatusOK, "", m.agent...)
	m.answers(http.StatusForbidden, "lease_expired", ticket...)

	m.write("pg.yaml", m.read("cloakroom.yaml")+"store: {url: \"postgres://u@127.0.0.1:1/x\"}\n")
	for what, want := range map[string]string{"backup": "pg_dump", "restore": "lease revoke --all"} {
		if _, stderr, code = command(t, m.dir, m.env, "store", what, "x", "--config", "pg.yaml"); code != 2 || !strings.Contains(stderr, want) {
			t.Errorf("of PostgreSQL: store %s: exit %d: %s", what, code, stderr)
		}
	}
}
