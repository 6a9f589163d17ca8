package integration

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// confirmed is for how long after a lease was revoked, or the store went away, a
// replica may not have heard.
const confirmed = time.Second

// evidence is what a storm is judged by: the leases, as the store has them in the
// end, and the decisions that the replicas' logs hold.
type evidence struct {
	*storm
	leases    map[string]anyLease
	decisions map[string][]decision // that let a request go, by its path
}

func (s *storm) evidence(m *member) *evidence {
	s.t.Helper()
	v := &evidence{storm: s, leases: make(map[string]anyLease), decisions: make(map[string][]decision)}
	for agent := range s.agents {
		for _, credential := range credentialsOfStorm {
			var got struct{ Leases []anyLease }
			of := url.Values{"principal": {s.issuer + "#" + agent}, "credential": {credential}, "limit": {"1000"}}
			if status, text := s.call(s.random(), "GET", "/leases?"+of.Encode(), m.bearer, nil, &got); status != http.StatusOK || len(got.Leases) == 1000 {
				s.t.Fatalf("listing leases: %d %d %s", status, len(got.Leases), text)
			}
			for _, l := range got.Leases {
				v.leases[l.ID] = l
			}
		}
	}
	for _, r := range s.replicas {
		for line := range strings.Lines(r.logText()) {
			var e struct{ Decision decision }
			if json.Unmarshal([]byte(line), &e) == nil && e.Decision.Outcome == "allow" {
				v.decisions[e.Decision.Path] = append(v.decisions[e.Decision.Path], e.Decision)
			}
		}
	}
	return v
}

// wrong says why a value should not have come to the backend; empty: it might. It
// was put in after the request was sent and before it arrived.
func (v *evidence) wrong(a arrival) (why string) {
	sent := v.sent[a.path]
	for _, away := range v.outages {
		if sent.After(away.from.Add(confirmed)) && a.at.Before(away.to) {
			return "the store was away"
		}
	}
	why = "no log has a decision on it"
	for _, d := range v.decisions[a.path] {
		if len(d.Uses) != 1 || d.Uses[0].Credential != a.credential {
			return fmt.Sprintf("it was let go with %+v", d.Uses)
		}
		l, ok := v.leases[d.Uses[0].Lease]
		switch {
		case !ok:
			why = "there is no such lease"
		case l.Credential != a.credential || l.Principal != d.Issuer+"#"+d.Subject:
			why = "the lease is another's"
		case l.Starts.IsZero() || l.Starts.After(a.at):
			why = "the lease had not begun"
		case sent.After(v.end(l)):
			why = fmt.Sprintf("lease %s had ended, at %v, when it was sent, at %v", l.ID, v.end(l), sent)
		case !covers(l, a.path):
			why = "the lease does not cover it"
		case v.barred(l, sent, a.at):
			why = "a bar stood in the way"
		default:
			return ""
		}
	}
	return why
}

// end is the latest time at which a lease may have been taken for live.
func (v *evidence) end(l anyLease) time.Time {
	end := l.Ends
	if l.Ending == "revoked" {
		end = l.Ended.Add(confirmed)
	}
	for _, r := range v.revokes {
		switch {
		case r.lease != "" && r.lease != l.ID, r.principal != l.Principal, r.credential != l.Credential:
		case r.acked.IsZero(): // it may be done later than the lease says
			return l.Ends
		case r.lease != "":
			end = r.acked.Add(confirmed)
		}
	}
	if l.Ends.Before(end) {
		return l.Ends
	}
	return end
}

// barred tells whether a bar stood in the lease's way all the time between.
func (v *evidence) barred(l anyLease, from, to time.Time) bool {
	return slices.ContainsFunc(v.revokes, func(r revocation) bool {
		return !r.acked.IsZero() && r.principal == l.Principal && r.credential == l.Credential &&
			from.After(r.acked.Add(confirmed)) && to.Before(r.until)
	})
}

// covers tells whether a lease's scope holds a path.
func covers(l anyLease, path string) bool {
	bare, _, _ := strings.Cut(path, "?")
	asked, _, _ := strings.Cut(l.Operation.Path, "?")
	switch l.Scope {
	case "credential":
		return true
	case "path":
		return asked == bare
	}
	return l.Operation.Path == path
}

// checkUses: no lease was used more often than it could be, and none that people
// must approve without an approval.
func (v *evidence) checkUses() {
	v.t.Helper()
	used := make(map[string]int)
	for _, a := range v.arrivals {
		for _, d := range v.decisions[a.path][:1] {
			used[d.Uses[0].Lease]++
		}
	}
	for id, n := range used {
		if l := v.leases[id]; l.Uses > 0 && n > l.Uses {
			v.t.Errorf("lease %s was used %d times, of %d", id, n, l.Uses)
		}
	}
	for id, l := range v.leases {
		if l.Credential != "asked" || l.Starts.IsZero() {
			continue
		}
		if len(l.Answers) != 1 || !l.Answers[0].Approve || l.Answers[0].Person == "alice@example.com" {
			v.t.Errorf("lease %s began with the answers %+v", id, l.Answers)
		}
	}
}

// checkAnswers: every answer that was acknowledged is there.
func (v *evidence) checkAnswers() {
	v.t.Helper()
	for _, a := range v.answers {
		l := v.leases[a.question]
		if len(l.Answers) != 1 || l.Answers[0].Person != a.person || l.Answers[0].Approve != a.approve || l.Starts.IsZero() == a.approve {
			v.t.Errorf("%+v was acknowledged, and of the lease it says %+v", a, l)
		}
	}
}

// checkRevokes: every lease whose end was acknowledged has ended by then.
func (v *evidence) checkRevokes() {
	v.t.Helper()
	for _, r := range v.revokes {
		if l := v.leases[r.lease]; r.lease != "" && !r.acked.IsZero() && (l.State != "ended" || l.Ended.After(r.acked)) {
			v.t.Errorf("lease %s was revoked at %v, and is %s since %v", r.lease, r.acked, l.State, l.Ended)
		}
	}
}

// verified demands that the replicas' own logs, verified together, accuse nobody.
func (s *storm) verified() {
	s.t.Helper()
	arguments := []string{"session", "verify", "--all"}
	for _, r := range s.replicas[1:] {
		arguments = append(arguments, "--log", r.path("record"))
	}
	stdout, stderr, code := command(s.t, s.replicas[0].dir, s.replicas[0].env, arguments...)
	page(stdout, stderr)
	s.t.Logf("session verify:\n%s", stdout)
	if code != 0 {
		s.t.Errorf("session verify: exit %d: %s%s", code, stdout, stderr)
	}
}
