package integration

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
)

// recorded looks every refusal that named a record up in the log. Those of the
// session "bypass" are shown; the others were refused before they had a session.
func (tb *table) recorded(t *testing.T) {
	t.Helper()
	stdout, stderr, code := command(t, tb.dir, tb.env, "session", "show", "bypass", "--json", "--limit", "0")
	if code != 0 {
		t.Fatalf("session show: %s", stderr)
	}
	var entries []struct {
		Decision struct {
			Decision struct{ Exchange, Code string }
		}
	}
	if err := json.Unmarshal([]byte(stdout), &entries); err != nil {
		t.Fatalf("session show: %v in %q", err, stdout)
	}
	shown := map[string]string{}
	for _, e := range entries {
		shown[e.Decision.Decision.Exchange] = e.Decision.Decision.Code
	}
	log, known := tb.logText(), 0
	for id, want := range tb.records {
		got, ok := shown[id]
		if ok && got != want {
			t.Errorf("record %s: code %q, want %q", id, got, want)
		}
		if ok {
			known++
		}
		if !strings.Contains(log, id) {
			t.Errorf("record %s (%s) is not in the log", id, want)
		}
	}
	if known < 100 {
		t.Errorf("session show knows %d of %d refusals, want most", known, len(tb.records))
	}
}

// wereCounted finds in the metrics the refusals of callers without identity,
// which have no record of their own.
func (tb *table) wereCounted(t *testing.T) {
	t.Helper()
	operators := *tb.world
	operators.gateway = tb.admin
	_, metrics := operators.get("/metrics", "x-cloakroom-token", tb.token(sreClient))
	sum := 0
	for line := range strings.Lines(metrics) {
		fields := strings.Fields(line)
		if len(fields) == 2 && strings.Contains(fields[0], "refusals_total{") &&
			(strings.Contains(fields[0], `"unauthenticated"`) || strings.Contains(fields[0], `"unknown_placeholder"`)) {
			n, _ := strconv.Atoi(fields[1])
			sum += n
		}
	}
	if tb.counted == 0 || sum < tb.counted {
		t.Errorf("%d refusals of callers without identity were counted, want at least %d", sum, tb.counted)
	}
}
