package integration

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestReplicasLogs verifies the logs of three replicas together, while they run and
// when they have stopped, and without one of them.
func TestReplicasLogs(t *testing.T) {
	t.Parallel()
	b := backend(t, func(w http.ResponseWriter, r *http.Request) {})
	f := newFleet(t, setup{Config: `
tiers: {low: {lease: 5m}}
credentials:
  - {name: demo, tier: low, groups: [ai-agents], value: {env: DEMO_KEY}, allow: [{hosts: [api.test], methods: [GET], paths: ["/v1/**"]}]}
record: {checkpoint: {every: 1s}}
`, Values: map[string]string{"DEMO_KEY": value()}, Upstreams: []string{`{host: api.test, prefix: /api, address: "` + b.address() + `"}`}})
	headers := []string{"x-cloakroom-token", f.token(agentClient), "authorization", "Bearer " + f.replicas[0].placeholder("demo")}
	first, others := f.replicas[0], []string{}
	for _, r := range f.replicas[1:] {
		others = append(others, "--log", r.path("record"))
	}
	named := func() bool { // by the first: the heads of both others
		paths, err := filepath.Glob(first.path("record/*.log"))
		if err != nil || len(paths) != 1 {
			t.Fatalf("%q, %v", paths, err)
		}
		lines, err := os.ReadFile(paths[0])
		if err != nil {
			t.Fatal(err)
		}
		return strings.Count(string(lines), `{"log":"`) >= 2
	}
	for range 12 {
		f.get("/api/v1/x", headers...)
	}
	f.eventually("the first replica names both others", func() bool {
		if answer, _ := f.get("/api/v1/x", headers...); answer.StatusCode != http.StatusOK {
			t.Fatalf("status %d", answer.StatusCode)
		}
		if r := first.logVerify(t, 0, others...); len(r.Logs) != 3 {
			t.Fatalf("while they run: %+v", r)
		}
		return named()
	})
	for _, r := range f.replicas {
		r.service.stop(t)
	}
	if r := first.logVerify(t, 0, others...); r.Rows < 26 || r.Parts < 13 {
		t.Errorf("when they have stopped: %+v", r)
	}
	file := first.path("fleet.evidence")
	if _, stderr, code := command(t, first.dir, first.env, append([]string{"session", "verify", "--all", "--contents", "--evidence", file}, others...)...); code != 0 {
		t.Errorf("session verify: exit %d: %s", code, stderr)
	}
	stdout, stderr, code := command(t, first.dir, first.env, "log", "verify", file)
	if code != 0 || strings.Count(stdout, "lines of ") != 3 || strings.Contains(stdout, "missing     log") || !strings.Contains(stdout, "rules of 0 values") {
		t.Errorf("the fleet's evidence: exit %d: %s%s", code, stdout, stderr)
	}
	all := regexp.MustCompile(`contents +of (\d+) exchanges\n(?s:.*) (\d+) recordings, (\d+) of them proved, of (\d+) that`).FindStringSubmatch(stdout)
	if all == nil || all[1] != all[2] || all[2] != all[3] || all[3] != all[4] {
		t.Errorf("not all contents are proved: %s", stdout)
	}
	r := first.logVerify(t, 1, others[:2]...)
	missing := map[string]bool{}
	for _, f := range r.Findings {
		for _, how := range []string{"it names log", "the index has this log", "a log that is missing"} {
			missing[how] = missing[how] || strings.Contains(f.What, how)
		}
	}
	if len(missing) != 3 || !missing["it names log"] || !missing["the index has this log"] || !missing["a log that is missing"] {
		t.Errorf("without the third log: %+v", r.Findings)
	}
}
