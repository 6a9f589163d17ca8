package lease

import (
	"errors"
	"testing"
)

// person answers yes, for a scope.
func person(name string, scope Scope) Answer {
	return Answer{Person: name + "@example.com", Principal: "https://h.example#" + name, Approve: true, Scope: scope, Via: "page"}
}

// questioned is a pending lease over an operation, that so many people must
// approve within a minute, asked for on behalf of owner@example.com.
func questioned(t *testing.T, o Operation, needs int) Lease {
	t.Helper()
	a := asking(ask, at(60).Sub(at(0)))
	a.Terms.Needs, a.Operation, a.Principal.Person = needs, o, "owner@example.com"
	l, err := Open(a, at(0))
	return must(t, l, err)
}

func TestAnswerRefuses(t *testing.T) {
	get := Operation{Method: "GET", Host: "h", Path: "/p"}
	unseen := Operation{Method: "PUT", Host: "h", Path: "/p", Unseen: true}
	first, err := questioned(t, get, 3).Answer(person("bob", ScopeOperation), at(1))
	first = must(t, first, err)
	bob := person("bob", ScopeOperation)
	for _, c := range []struct {
		name string
		l    Lease
		a    Answer
		want error
	}{
		{"the human behind the requester", questioned(t, get, 1), person("owner", ScopePath), ErrSelf},
		{"the requester itself", questioned(t, get, 1), Answer{Person: "x", Principal: ask.Principal.ID(), Approve: true, Scope: ScopePath}, ErrSelf},
		{"the requester denies", questioned(t, get, 1), Answer{Person: "owner@example.com", Principal: "x", Reason: "r"}, ErrSelf},
		{"twice", first, bob, ErrTwice},
		{"the same person by another issuer", first, Answer{Person: bob.Person, Principal: "https://other#1", Approve: true, Scope: ScopePath}, ErrTwice},
		{"the same principal as another person", first, Answer{Person: "y", Principal: bob.Principal, Approve: true, Scope: ScopePath}, ErrTwice},
		{"twice, and denies", first, Answer{Person: bob.Person, Principal: bob.Principal, Reason: "r"}, ErrTwice},
		{"no scope", questioned(t, get, 1), person("bob", 0), ErrScope},
		{"a scope that there is not", questioned(t, get, 1), person("bob", ScopeCredential+1), ErrScope},
		{"the operation, of none", questioned(t, Operation{}, 1), person("bob", ScopeOperation), ErrScope},
		{"the path, of no operation", questioned(t, Operation{}, 1), person("bob", ScopePath), ErrScope},
		{"the operation, whose body nobody saw", questioned(t, unseen, 1), person("bob", ScopeOperation), ErrScope},
	} {
		if got, err := c.l.Answer(c.a, at(2)); !errors.Is(err, c.want) || got.State != Pending || len(got.Answers) != len(c.l.Answers) {
			t.Errorf("%s: %s, %d answers, %v", c.name, got.State, len(got.Answers), err)
		}
	}
	for name, a := range map[string]Answer{"no person": {Principal: "x", Approve: true, Scope: ScopePath}, "no principal": {Person: "x", Reason: "r"}} {
		if got, err := questioned(t, get, 1).Answer(a, at(2)); err == nil || got.State != Pending {
			t.Errorf("%s: %s, %v", name, got.State, err)
		}
	}
}

func TestTheNarrowestScopeCounts(t *testing.T) {
	get := Operation{Method: "GET", Host: "h", Path: "/p?q"}
	l := questioned(t, get, 3)
	var err error
	for i, a := range []Answer{person("bob", ScopeCredential), person("carol", ScopePath), person("dan", ScopeCredential)} {
		if l.State != Pending || l.Scope != 0 {
			t.Fatalf("after %d answers: %s", i, l.State)
		}
		l, err = l.Answer(a, at(i+1))
		l = must(t, l, err)
	}
	if l.State != Active || l.Scope != ScopePath || !l.Starts.Equal(at(3)) || !l.Ends.Equal(at(63)) || len(l.Answers) != 3 || !l.Answers[1].Time.Equal(at(2)) {
		t.Errorf("got %+v", l)
	}
}

func TestADenialEndsItAtOnce(t *testing.T) {
	l, err := questioned(t, Operation{}, 2).Answer(person("bob", ScopeCredential), at(1))
	l = must(t, l, err)
	before := l
	no := Answer{Person: "c@example.com", Principal: "https://h.example#c", Scope: ScopeCredential, Reason: "not today", Via: "cli"}
	l, err = l.Answer(no, at(2))
	l = must(t, l, err)
	if d, ok := l.Denial(); l.Ending != Denied || !ok || d.Reason != "not today" || d.Scope != 0 || l.Scope != 0 || l.Live(at(2)) {
		t.Errorf("got %+v", l)
	}
	if _, ok := before.Denial(); ok || len(before.Answers) != 1 {
		t.Error("the lease of before has changed")
	}
}

func TestCovers(t *testing.T) {
	body := Digest{1}
	was := Operation{Method: "PUT", Host: "h", Path: "/p?q=1", Body: body}
	for _, c := range []struct {
		name  string
		o     Operation
		scope Scope // the narrowest that covers it; 0: none
	}{
		{"the same", was, ScopeOperation},
		{"another query", Operation{Method: "PUT", Host: "h", Path: "/p?q=2", Body: body}, ScopePath},
		{"no query", Operation{Method: "PUT", Host: "h", Path: "/p", Body: body}, ScopePath},
		{"another body", Operation{Method: "PUT", Host: "h", Path: "/p?q=1", Body: Digest{2}}, ScopePath},
		{"no body", Operation{Method: "PUT", Host: "h", Path: "/p?q=1"}, ScopePath},
		{"a body that nobody saw", Operation{Method: "PUT", Host: "h", Path: "/p?q=1", Unseen: true}, ScopePath},
		{"that body, and more may follow", Operation{Method: "PUT", Host: "h", Path: "/p?q=1", Body: body, Unseen: true}, ScopePath},
		{"another path", Operation{Method: "PUT", Host: "h", Path: "/p/x?q=1", Body: body}, ScopeCredential},
		{"another method", Operation{Method: "GET", Host: "h", Path: "/p?q=1", Body: body}, ScopeCredential},
		{"another host", Operation{Method: "PUT", Host: "i", Path: "/p?q=1", Body: body}, ScopeCredential},
		{"none", Operation{}, ScopeCredential},
	} {
		for scope := Scope(0); scope <= ScopeCredential+1; scope++ {
			want := scope >= c.scope && scope <= ScopeCredential
			if got := (Lease{Operation: was, Scope: scope}).Covers(c.o); got != want {
				t.Errorf("%s under scope %q: %v", c.name, scope, got)
			}
		}
	}
	unseen := Operation{Method: "PUT", Host: "h", Path: "/p", Unseen: true}
	if (Lease{Operation: unseen, Scope: ScopeOperation}).Covers(unseen) {
		t.Error("what nobody saw is covered as if they had")
	}
}

func TestScopesAndDigestsAsText(t *testing.T) {
	for s := ScopeOperation; s <= ScopeCredential; s++ {
		if got, err := ParseScope(s.String()); err != nil || got != s {
			t.Errorf("%q: got %v, %v", s, got, err)
		}
	}
	for _, text := range []string{"", "Operation", "all", "credential "} {
		if _, err := ParseScope(text); err == nil {
			t.Errorf("%q is a scope", text)
		}
	}
	d := Digest{0xab, 31: 1}
	var got Digest
	if err := got.UnmarshalText([]byte(d.String())); err != nil || got != d {
		t.Errorf("got %v, %v", got, err)
	}
	for _, text := range []string{"ab", d.String() + "00", d.String()[1:], "zz" + d.String()[2:], " " + d.String()[1:]} {
		if err := got.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is a hash", text)
		}
	}
	if err := got.UnmarshalText(nil); err != nil || got != (Digest{}) || got.String() != "" {
		t.Errorf("no hash: %v, %v", got, err)
	}
}

// Parts of a question that run together are another question.
func TestQuestionsDiffer(t *testing.T) {
	base := Lease{Principal: "p", Credential: "c", Operation: Operation{Method: "GET", Host: "h", Path: "/a"}}
	seen := map[Digest]int{}
	for i, change := range []func(*Lease){
		func(*Lease) {},
		func(l *Lease) { l.Principal, l.Credential = "pc", "" },
		func(l *Lease) { l.Credential = "d" },
		func(l *Lease) { l.Ticket = Digest{1} },
		func(l *Lease) { l.Operation.Method = "PUT" },
		func(l *Lease) { l.Operation.Host, l.Operation.Path = "h/", "a" },
		func(l *Lease) { l.Operation.Body = Digest{1} },
		func(l *Lease) { l.Operation.Unseen = true },
		func(l *Lease) { l.Operation = Operation{} },
	} {
		l := base
		change(&l)
		if was, there := seen[l.question()]; there {
			t.Errorf("%d is the question %d", i, was)
		}
		seen[l.question()] = i
	}
	l := base
	l.Ticket = Digest{1}
	one := l.question()
	if l.Ticket = (Digest{2}); l.question() != one {
		t.Error("another ticket is another question")
	}
}
