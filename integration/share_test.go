package integration

import (
	"crypto/rand"
	"net/http"
	"strings"
	"testing"
)

// TestShareOfRecordings lets one agent fetch what fills the disk of recordings: it is
// refused once it has had its share, is told why, and another agent goes on.
func TestShareOfRecordings(t *testing.T) {
	t.Parallel()
	b := backend(t, func(w http.ResponseWriter, r *http.Request) {
		body := make([]byte, 60<<10) // nothing makes it shorter
		rand.Read(body)
		w.Write(body)
	})
	w := newWorld(t, setup{Values: map[string]string{"DEMO_KEY": value(), "OTHER_KEY": value()},
		Config:    twoCredentials + "record: {per_principal: 1MiB}\n",
		Upstreams: []string{`{host: api.test, prefix: /api, address: "` + b.address() + `"}`}})
	as := func(client string) []string {
		return []string{"x-cloakroom-session", "s1", "x-cloakroom-token", w.token(client), "authorization", "Bearer " + w.placeholder("demo")}
	}
	greedy, quiet := as(agentClient), as(otherClient)
	status, body := http.StatusOK, ""
	for n := 0; status == http.StatusOK && n < 100; n++ {
		var answer *http.Response
		answer, body = w.get("/api/v1/x", greedy...)
		status = answer.StatusCode
	}
	if status != http.StatusForbidden || errorCode(body) != "unavailable" || !strings.Contains(body, "one principal") {
		t.Fatalf("the greedy agent got %d: %.300s", status, body)
	}
	if n := b.count(); n < 17 || n > 40 {
		t.Errorf("it was refused after %d answers", n)
	}
	if answer, body := w.get("/api/v1/x", quiet...); answer.StatusCode != http.StatusOK {
		t.Errorf("another agent got %d: %.300s", answer.StatusCode, body)
	}
	if m := w.metrics(t); m["cloakroom_recording_principals_over_share"] != 1 || m["cloakroom_recording_ready"] != 1 {
		t.Errorf("metrics: over %v, ready %v", m["cloakroom_recording_principals_over_share"], m["cloakroom_recording_ready"])
	}
	all := w.session(t, "s1", b.count()+1, true)
	refused := 0
	for _, x := range all {
		if d := x.Decision.Decision; d.Code == "unavailable" && strings.Contains(d.Reason, "one principal recorded") && x.End.End.Lost {
			refused++
		}
	}
	if refused != 1 {
		t.Errorf("%d refusals say why, of %d entries", refused, len(all))
	}
}
