package verify

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/inventory"
	"cloakroom/internal/lease"
	"cloakroom/internal/record"
)

// substituted judges every value that was put in.
func (j *judgement) substituted(x *exchange) {
	d, judged := x.decision.entry.Decision, map[*record.Use]bool{}
	under := func(u *record.Use) {
		if !judged[u] {
			judged[u] = true
			j.underLease(x, u)
		}
	}
	if cut := x.end.entry.End.SubstitutionsCut; cut > 0 {
		j.report.Substitutions, j.report.Unjudged = j.report.Substitutions+cut, j.report.Unjudged+cut
		for i := range d.Uses { // under any of which they may have been
			under(&d.Uses[i])
		}
	}
	for _, s := range x.end.entry.End.Substitutions {
		j.report.Substitutions += s.N
		uses := usesOf(d, s)
		switch {
		case d.Outcome != access.Allow:
			j.about(x, s, NoUse, "the decision refused the request")
		case len(uses) == 0 && d.UsesCut > 0:
			j.report.Unjudged += s.N
		case len(uses) == 0:
			j.about(x, s, NoUse, "the decision does not name it at "+s.Location)
		default:
			for _, u := range uses {
				under(u)
			}
			j.byRules(x, s)
		}
	}
}

// granted judges what may have been put in: an exchange without an end of its own
// does not say what was.
func (j *judgement) granted(x *exchange) {
	d := x.decision.entry.Decision
	if d.Outcome != access.Allow {
		return
	}
	j.report.Uncertain += len(d.Uses) + d.UsesCut
	j.report.Unjudged += d.UsesCut
	for i := range d.Uses {
		u := &d.Uses[i]
		j.underLease(x, u)
		j.byRules(x, record.Substitution{Credential: u.Credential, Location: u.Location, N: 1})
	}
}

// about is a finding about a substitution.
func (j *judgement) about(x *exchange, s record.Substitution, w What, detail string) {
	p := x.end
	if p == nil {
		p = x.decision
	}
	f := p.finding(w, detail)
	f.Credential = s.Credential
	j.found(f)
}

// usesOf are the uses of the decision under which a value may have been put in: of two
// tickets at one place, each has a lease.
func usesOf(d *record.Decision, s record.Substitution) (all []*record.Use) {
	for i := range d.Uses {
		if u := &d.Uses[i]; u.Credential == s.Credential && covers(u.Location, s.Location) {
			all = append(all, u)
		}
	}
	return all
}

// covers tells whether a location, as it prints, holds another.
func covers(location, at string) bool {
	l, err := access.ParseLocation(location)
	if err != nil {
		return false
	}
	exact, err := access.ParseLocation(at)
	return err == nil && l.Covers(exact)
}

// underLease judges the lease of a use by what the logs have of it.
func (j *judgement) underLease(x *exchange, u *record.Use) {
	tell := func(w What, detail string) {
		f := x.decision.finding(w, detail)
		f.Credential, f.Lease = u.Credential, u.Lease
		j.found(f)
	}
	l := j.leases[u.Lease]
	if l == nil {
		tell(NoLease, "no entry tells of it")
		return
	}
	ends, w, detail := j.live(l, x, u)
	at := x.decision.entry.Time
	switch {
	case w != "":
		tell(w, detail)
		return
	case ends.IsZero():
		tell(NoLease, "no entry before the decision says that it is active")
	case !at.Before(u.LeaseEnds) || u.LeaseEnds.After(ends.Add(skew)):
		tell(Ended, "its time was over")
	}
	if max(u.Needs, l.needs(), j.needs(x, u.Credential)) > j.approvers(l, x) {
		tell(Unapproved, "its tier or the policy asks for more people")
	}
}

// live reads the states that a lease had before a decision: until when it was active,
// zero if it was not, and what was wrong with it.
func (j *judgement) live(l *authority, x *exchange, u *record.Use) (ends time.Time, w What, detail string) {
	d := x.decision.entry.Decision
	var active *record.Lease
	for i := range l.states {
		p, s := &l.states[i], l.states[i].entry.Lease
		j.uses(p)
		switch before := p.before(*x.decision); {
		case s.Credential != u.Credential || s.Issuer != d.Issuer || s.Subject != d.Subject:
			return ends, OtherLease, "its entry names another principal or credential"
		case s.State == lease.Active.String() && before:
			ends, active = later(ends, s.Ends), s
		case s.State == lease.Ended.String() && before && p.entry.Time.Add(p.slack(*x.decision)).Before(x.decision.entry.Time):
			return ends, Ended, "it was " + s.Ending
		}
	}
	if active != nil && isOutside(active, d) {
		return ends, OtherOperation, "it is good for " + active.Operation
	}
	return ends, "", ""
}

// isOutside tells whether a lease that people approved for an operation was used for
// another. Of the body it knows nothing, nor of a path that the log does not have as it
// was, or in which a placeholder stands.
func isOutside(l *record.Lease, d *record.Decision) bool {
	if l.Scope != lease.ScopeOperation.String() && l.Scope != lease.ScopePath.String() {
		return false
	}
	at := d.Method + " " + d.Host
	allowed, ok := strings.CutPrefix(l.Operation, at)
	used := d.Path
	if l.Scope == lease.ScopePath.String() {
		allowed, _, _ = strings.Cut(allowed, "?")
		used, _, _ = strings.Cut(used, "?")
	}
	return !ok || differ(allowed, used)
}

// differ tells whether two texts, as the log has them, were surely different ones.
func differ(a, b string) bool {
	a, aCut := unaltered(a)
	b, bCut := unaltered(b)
	return !(a == b || aCut && strings.HasPrefix(b, a) || bCut && strings.HasPrefix(a, b))
}

// unaltered is how far a text is in the log as it was, and whether that is not to its end:
// from there on the log may have another text, that of a mark or a placeholder.
func unaltered(text string) (known string, cut bool) {
	at := altered.FindStringIndex(text)
	if at == nil {
		return text, false
	}
	return text[:at[0]], true
}

// altered is what the log has in the place of another text; a placeholder's prefix goes
// with it.
var altered = regexp.MustCompile(`[A-Za-z0-9_.-]*(ckr_|\[masked\]|\[ticket|\[token|…|\x{FFFD})`)

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// needs is how many people were to approve the lease when it was asked for.
func (l *authority) needs() (most int) {
	for _, p := range l.states {
		most = max(most, p.entry.Lease.Needs)
	}
	return most
}

// needs is how many people the rules of the time asked for a credential's lease.
func (j *judgement) needs(x *exchange, credential string) int {
	sets, known := j.rulesAt(x.decision.log, x.decision.entry.Time)
	if !known {
		return 0
	}
	least := -1
	for _, r := range sets {
		n := 0
		if c := r.set.Credential(credential); c != nil && c.Tier.Approval != nil {
			n = c.Tier.Approval.Count
		}
		if least < 0 || n < least {
			least = n
		}
	}
	return least
}

// approvers counts the people who approved a lease before the decision, but for
// who asked and the human behind that.
func (j *judgement) approvers(l *authority, x *exchange) int {
	people := map[string]bool{}
	for i := range l.answers {
		p := &l.answers[i]
		answer := p.entry.Approval
		if !answer.Approve || answer.Person == "" || !p.before(*x.decision) || answer.By == (access.Principal{Issuer: answer.Issuer, Subject: answer.Subject}).ID() {
			continue
		}
		j.uses(p)
		people[answer.Person] = true
	}
	for _, p := range l.states {
		delete(people, p.entry.Lease.Person)
	}
	return len(people)
}

// byRules judges where a value went, and where it stood, by the rules of the time.
func (j *judgement) byRules(x *exchange, s record.Substitution) {
	d := x.decision.entry.Decision
	sets, known := j.rulesAt(x.decision.log, x.decision.entry.Time)
	if !known || isCut(d.Path, cutPath) || isCut(s.Location, cutLocation) {
		j.report.Unjudged += s.N
		return
	}
	target := access.Target{Method: d.Method, Host: d.Host, Path: d.Path}
	if !slices.ContainsFunc(sets, func(r inForce) bool { return permits(r.set, target, s) }) {
		j.about(x, s, NotPermitted, "the rules of the time do not permit it there")
	}
}

// The log cuts a path to 4096 bytes and a location to 128, after it was masked: what is
// much shorter ends with an ellipsis of its own.
const (
	cutPath     = 2048
	cutLocation = 64
)

func isCut(text string, least int) bool { return len(text) > least && strings.HasSuffix(text, "…") }

func permits(set *inventory.Set, t access.Target, s record.Substitution) bool {
	in, ok := set.Credential(s.Credential).Permits(t)
	return ok && slices.ContainsFunc(in, func(l access.Location) bool { return covers(l.String(), s.Location) })
}
