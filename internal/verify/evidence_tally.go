package verify

import "time"

// tally is what entries tell of recordings without these.
type tally struct {
	made            time.Time       // the report
	erased          map[string]bool // exchanges of which an act says so
	ends, off, lost int             // exchanges: with an end, of which nothing is recorded, of which a part is lost
	erasures        int             // of them, recordings that were erased, or were to be
	expired         int             // of them, recordings whose time was over
	unkept          int64           // bytes that reached agents, and of which nothing is recorded
}

// take counts an exchange that has an end.
func (t *tally) take(x *exchange) {
	const late = time.Minute // the report tells its time to the second, and from before it looked
	e := x.end.entry.End
	t.ends++
	if e.Lost {
		t.lost++
	}
	switch {
	case len(e.Recording) == 0:
		t.off++
		t.unkept += max(0, e.ResponseBytes)
		return
	case !e.Until.IsZero() && t.made.Add(late).After(e.Until):
		t.expired++
	}
	if t.erased[x.id] {
		t.erasures++
	}
}

// allows tells whether a report may have been made of these entries: of each exchange it
// has a count or a finding, and it excuses no more than were erased, or had their time.
func (t *tally) allows(r *SessionReport) bool {
	if min(r.Recorded, r.Expired, r.Erased, r.ToErase, r.Sealed, r.Found) < 0 || min(r.Searched, r.Sent) < 0 {
		return false
	}
	untold := t.ends - r.Recorded - r.Expired - r.Erased - r.Sealed - r.Off
	return r.Off == t.off && r.Lost == t.lost && r.Trusted >= t.unkept && r.Expired <= t.expired &&
		r.Erased+r.ToErase <= t.erasures && r.Sealed <= r.Found && untold >= 0 && untold <= r.Found+r.ToErase
}
