package integration

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// shownLease is a lease as `lease ls --json` prints it.
type shownLease struct{ Lease, Credential, State string }

func (w *world) leases() (all []shownLease) {
	w.t.Helper()
	stdout, stderr, code := command(w.t, w.dir, w.env, "lease", "ls", "--json")
	if code != 0 {
		w.t.Fatalf("lease ls: %s", stderr)
	}
	if err := json.Unmarshal([]byte(stdout), &all); err != nil {
		w.t.Fatal(err)
	}
	return all
}

// ended waits until no lease is active.
func (w *world) ended() {
	w.t.Helper()
	w.eventually("all leases have ended", func() bool {
		for _, l := range w.leases() {
			if l.State == "active" {
				return false
			}
		}
		return true
	})
}

// TestLeaseEnds: an exchange that an expiry overtakes finishes; the next
// request opens a lease of its own; a ticket is worth nothing from then on, also
// after a restart.
func TestLeaseEnds(t *testing.T) {
	t.Parallel()
	b := newPausing(t)
	key := value()
	s := demo(key, b.address())
	s.Config = strings.Replace(oneCredential, "15m", "2s", 1)
	r := newRig(t, s, asPrinted)
	placeholder := r.placeholder("demo")
	headers := []string{"x-cloakroom-token", r.token(agentClient), "authorization", "Bearer " + placeholder}

	flow := r.begin(headers...)
	first := r.leases()
	r.ended()
	b.proceed <- struct{}{}
	if got := flow.end(); got.err != nil || !strings.HasSuffix(got.body, "data: Bearer "+placeholder+"\n\n") {
		t.Errorf("the exchange under way got %v after %q, want its end, masked", got.err, got.body)
	}
	if answer, body := r.get("/api/v1/x", headers...); answer.StatusCode != http.StatusOK {
		t.Errorf("behind the lease's end: %d %s, want 200 under a new one", answer.StatusCode, body)
	}
	if all := r.leases(); len(first) != 1 || len(all) != 2 {
		t.Errorf("leases %v, then %v: want one, then two", first, all)
	}

	ticket := r.ticket(agentClient, "demo")
	if answer, body := r.get("/api/v1/x", "authorization", "Bearer "+ticket); answer.StatusCode != http.StatusOK || strings.Contains(body, key) {
		t.Fatalf("with a ticket: %d %s", answer.StatusCode, body)
	}
	r.ended()
	before := b.count()
	for range 2 {
		for range 2 {
			answer, body := r.get("/api/v1/x", "authorization", "Bearer "+ticket)
			if answer.StatusCode != http.StatusForbidden || !strings.Contains(body, `"lease_expired"`) {
				t.Errorf("with a ticket that has ended: %d %s, want 403 lease_expired", answer.StatusCode, body)
			}
		}
		r.service.stop(t)
		r.serve()
	}
	if b.count() != before {
		t.Error("a ticket that has ended reached the backend")
	}
}
