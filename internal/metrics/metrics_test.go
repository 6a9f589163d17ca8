package metrics

import (
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"cloakroom/internal/access"
)

func page(t *testing.T, m *Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != 200 {
		t.Fatalf("got %d", w.Code)
	}
	return w.Body.String()
}

func TestWhatIsCounted(t *testing.T) {
	m := New()
	m.Decided(access.Allow, "")
	m.Decided(access.Deny, access.NotGranted)
	m.Refused(access.NotGranted)
	m.Phase("policy", time.Millisecond)
	m.Began()
	m.Began()
	m.Ended(map[string]int{"github": 2}, map[string]int{"github": 3}, nil, time.Second)
	m.Began()
	m.Ended(nil, nil, errors.New("cut"), time.Second)
	m.ValueSent("github")
	m.IssuerFailed("https://i")
	m.SourceFailed("aws")
	m.StoreFailed("log")
	m.TurnedAway()
	m.Reloaded(nil)
	m.Reloaded(errors.New("bad"))
	got := page(t, m)
	for _, want := range []string{
		`cloakroom_decisions_total{outcome="allow"} 1`, `cloakroom_decisions_total{outcome="deny"} 1`,
		`cloakroom_refusals_total{code="not_granted"} 2`, `cloakroom_phase_seconds_count{phase="policy"} 1`,
		`cloakroom_streams_open 1`, `cloakroom_exchange_seconds_count 2`, `cloakroom_exchanges_cut_total 1`,
		`cloakroom_substitutions_total{credential="github"} 2`, `cloakroom_masks_total{credential="github"} 3`,
		`cloakroom_values_sent_total{credential="github"} 1`, `cloakroom_issuer_failures_total{issuer="https://i"} 1`,
		`cloakroom_value_failures_total{credential="aws"} 1`, `cloakroom_store_failures_total{what="log"} 1`,
		`cloakroom_callers_turned_away_total 1`, `cloakroom_reloads_total{result="applied"} 1`, `cloakroom_reloads_total{result="refused"} 1`,
	} {
		if !strings.Contains(got, "\n"+want+"\n") {
			t.Errorf("no line %s", want)
		}
	}
}

// TestTwoDoNotMix: each service has metrics of its own.
func TestTwoDoNotMix(t *testing.T) {
	a, b := New(), New()
	a.TurnedAway()
	if !strings.Contains(page(t, b), "cloakroom_callers_turned_away_total 0") {
		t.Error("what one counted stands in the other")
	}
}
