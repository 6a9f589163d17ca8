package verify

import (
	"context"
	"testing"
	"time"

	"cloakroom/internal/record"
	"cloakroom/internal/record/recordtest"
)

// TestStateIsWhatTheLogSays compares leases and bars with what the log tells of
// them.
func TestStateIsWhatTheLogSays(t *testing.T) {
	w := newLogWorld(t)
	now := time.Now()
	l, err := record.Open(w.one, recordtest.Masker(t), record.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []record.Entry{
		{Lease: &record.Lease{ID: "live", State: "active"}}, {Lease: &record.Lease{ID: "revoked", State: "active"}},
		{Lease: &record.Lease{ID: "revoked", State: "ended", Ending: "revoked"}},
		{Bar: &record.Bar{ID: "stands"}}, {Bar: &record.Bar{ID: "over", Until: now.Add(-time.Second)}},
		{Bar: &record.Bar{ID: "lifted"}}, {Bar: &record.Bar{ID: "lifted", Lifted: true}},
	} {
		e.Time = now.Add(-time.Minute)
		if err := l.Append(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	l.Close()
	for _, tt := range []struct {
		name  string
		state State
		want  string // empty: nothing
	}{
		{"as the log says", State{Leases: map[string]bool{"live": true}, Bars: map[string]bool{"stands": true}}, ""},
		{"a revoked lease lives", State{Leases: map[string]bool{"revoked": true}, Bars: map[string]bool{"stands": true}}, "lease revoked ended here"},
		{"a bar is gone", State{}, "bar stands stands, and the store"},
		{"a forged row", State{Unsealed: []string{"the row of x"}, Bars: map[string]bool{"stands": true}}, "the row of x was not written by this instance"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v, done := w.logs(t)
			defer done()
			v.State = &tt.state
			r, err := v.Verify(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			if tt.want == "" && r.Found > 0 {
				t.Errorf("found:\n%s", told(r))
			}
			want(t, r, tt.want)
		})
	}
}
