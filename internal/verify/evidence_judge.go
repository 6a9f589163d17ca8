package verify

import (
	"context"
	"slices"

	"cloakroom/internal/inventory"
	"cloakroom/internal/record"
	"cloakroom/internal/recording"
)

// heldMax is how much of a file may be held to judge by, in bytes.
const heldMax = 256 << 20

// Judged is what the lines and the rules in an evidence file show by themselves,
// whatever its report says.
type Judged struct {
	Values   int   `json:"values"`   // put in, or may have been: judged by decision, lease and approvals
	NoRules  int   `json:"no_rules"` // of them, not judged by the rules of the time: the file does not have these
	Named    int   `json:"named"`    // recordings that the lines tell of
	Recorded int   `json:"recorded"` // of them, in the file: their bodies were compared with their hashes
	Proved   int   `json:"proved"`   // of them, that are what the log says
	Searched int64 `json:"searched"` // bytes of them that agents got, and that were searched for the values that were given
	// Unsaid is what is wrong and the report does not say.
	Unsaid []SessionFinding `json:"unsaid,omitempty"`
	// Missing are logs of which a line tells more entries than the file's log has.
	Missing []string `json:"missing,omitempty"`
}

// evidenceJudge judges what stands in evidence: the material of its judgement are the
// file's rules.
type evidenceJudge struct {
	*judgement
	sets map[record.Hash]*inventory.Set // by their hash
	open map[string]int                 // bytes held of the exchanges that are not judged, by id
	told map[string]int64               // entries that lines tell of, by log
	held int                            // bytes

	named, proved int // recordings
	tally         tally
}

func newEvidenceJudge() *evidenceJudge {
	j := &evidenceJudge{sets: map[record.Hash]*inventory.Set{}, open: map[string]int{}, told: map[string]int64{},
		tally: tally{erased: map[string]bool{}}}
	j.judgement = newJudgement(j)
	return j
}

func (j *evidenceJudge) rules(_ context.Context, p place) *inventory.Set {
	return j.sets[p.entry.Reload.Inventory]
}

func (j *evidenceJudge) uses(*place) {}
func (j *evidenceJudge) look(*place) {}

func (j *evidenceJudge) recording(_ context.Context, x *exchange) { j.tally.take(x) }

// hold counts so many bytes that are held.
func (j *evidenceJudge) hold(n int) error {
	if j.held += n; j.held > heldMax {
		return wrong("more than %d bytes are needed to judge it", heldMax)
	}
	return nil
}

// remember is the judgement's, within bounds.
func (j *evidenceJudge) remember(ctx context.Context, p place) error {
	n := 0
	switch e := p.entry; {
	case e.Decision != nil:
		n = idSize + len(e.Decision.Exchange)
	case e.End != nil && len(e.End.Recording) > 0:
		j.named++
	case e.Lease != nil, e.Approval != nil, e.Reload != nil:
		n = p.size
	case e.Heads != nil:
		n = j.hear(e.Heads)
	case e.Act != nil:
		n = j.tally.erases(e.Act)
	}
	if err := j.hold(n); err != nil {
		return err
	}
	return j.judgement.remember(ctx, p)
}

// idSize is how many bytes an exchange, or a log, is remembered with.
const idSize = 192

// hear notes how many entries other logs have, and returns the bytes that it takes.
func (j *evidenceJudge) hear(h *record.Heads) (n int) {
	for _, head := range h.Heads {
		was, known := j.told[head.Log]
		if !known {
			n += idSize + len(head.Log)
		}
		j.told[head.Log] = max(was, head.Size)
	}
	return n
}

// join is the judgement's, within bounds: an exchange is held until it is judged.
func (j *evidenceJudge) join(ctx context.Context, p place) error {
	id := p.exchange()
	if id == "" {
		return nil
	}
	j.open[id] += p.size
	if err := j.hold(p.size); err != nil {
		return err
	}
	err := j.judgement.join(ctx, p)
	if x := j.exchanges[id]; x == nil || x.judged {
		j.held -= j.open[id]
		delete(j.open, id)
	}
	return err
}

// compare compares a report with what the entries show.
func (j *evidenceJudge) compare(c *Checked) error {
	r, own := &c.Report, &j.report
	if r.Exchanges != own.Exchanges || r.Refused != own.Refused || r.Unfinished != own.Unfinished ||
		r.Substitutions != own.Substitutions || r.Uncertain != own.Uncertain {
		return wrong("the report counts other exchanges than the entries show")
	}
	if !j.tally.allows(r) {
		return wrong("the report counts other recordings than the entries show")
	}
	if r.Found < len(r.Findings) {
		return wrong("the report counts fewer findings than it has")
	}
	c.Judged = Judged{Values: own.Substitutions + own.Uncertain, NoRules: own.Unjudged,
		Named: j.named, Recorded: own.Recorded, Proved: j.proved, Unsaid: unsaid(r, own)}
	if j.values != nil {
		c.Judged.Searched = own.Searched
	}
	for _, l := range c.Logs {
		if j.told[l.Log] <= l.Size {
			delete(j.told, l.Log)
		}
	}
	c.Judged.Missing = sortedKeys(j.told)
	return nil
}

// unsaid are the findings of own that r does not have. Where r lists all that it has room
// for, those that it only counts may be any.
func unsaid(r, own *SessionReport) (all []SessionFinding) {
	said := map[SessionFinding]bool{}
	for _, f := range r.Findings {
		said[f.place()] = true
	}
	for _, f := range own.Findings {
		if !said[f.place()] {
			all = append(all, f)
		}
	}
	if full := len(r.Findings) == findingsMax; full && len(all) <= r.Found-findingsMax && own.Found <= r.Found {
		return nil
	}
	return all
}

// place is a finding without the words in which a program tells it, and without the name
// that a value was searched for by.
func (f SessionFinding) place() SessionFinding {
	f.Detail = ""
	if f.What == Leak || f.What == Kept {
		f.Credential = ""
	}
	return f
}

// exchange is the id of the one that an entry is of; empty: it is of none.
func (p place) exchange() string {
	switch e := p.entry; {
	case e.Decision != nil:
		return e.Decision.Exchange
	case e.End != nil:
		return e.End.Exchange
	}
	return ""
}

// placeOf is an entry of a log with no more than what it is judged by.
func placeOf(log string, l record.Line) (place, error) {
	e, err := l.Entry()
	if err != nil {
		return place{}, err
	}
	const fields, item = 512, 160 // bytes beside the texts
	p := place{log: log, line: record.Line{Seq: l.Seq}, entry: slim(e), size: fields + len(l.Raw)}
	switch {
	case e.Decision != nil:
		p.size += item * len(e.Decision.Uses)
	case e.End != nil:
		p.size += item * len(e.End.Substitutions)
	case e.Approval != nil:
		p.size -= len(e.Approval.Shown)
	}
	return p, nil
}

// slim is of an entry what it is judged by.
func slim(e record.Entry) record.Entry {
	out := record.Entry{Time: e.Time}
	switch {
	case e.Decision != nil:
		d := *e.Decision
		d.Groups, d.Tokens, d.Seen = nil, nil, nil
		out.Decision = &d
	case e.End != nil:
		x := *e.End
		x.Masks, x.Phases, x.Recording = nil, nil, slices.Clone(x.Recording[:min(1, len(x.Recording))])
		out.End = &x
	case e.Reload != nil:
		r := *e.Reload
		r.Rules = nil
		out.Reload = &r
	case e.Approval != nil:
		a := *e.Approval
		a.Shown = ""
		out.Approval = &a
	case e.Act != nil && e.Act.Name == recording.ActErase && e.Act.Exchange != "":
		out.Act = &record.Act{Name: e.Act.Name, Exchange: e.Act.Exchange, Sig: e.Act.Sig}
	default:
		out.Lease, out.Heads = e.Lease, e.Heads
	}
	return out
}
