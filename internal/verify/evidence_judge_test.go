package verify

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/inventory"
	"cloakroom/internal/record"
)

// checked writes evidence and checks it.
func (w *world) checked(e Evidence) Checked {
	w.t.Helper()
	c, err := readEvidence(bytes.NewReader(w.written(e)), e.Key.Verifier())
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// onWord are the findings that only who has the keys can make.
var onWord = []What{Leak, Kept, Changed, Sealed, Unrecorded, Fingerprints}

// TestEvidenceIsJudgedAnew harms an exchange in every way, and has its maker say that
// nothing is wrong: whoever has no more than the file sees what the lines show.
func TestEvidenceIsJudgedAnew(t *testing.T) {
	for _, tt := range harms {
		t.Run(tt.name, func(t *testing.T) {
			w := tt.world(t)
			e := w.evidence()
			if c := w.checked(e); len(c.Judged.Unsaid) > 0 {
				t.Errorf("an honest report does not say %v", c.Judged.Unsaid)
			}
			found := e.Report.Findings
			e.Report.Findings, e.Report.Found = nil, 0
			if untold := e.Report.Exchanges - e.Report.Recorded - e.Report.Off; untold > 0 {
				if _, err := readEvidence(bytes.NewReader(w.written(e)), nil); !errors.Is(err, ErrEvidence) {
					t.Errorf("a report of nothing tells of %d recordings neither that they were read nor why not: %v", untold, err)
				}
				return
			}
			if slices.Contains(onWord, tt.what) {
				found = nil
			}
			if got := w.checked(e).Judged.Unsaid; !slices.Equal(got, found) {
				t.Errorf("a report of nothing does not say %v\nwant %v", got, found)
			}
		})
	}
}

// TestOneSessionIsJudgedAnew has no other lines in its file than those of the session,
// and comes to the same.
func TestOneSessionIsJudgedAnew(t *testing.T) {
	w := newWorld(t)
	w.inForce(noon.Add(time.Second), inventory.Tier{Name: "low", Lease: 15 * time.Minute})
	w.lease(noon, "active", "")
	other := usual("e0")
	other.decision.Session = "s0"
	w.happen(noon.Add(10*time.Second), other)
	w.describe(noon.Add(20*time.Second), "and more")
	bad := usual("e1")
	bad.decision.Path = "/b"
	w.happen(noon.Add(time.Minute), bad)
	w.happen(noon.Add(time.Minute), usual("e2"))
	e := w.evidenceOf(func(d *record.Decision, _ time.Time) bool { return d.Session == "s1" })
	if len(e.Rules) != 1 || e.Report.Exchanges != 2 || e.Report.Found != 1 {
		t.Fatalf("%d rules, %+v", len(e.Rules), e.Report)
	}
	c := w.checked(e)
	if j := c.Judged; j.Values != 2 || j.NoRules != 0 || len(j.Unsaid) > 0 || c.Logs[0].Whole != 0 {
		t.Errorf("got %+v", c)
	}
	e.Report.Findings, e.Report.Found = nil, 0
	if got := w.checked(e).Judged.Unsaid; len(got) != 1 || got[0].What != NotPermitted || got[0].Exchange != "e1" {
		t.Errorf("it does not say %v", got)
	}
}

// TestRulesThatTheFileDoesNotHave leave that part to its maker's word, and the rest
// is judged: old entries tell no hash of the rules, and a maker may leave them out.
func TestRulesThatTheFileDoesNotHave(t *testing.T) {
	old := openWorld(t, true)
	old.inForce(noon.Add(time.Second), inventory.Tier{Name: "low", Lease: 15 * time.Minute})
	old.lease(noon, "active", "")
	bad := usual("e1")
	bad.decision.Path, bad.decision.Uses[0].Needs = "/b", 1
	old.happen(noon.Add(time.Minute), bad)
	kept, left := old.evidence(), harm{harm: func(_ *world, c *call) { c.decision.Path, c.decision.Uses[0].Needs = "/b", 1 }}.world(t)
	out := left.evidence()
	out.Rules = nil
	for name, tt := range map[string]struct {
		w *world
		e Evidence
	}{"old entries": {old, kept}, "left out": {left, out}} {
		if len(tt.e.Rules) > 0 || tt.e.Report.Found != 2 {
			t.Fatalf("%s: %d rules, %+v", name, len(tt.e.Rules), tt.e.Report)
		}
		tt.e.Report.Findings, tt.e.Report.Found = nil, 0
		if j := tt.w.checked(tt.e).Judged; j.Values != 1 || j.NoRules != 1 || len(j.Unsaid) != 1 || j.Unsaid[0].What != Unapproved {
			t.Errorf("%s: %+v", name, j)
		}
	}
}

// TestOtherRules are signed, and are not those that the log tells of.
func TestOtherRules(t *testing.T) {
	w := harm{harm: func(_ *world, c *call) { c.decision.Path = "/b" }}.world(t)
	e := w.evidence()
	for hash, text := range e.Rules {
		wider := bytes.Replace(text, []byte("/a/**"), []byte("/**"), 1)
		e.Rules[hash] = wider
		if _, err := readEvidence(bytes.NewReader(w.written(e)), nil); !errors.Is(err, ErrEvidence) {
			t.Errorf("under the hash of others: %v", err)
		}
		delete(e.Rules, hash)
		e.TakeRules(sum(wider), wider)
	}
	if j := w.checked(e).Judged; j.NoRules != 1 {
		t.Errorf("under their own hash: %+v", j)
	}
}

// TestMoreFindingsThanAReportLists are not held against it, as long as it counts them and
// has no room for them.
func TestMoreFindingsThanAReportLists(t *testing.T) {
	w := harm{harm: func(_ *world, c *call) { c.decision.Path = "/b" }}.world(t)
	e := w.evidence()
	e.Report.Findings = nil
	if got := w.checked(e).Judged.Unsaid; len(got) != 1 {
		t.Errorf("it counts them, has room, and does not say %v", got)
	}
	e.Report.Findings, e.Report.Found = make([]SessionFinding, findingsMax), findingsMax+1
	if got := w.checked(e).Judged.Unsaid; len(got) > 0 {
		t.Errorf("it counts them, and does not say %v", got)
	}
	e.Report.Found--
	if got := w.checked(e).Judged.Unsaid; len(got) != 1 {
		t.Errorf("it counts others, and does not say %v", got)
	}
}

// TestEvidenceOfAFleet has halves of an exchange in two logs, its lease in a third, and
// is judged whole.
func TestEvidenceOfAFleet(t *testing.T) {
	deciding, serving, leasing := newWorld(t), newWorld(t), newWorld(t)
	leasing.lease(noon, "active", "")
	bad, good := usual("e1"), usual("e2")
	bad.decision.Uses[0].Lease = "lease2"
	for _, c := range []*call{bad, good} {
		deciding.append(record.Entry{Time: noon.Add(time.Minute), Decision: &c.decision})
		c.end.Recording = []record.Part{{Pack: "p", At: 10, Size: 20, SHA256: record.Hash{1}}}
		serving.tapes[c.tape.Exchange] = c.tape
		serving.append(record.Entry{Time: noon.Add(2 * time.Minute), End: &c.end})
	}
	other := "01kb4v9gz5t0m7x2c8r3n6p1qd"
	serving.append(record.Entry{Heads: &record.Heads{Heads: []record.Head{{Log: other, Size: 3}, {Log: leasing.log.ID(), Size: 2}}}})
	e := serving.evidence(deciding, leasing)
	if e.Report.Found != 1 || e.Report.Findings[0].What != NoLease || e.Report.Exchanges != 2 {
		t.Fatalf("got %+v", e.Report)
	}
	c := serving.checked(e)
	if len(c.Logs) != 3 || c.Judged.Values != 2 || len(c.Judged.Unsaid) > 0 || !slices.Equal(c.Judged.Missing, []string{other}) {
		t.Errorf("got %+v", c)
	}
	serving.append(record.Entry{Heads: &record.Heads{Heads: []record.Head{{Log: leasing.log.ID(), Size: 200}}}})
	more := serving.evidence(deciding, leasing)
	if got := serving.checked(more).Judged.Missing; !slices.Equal(got, slices.Sorted(slices.Values([]string{other, leasing.log.ID()}))) {
		t.Errorf("a log that had more entries than the file's: %q", got)
	}
	delete(e.Lines, leasing.log.ID()) // a log is left out
	if j := serving.checked(e).Judged; len(j.Unsaid) != 1 || j.Unsaid[0].Exchange != "e2" || len(j.Missing) != 2 {
		t.Errorf("without a log: %+v", j)
	}
}

// TestAllLines tells up to where no line is left out.
func TestAllLines(t *testing.T) {
	w, _ := filled(t)
	w.lease(noon.Add(30*time.Second), "ended", "revoked")
	w.happen(noon.Add(10*time.Minute), usual("e9"))
	e := w.evidence()
	all := len(e.Lines[w.log.ID()])
	if c := w.checked(e); c.Logs[0].Whole != int64(all) || c.Logs[0].Gaps != 0 || all != 13 {
		t.Errorf("%d lines, whole up to %d", all, c.Logs[0].Whole)
	}
	e.Lines[w.log.ID()] = slices.DeleteFunc(e.Lines[w.log.ID()], func(l record.Line) bool { return bytes.Contains(l.Raw, []byte("revoked")) })
	if c := w.checked(e); c.Logs[0].Whole != 10 || c.Logs[0].Gaps != 1 {
		t.Errorf("without the revocation: whole up to %d", c.Logs[0].Whole)
	}
}

// TestLinesThatCameSince are left to the next time, but for those about leases.
func TestLinesThatCameSince(t *testing.T) {
	var l CheckedLog
	for _, tt := range []struct {
		seq   uint64
		entry record.Entry
		gaps  int64
	}{{1, record.Entry{Decision: &record.Decision{Exchange: "e1"}}, 0}, {5, record.Entry{Lease: &record.Lease{}}, 0}, {6, record.Entry{End: &record.End{Exchange: "e1"}}, 3}} {
		if l.take(place{line: record.Line{Seq: tt.seq}, entry: tt.entry}); l.Gaps != tt.gaps || l.Whole != 1 {
			t.Errorf("behind entry %d: %+v", tt.seq, l)
		}
	}
}

// TestWhatIsHeldIsBounded refuses a file that wants more memory than there is to be
// judged by.
func TestWhatIsHeldIsBounded(t *testing.T) {
	j := newEvidenceJudge()
	lease := place{log: "l", size: 1 << 20, entry: record.Entry{Lease: &record.Lease{}}}
	var err error
	for n := 0; err == nil && n <= heldMax>>20; n++ {
		err = j.remember(t.Context(), lease)
	}
	if !errors.Is(err, ErrEvidence) {
		t.Errorf("leases without end: %v", err)
	}
	j = newEvidenceJudge()
	j.until["l"] = 1
	for i := range 2 * heldMax >> 20 {
		id := "e" + strings.Repeat("x", i)
		d := place{log: "l", size: 1 << 20, entry: record.Entry{Decision: &record.Decision{Exchange: id, Outcome: access.Deny}}}
		end := place{log: "l", size: 1 << 20, entry: record.Entry{End: &record.End{Exchange: id}}}
		if err := errors.Join(j.remember(t.Context(), d), j.join(t.Context(), d), j.join(t.Context(), end)); err != nil {
			t.Fatalf("exchange %d, and none is open: %v", i, err)
		}
	}
	j = newEvidenceJudge()
	text := []byte(`{"Credentials":[` + strings.Repeat("{},", 1000) + `{}]}`)
	if err := j.take(sum(text), text); !errors.Is(err, ErrEvidence) || len(j.sets) > 0 {
		t.Errorf("rules that are little but objects: %v", err)
	}
}

// TestLongRules are left out of the file, and it is good.
func TestLongRules(t *testing.T) {
	w, _ := filled(t)
	e := w.evidence()
	for hash := range e.Rules {
		e.Rules[hash] = bytes.Repeat([]byte("x"), rulesMax+1)
	}
	if j := w.checked(e).Judged; j.NoRules != 3 {
		t.Errorf("got %+v", j)
	}
}

// TestAFileThatChanges is read twice, and is another the second time.
func TestAFileThatChanges(t *testing.T) {
	w, _ := filled(t)
	e := w.evidence()
	first := w.written(e)
	e.By = "somebody else"
	r := &changing{Reader: bytes.NewReader(first), then: w.written(e)}
	if _, err := readEvidence(r, nil); !errors.Is(err, ErrEvidence) || !strings.Contains(err.Error(), "changed") {
		t.Errorf("got %v", err)
	}
}

// changing is another text once it has been read.
type changing struct {
	*bytes.Reader
	then []byte
}

func (c *changing) Seek(at int64, whence int) (int64, error) {
	if c.Len() < int(c.Size()) {
		c.Reset(c.then)
	}
	return c.Reader.Seek(at, whence)
}
