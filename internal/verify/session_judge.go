package verify

import (
	"context"

	"cloakroom/internal/access"
	"cloakroom/internal/inventory"
	"cloakroom/internal/record"
	"cloakroom/internal/recording"
	"cloakroom/internal/search"
)

// judgement judges what the lines of logs say of exchanges: whether each has its
// decision and its end, and what was put in, by the leases and rules of the time. It
// is the same wherever the lines stand: in an instance's logs, or in evidence. All
// lines are remembered before any is joined.
type judgement struct {
	*history
	material
	want      func(d *record.Decision, p place) bool // nil: all
	values    *search.Search                         // to be searched for; nil: none
	exchanges map[string]*exchange                   // the wanted ones, by id
	later     map[string]bool                        // those that were decided since it began, by id
	hits      int                                    // of values
	report    SessionReport
}

// material is what a judgement has beside the entries.
type material interface {
	// rules are those that a reload put in force; nil: they are not there.
	rules(ctx context.Context, p place) *inventory.Set
	// uses hears that the judgement rests on a line.
	uses(p *place)
	// look hears of the lines of each exchange that is judged.
	look(p *place)
	// recording hears of each exchange that has an end.
	recording(ctx context.Context, x *exchange)
}

func newJudgement(m material) *judgement {
	return &judgement{history: newHistory(), material: m, exchanges: map[string]*exchange{}, later: map[string]bool{}}
}

// isLater tells whether p came since the judgement began.
func (j *judgement) isLater(p place) bool { return p.line.Seq > j.until[p.log] }

// exchange is what the logs have of one exchange.
type exchange struct {
	id            string
	decision, end *place
	judged        bool // and forgotten but for its id
}

// remember takes what exchanges are judged by, and the ids of those that are wanted.
func (j *judgement) remember(ctx context.Context, p place) error {
	switch e := p.entry; {
	case e.Decision != nil && j.isLater(p):
		j.later[e.Decision.Exchange] = true
	case e.Decision != nil && (j.want == nil || j.want(e.Decision, p)):
		j.exchanges[e.Decision.Exchange] = &exchange{id: e.Decision.Exchange}
	case e.Lease != nil:
		l := j.lease(e.Lease.ID)
		l.states = append(l.states, p)
	case e.Approval != nil:
		l := j.lease(e.Approval.Lease)
		l.answers = append(l.answers, p)
	case e.Reload != nil && e.Reload.Error == "":
		j.inForce[p.log] = append(j.inForce[p.log], inForce{p, j.rules(ctx, p)})
	}
	return ctx.Err()
}

// join makes exchanges of decisions and ends, and judges each once both are
// there.
func (j *judgement) join(ctx context.Context, p place) error {
	var x *exchange
	var at **place
	switch {
	case p.entry.Decision != nil:
		if x = j.exchanges[p.entry.Decision.Exchange]; x != nil {
			at = &x.decision
		}
	case p.entry.End != nil && !j.isLater(p) && !j.later[p.entry.End.Exchange]:
		if x = j.exchanges[p.entry.End.Exchange]; x != nil {
			at = &x.end
		} else if j.want == nil && !isKept(p.entry.End) {
			j.wrong(&p, NoDecision, "no log has its decision")
		}
	}
	if x == nil {
		return nil
	}
	if !x.judged && takenBack(x.decision, &p) {
		x.decision = nil
	}
	if x.judged || *at != nil {
		j.wrong(&p, Twice, "an exchange has one decision and one end")
		return nil
	}
	if *at = &p; x.decision != nil && x.end != nil {
		j.judge(ctx, x)
	}
	return ctx.Err()
}

// rest judges the exchanges that have no end.
func (j *judgement) rest(ctx context.Context) {
	for _, id := range sortedKeys(j.exchanges) {
		if x := j.exchanges[id]; !x.judged {
			j.judge(ctx, x)
		}
	}
}

// judge judges an exchange, and forgets it.
func (j *judgement) judge(ctx context.Context, x *exchange) {
	if x.decision == nil { // an end whose decision is wanted, and then was not there
		j.wrong(x.end, NoDecision, "no log has its decision")
		return
	}
	j.report.Exchanges++
	j.line(x.decision)
	if x.decision.entry.Decision.Outcome != access.Allow {
		j.report.Refused++
	}
	if x.end != nil {
		j.line(x.end)
		j.substituted(x)
		j.recording(ctx, x)
	}
	if x.end == nil || x.end.entry.End.Error == recording.Unended {
		j.report.Unfinished++
		j.granted(x)
	}
	x.decision, x.end, x.judged = nil, nil, true
}

func (j *judgement) line(p *place) {
	j.uses(p)
	j.look(p)
}

// isKept tells whether an end is of no exchange: it names a text that was kept, and
// nothing went anywhere.
func isKept(e *record.End) bool {
	return e.Error == recording.Unwanted && e.Status == 0 && e.RequestBytes == 0 && e.ResponseBytes == 0 && len(e.Substitutions) == 0
}

// takenBack tells whether a decision was followed by a refusal of the same exchange
// in its log, as where it was not known in time whether it had been written: then
// nothing came of it.
func takenBack(first, second *place) bool {
	return first != nil && second.entry.Decision != nil && second.entry.Decision.Outcome != access.Allow && first.log == second.log
}

// wrong is a finding about a line.
func (j *judgement) wrong(p *place, w What, detail string) {
	j.uses(p)
	j.found(p.finding(w, detail))
}

func (j *judgement) found(f SessionFinding) {
	j.report.Found++
	if len(j.report.Findings) < findingsMax {
		j.report.Findings = append(j.report.Findings, f)
	}
}
