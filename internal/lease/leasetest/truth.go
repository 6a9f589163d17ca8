package leasetest

import (
	"reflect"
	"slices"
	"strings"
	"time"

	"cloakroom/internal/lease"
)

// inserted judges a row that the store took.
func (w *world) inserted(row lease.Row, change int64) {
	l := w.believed(row)
	w.note("inserted %s: %s, %s over %s until %s", l.ID, l.State, l.Principal, l.Credential, l.Ends.Format("15:04:05.000"))
	switch {
	case w.facts[l.ID] != nil:
		w.fatalf("lease %q is inserted twice", l.ID)
	case len(l.Answers) > 0 || l.Used != 0 || l.Extended != 0 || l.Ending != 0:
		w.fatalf("lease %q is not new: %+v", l.ID, l)
	case l.Terms.Needs > 0:
		w.asked(l)
	case l.State != lease.Active || l.Scope != lease.ScopeCredential || !l.Ends.Equal(l.Starts.Add(l.Terms.Length)):
		w.fatalf("lease %q opens wrongly: %+v", l.ID, l)
	}
	w.facts[l.ID] = &fact{lease: l, change: change, old: map[lease.Digest]bool{}}
	w.ids = append(w.ids, l.ID)
	w.last = max(w.last, change)
}

// asked judges a new question.
func (w *world) asked(l lease.Lease) {
	if l.State != lease.Pending || l.Scope != 0 || !l.Starts.IsZero() {
		w.fatalf("lease %q opens without an answer: %+v", l.ID, l)
	}
	n := 0
	for _, f := range w.facts {
		o := f.lease
		if o.State != lease.Pending || o.Principal != l.Principal || !o.Ends.After(l.Created) {
			continue
		}
		if n++; o.Credential == l.Credential && o.Operation == l.Operation && o.Ticketless() == l.Ticketless() {
			w.fatalf("lease %q asks what %q asks", l.ID, o.ID)
		}
	}
	if n >= questionsOfOne+replicas-1 { // each replica counts for itself
		w.fatalf("%s asks %d questions", l.Principal, n+1)
	}
}

// updated judges what becomes of a lease.
func (w *world) updated(row lease.Row, change int64) {
	l := w.believed(row)
	f := w.facts[l.ID]
	w.note("updated %s: %s %s, used %d, extended %s, %d answers", l.ID, l.State, l.Ending, l.Used, l.Extended, len(l.Answers))
	if f == nil || change <= f.change || row.Change != f.change {
		w.fatalf("lease %q: change %d after %+v", l.ID, change, f)
	}
	was := f.lease
	if was.Ticket != l.Ticket {
		if was.State != lease.Pending || l.State != lease.Pending || was.Ticketless() || l.Ticketless() {
			w.fatalf("lease %q changes its ticket: %+v", l.ID, l)
		}
		f.old[was.Ticket] = true
	}
	if fixed(was) != fixed(l) || !reflect.DeepEqual(was.Groups, l.Groups) || !legal(was, l) {
		w.fatalf("lease %q cannot become so: was\n%+v\nis\n%+v", l.ID, was, l)
	}
	f.lease, f.change = l, change
	w.last = max(w.last, change)
}

func (w *world) believed(row lease.Row) lease.Lease {
	l, ok := lease.Unseal(key, row)
	if !ok || l.State != row.State || l.Principal != row.Principal || l.Credential != row.Credential || !l.Ends.Equal(row.Ends) {
		w.fatalf("row %+v says something else than its lease", row)
	}
	return l
}

// fixed is what never changes of a lease.
func fixed(l lease.Lease) any {
	return struct {
		id, principal, credential, session, person string
		operation                                  lease.Operation
		terms                                      lease.Terms
		created                                    int64
	}{l.ID, l.Principal, l.Credential, l.Session, l.Person, l.Operation, l.Terms, l.Created.UnixMicro()}
}

// legal tells whether one write may make l of was.
func legal(was, l lease.Lease) bool {
	answered := len(l.Answers) == len(was.Answers)+1 && slices.Equal(l.Answers[:len(was.Answers)], was.Answers) &&
		may(was, l.Answers[len(was.Answers)])
	silent := slices.Equal(l.Answers, was.Answers)
	same := l.Used == was.Used && l.Extended == was.Extended && l.Starts.Equal(was.Starts)
	switch {
	case was.State == lease.Pending && l.State == lease.Pending:
		return same && l.Ends.Equal(was.Ends) && l.Scope == 0 && (silent || answered && yes(l) == len(l.Answers) && yes(l) < l.Terms.Needs)
	case was.State == lease.Pending && l.State == lease.Active:
		return answered && yes(l) == len(l.Answers) && yes(l) == l.Terms.Needs && l.Scope == narrowest(l.Answers) && l.Used == 0 &&
			l.Extended == 0 && l.Starts.Before(was.Ends) && l.Ends.Equal(l.Starts.Add(l.Terms.Length))
	case was.State == lease.Pending && l.State == lease.Ended:
		denied := answered && yes(l) == len(was.Answers) && l.Ending == lease.Denied
		return same && l.Scope == 0 && (denied || silent && (l.Ending == lease.Revoked || l.Ending == lease.Expired))
	case was.State == lease.Active && l.State == lease.Ended:
		return same && silent && l.Scope == was.Scope && (l.Ending == lease.Revoked || l.Ending == lease.Expired)
	case was.State == lease.Active && l.State == lease.Active:
		more := l.Extended - was.Extended
		used := l.Used == was.Used+1 && l.Used <= l.Terms.Uses && more == 0
		extended := l.Used == was.Used && more > 0 && l.Extended <= l.Terms.Extend
		return silent && l.Scope == was.Scope && (used || extended) && l.Ends.Equal(was.Ends.Add(more)) && l.Starts.Equal(was.Starts)
	}
	return false // what has ended has ended
}

func yes(l lease.Lease) (n int) {
	for _, a := range l.Answers {
		if a.Approve {
			n++
		}
	}
	return n
}

// may tells whether the answer counts.
func may(l lease.Lease, a lease.Answer) bool {
	self := a.Principal == l.Principal || l.Person != "" && a.Person == l.Person
	again := slices.ContainsFunc(l.Answers, func(o lease.Answer) bool { return o.Person == a.Person })
	scope := a.Scope == lease.ScopeCredential || l.Operation.Method != "" &&
		(a.Scope == lease.ScopePath || a.Scope == lease.ScopeOperation && !l.Operation.Unseen)
	return a.Person != "" && !self && !again && (scope || !a.Approve)
}

func narrowest(as []lease.Answer) lease.Scope {
	var out []lease.Scope
	for _, a := range as {
		out = append(out, a.Scope)
	}
	return slices.Min(out)
}

// good tells whether an approved lease is good for an operation.
func good(l lease.Lease, o lease.Operation) bool {
	switch l.Scope {
	case lease.ScopeCredential:
		return true
	case lease.ScopePath:
		return o.Method == l.Operation.Method && o.Host == l.Operation.Host && strings.Split(o.Path, "?")[0] == strings.Split(l.Operation.Path, "?")[0]
	}
	return l.Scope == lease.ScopeOperation && o == l.Operation && !o.Unseen && o.Method != ""
}

// barred tells whether one of the bars stands in the lease's way.
func barred(bars map[string]lease.Bar, principal, credential string, now time.Time) bool {
	for _, b := range bars {
		if (b.Principal == "" || b.Principal == principal) && (b.Credential == "" || b.Credential == credential) &&
			(b.Until.IsZero() || b.Until.After(now)) {
			return true
		}
	}
	return false
}
