package verify

import (
	"time"

	"golang.org/x/mod/sumdb/note"

	"cloakroom/internal/record"
	"cloakroom/internal/recording"
)

// tally is what entries tell of recordings without these.
type tally struct {
	made            time.Time       // the report
	key             note.Verifier   // the instance's
	erased          map[string]bool // exchanges of which an act says so, and whether one that is signed does
	ends, off, lost int             // exchanges: with an end, of which nothing is recorded, of which a part is lost
	erasures        int             // of them, recordings that were erased, or were to be
	forged          int             // of these, as nobody of the instance says: a report has a finding about each
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
	if signed, told := t.erased[x.id]; told {
		t.erasures++
		if !signed {
			t.forged++
		}
	}
}

// erases notes an act that erases an exchange, and returns the bytes that it takes.
func (t *tally) erases(a *record.Act) (n int) {
	signed, told := t.erased[a.Exchange]
	if !told {
		n = idSize + len(a.Exchange)
	}
	t.erased[a.Exchange] = signed || t.key != nil && t.key.Verify([]byte(recording.ErasureText(*a)), a.Sig)
	return n
}

// allows tells whether a report may have been made of these entries: of each exchange it
// has a count or a finding, and it excuses no more than were erased, or had their time.
func (t *tally) allows(r *SessionReport) bool {
	if min(r.Recorded, r.Expired, r.Erased, r.ToErase, r.Sealed, r.Found) < 0 || min(r.Searched, r.Sent) < 0 {
		return false
	}
	untold := t.ends - r.Recorded - r.Expired - r.Erased - r.Sealed - r.Off
	return r.Off == t.off && r.Lost == t.lost && r.Trusted >= t.unkept && r.Expired <= t.expired &&
		r.Erased+r.ToErase <= t.erasures-max(0, t.forged-r.Found) && r.Sealed <= r.Found && untold >= 0 && untold <= r.Found+r.ToErase
}
