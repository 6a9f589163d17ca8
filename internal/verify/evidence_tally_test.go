package verify

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"cloakroom/internal/record"
	"cloakroom/internal/recording"
)

// TestReportsOfOtherRecordings do not hold: what the lines tell of these they must count.
func TestReportsOfOtherRecordings(t *testing.T) {
	w, _ := filled(t)
	off, lost, gone := usual("e5"), usual("e6"), usual("e7")
	off.end.Kept, lost.end.Lost, gone.end.Until = "", true, noon.Add(time.Minute)
	for _, c := range []*call{off, lost, gone, usual("e8")} {
		w.happen(noon.Add(6*time.Minute), c)
	}
	act := signedAct(t, 1, record.Act{Name: recording.ActErase, Exchange: "e8"})
	w.append(record.Entry{Act: &act})
	w.gone["e7"], w.gone["e8"] = recording.ErrGone, recording.ErrErased
	if c := w.checked(w.evidence()); c.Report.Off != 1 || c.Report.Lost != 1 || c.Report.Expired != 1 || c.Report.Erased != 1 || c.Report.Recorded != 4 {
		t.Fatalf("an honest one: %+v", c.Report)
	}
	for name, lie := range map[string]func(r *SessionReport){
		"nothing was not recorded":  func(r *SessionReport) { r.Off, r.Recorded = 0, r.Recorded+1 },
		"nothing was lost":          func(r *SessionReport) { r.Lost-- },
		"more had their time":       func(r *SessionReport) { r.Expired, r.Recorded = 2, r.Recorded-1 },
		"more were erased":          func(r *SessionReport) { r.Erased, r.Recorded = 2, r.Recorded-1 },
		"more are under other keys": func(r *SessionReport) { r.Sealed, r.Recorded = r.Found+1, r.Recorded-r.Found-1 },
		"more were read":            func(r *SessionReport) { r.Recorded++ },
		"of some it tells nothing":  func(r *SessionReport) { r.Recorded -= r.Found + 1 },
		"a count below nothing":     func(r *SessionReport) { r.Recorded, r.Expired = r.Recorded+2, -1 },
		"all was searched anew":     func(r *SessionReport) { r.Trusted = off.end.ResponseBytes - 1 },
	} {
		e := w.evidence()
		if lie(&e.Report); e.Report.Found == 0 {
			t.Fatal("nothing was found")
		}
		if _, err := readEvidence(bytes.NewReader(w.written(e)), nil); !errors.Is(err, ErrEvidence) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestAnErasureThatNobodySigned excuses nothing, but where the report has a finding.
func TestAnErasureThatNobodySigned(t *testing.T) {
	w := newWorld(t)
	w.lease(noon, "active", "")
	w.happen(noon.Add(time.Minute), usual("e1"))
	act := signedAct(t, 2, record.Act{Name: recording.ActErase, Exchange: "e1"})
	w.append(record.Entry{Act: &act})
	w.gone["e1"] = recording.ErrErased
	e := w.evidence()
	if _, err := readEvidence(bytes.NewReader(w.written(e)), nil); e.Report.Erased != 1 || !errors.Is(err, ErrEvidence) {
		t.Errorf("%+v: %v", e.Report, err)
	}
	e.Report.Add(LogReport{Found: 1, Findings: []Finding{{What: "it has no signature"}}})
	w.checked(e)
}
