package approval

import (
	"errors"
	"slices"
	"testing"
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/lease"
)

func TestRoles(t *testing.T) {
	w := newWorld(t)
	machine := operator
	machine.Human = false
	for _, c := range []struct {
		who  access.Principal
		want Roles
		sees []string // of the three credentials
	}{
		{operator, Roles{Operator: true}, []string{"db", "prod", "read"}},
		{auditor, Roles{Auditor: true}, []string{"db", "prod", "read"}},
		{oncall, Roles{Approver: true}, []string{"prod"}},
		{human("d", "dba"), Roles{Approver: true}, []string{"db"}},
		{human("d", "approvers"), Roles{Approver: true}, []string{"read"}},
		{human("d", "dba", "sre"), Roles{Approver: true, Operator: true}, []string{"db", "prod", "read"}},
		{human("d", "agents"), Roles{}, nil},
		{machine, Roles{}, nil},
		{access.Principal{}, Roles{}, nil},
	} {
		if got := w.Roles(c.who); got != c.want || got.Any() != (c.sees != nil) {
			t.Errorf("%s %q: %+v", c.who.Subject, c.who.Groups, got)
		}
		var sees []string
		for _, name := range []string{"db", "prod", "read"} {
			if w.sees(c.who, name) {
				sees = append(sees, name)
			}
		}
		if !slices.Equal(sees, c.sees) {
			t.Errorf("%s %q sees %q", c.who.Subject, c.who.Groups, sees)
		}
	}
	if w.sees(oncall, "gone") || !w.sees(operator, "gone") {
		t.Error("who sees a credential that is gone")
	}
}

func TestQuestions(t *testing.T) {
	w := newWorld(t)
	first := w.ask("prod")
	w.now = w.now.Add(time.Second)
	w.ask("db")
	w.ask("prod", func(a *lease.Ask) { a.Operation = lease.Operation{} })
	for _, c := range []struct {
		who  access.Principal
		want int
	}{{oncall, 2}, {operator, 3}, {auditor, 3}, {human("d", "dba"), 1}, {human("d", "approvers"), 0}} {
		qs, err := w.Questions(t.Context(), c.who)
		if err != nil || len(qs) != c.want {
			t.Errorf("%q: %d, %v", c.who.Groups, len(qs), err)
		}
	}
	qs, err := w.Questions(t.Context(), oncall)
	if err != nil || qs[0].ID != first.ID || !slices.Equal(qs[0].Scopes, []string{"operation", "path", "credential"}) || !slices.Equal(qs[1].Scopes, []string{"credential"}) || qs[0].Obstacle != "" {
		t.Errorf("got %+v, %v", qs, err)
	}
	if _, err := w.Questions(t.Context(), human("d")); !errors.Is(err, ErrRole) {
		t.Errorf("nobody's: %v", err)
	}
	if _, err := w.Question(t.Context(), first.ID, human("d", "dba")); !errors.Is(err, ErrRole) {
		t.Errorf("another tier's: %v", err)
	}
	if q, err := Find(qs, first.ID[:6]); err != nil || q.ID != first.ID {
		t.Errorf("found %+v, %v", q, err)
	}
	for _, id := range []string{"", first.ID[:3], "nobody", first.ID + "x"} {
		if _, err := Find(qs, id); !errors.Is(err, lease.ErrUnknown) {
			t.Errorf("%q is found: %v", id, err)
		}
	}
}

func TestHistory(t *testing.T) {
	w := newWorld(t)
	if _, err := w.Answer(t.Context(), w.ask("prod").ID, w.yes(w.ask("prod").ID, oncall)); err != nil {
		t.Fatal(err)
	}
	path := func(p string) func(*lease.Ask) { return func(a *lease.Ask) { a.Operation.Path = p } }
	w.now = w.now.Add(time.Minute)
	l := w.ask("prod", path("/b"))
	no := w.yes(l.ID, oncall)
	no.Approve, no.Reason = false, "no"
	if _, err := w.Answer(t.Context(), l.ID, no); err != nil {
		t.Fatal(err)
	}
	denied := w.now
	w.now = w.now.Add(2 * time.Minute)
	w.ask("prod", path("/c"))
	got := w.shown(w.ask("prod", path("/d")).ID, oncall).Before
	if want := (History{Asked: 3, Approved: 1, Denied: 1, Last: denied}); got.Asked != want.Asked || got.Approved != want.Approved || got.Denied != want.Denied || !got.Last.Equal(want.Last.Truncate(time.Microsecond)) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestRevoke(t *testing.T) {
	w := newWorld(t)
	approved := func(path string) lease.Lease {
		l := w.ask("prod", func(a *lease.Ask) { a.Operation.Path = path })
		l, err := w.Answer(t.Context(), l.ID, w.yes(l.ID, oncall))
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	l := approved("/a")
	for _, who := range []access.Principal{auditor, human("d", "dba"), human("d"), agent, {}} {
		if _, err := w.Revoke(t.Context(), who, Revocation{Lease: l.ID}); !errors.Is(err, ErrRole) || !w.keeper.Live(l.ID, w.now) {
			t.Errorf("%q: %v", who.Groups, err)
		}
	}
	for _, who := range []access.Principal{oncall, operator} {
		l := approved("/" + who.Subject)
		got, err := w.Revoke(t.Context(), who, Revocation{Lease: l.ID})
		if err != nil || !slices.Equal(got.Leases, []string{l.ID}) || got.Bar != nil || w.keeper.Live(l.ID, w.now) {
			t.Errorf("%q: %+v, %v", who.Groups, got, err)
		}
		if _, err := w.Revoke(t.Context(), who, Revocation{Lease: l.ID}); !errors.Is(err, lease.ErrEnded) {
			t.Errorf("twice: %v", err)
		}
	}
	if _, err := w.Revoke(t.Context(), operator, Revocation{Lease: "nobody"}); !errors.Is(err, lease.ErrUnknown) {
		t.Errorf("none: %v", err)
	}
}

// A lease that opens by itself would do so again at once: a bar stands until its
// end, and both are told of.
func TestRevokeWhatOpensByItself(t *testing.T) {
	w := newWorld(t)
	ask := lease.Ask{Principal: agent, Credential: "read", Terms: lease.Terms{Length: time.Hour, Reuse: true}}
	l, err := w.keeper.Use(t.Context(), ask, w.now)
	if err != nil {
		t.Fatal(err)
	}
	got, err := w.Revoke(t.Context(), operator, Revocation{Lease: l.ID})
	if err != nil || got.Bar == nil || !got.Bar.Until.Equal(l.Ends) || !slices.Equal(got.Leases, []string{l.ID}) {
		t.Fatalf("got %+v, %v", got, err)
	}
	var barred *lease.Barred
	if _, err := w.keeper.Use(t.Context(), ask, w.now); !errors.As(err, &barred) {
		t.Errorf("it opens again: %v", err)
	}
	if len(w.entries) != 1 || w.entries[0].Bar.ID != got.Bar.ID || w.entries[0].Bar.By != operator.ID() {
		t.Errorf("recorded %+v", w.entries)
	}
}

func TestRevokeAll(t *testing.T) {
	w := newWorld(t)
	ask := lease.Ask{Principal: agent, Credential: "read", Terms: lease.Terms{Length: time.Hour, Reuse: true}}
	for _, bad := range []Revocation{{}, {All: true, Principal: "p"}, {All: true, Credential: "c"}, {Lease: "l", All: true}, {Lease: "l", Principal: "p"}, {Lease: "l", Credential: "c"}} {
		if _, err := w.Revoke(t.Context(), operator, bad); err == nil {
			t.Errorf("%+v is done", bad)
		}
	}
	for i, r := range []Revocation{{All: true, Reason: "panic\u202e!"}, {Principal: agent.ID()}, {Credential: "read"}, {Principal: agent.ID(), Credential: "read", Until: w.now.Add(time.Hour)}} {
		w.entries = nil
		l, err := w.keeper.Use(t.Context(), ask, w.now)
		if err != nil {
			t.Fatal(err)
		}
		for _, who := range []access.Principal{oncall, auditor, agent, {}} {
			if _, err := w.Revoke(t.Context(), who, r); !errors.Is(err, ErrRole) {
				t.Errorf("%d by %q: %v", i, who.Groups, err)
			}
		}
		got, err := w.Revoke(t.Context(), operator, r)
		if err != nil || !slices.Equal(got.Leases, []string{l.ID}) || got.Bar.By != operator.ID() || !got.Bar.Until.Equal(r.Until) {
			t.Fatalf("%d: %+v, %v", i, got, err)
		}
		bars, err := w.Bars(auditor)
		if err != nil || len(bars) != 1 || bars[0].ID != got.Bar.ID || i == 0 && bars[0].Reason != "panic!" {
			t.Errorf("%d: %+v, %v", i, bars, err)
		}
		judgeLift(t, w, got.Bar.ID)
		if len(w.entries) != 2 || w.entries[0].Bar.Lifted || !w.entries[1].Bar.Lifted || w.entries[1].Bar.ID != got.Bar.ID {
			t.Errorf("%d: recorded %+v", i, w.entries)
		}
	}
}

// judgeLift wants only an operator to lift the bar, and only with the log.
func judgeLift(t *testing.T, w *world, id string) {
	t.Helper()
	for _, who := range []access.Principal{oncall, auditor, agent, {}} {
		if err := w.Lift(t.Context(), who, id); !errors.Is(err, ErrRole) {
			t.Errorf("lifted by %q: %v", who.Groups, err)
		}
	}
	w.logErr = errors.New("disk is full")
	if err := w.Lift(t.Context(), operator, id); !errors.Is(err, w.logErr) || len(w.keeper.Bars()) != 1 {
		t.Errorf("lifted without the log: %v", err)
	}
	w.logErr = nil
	if err := w.Lift(t.Context(), operator, id); err != nil || len(w.keeper.Bars()) != 0 {
		t.Errorf("not lifted: %v", err)
	}
	if err := w.Lift(t.Context(), operator, id); !errors.Is(err, lease.ErrUnknown) {
		t.Errorf("lifted twice: %v", err)
	}
}

// The panic button works without the log, and says that it was not recorded.
func TestRevokeWithoutTheLog(t *testing.T) {
	w := newWorld(t)
	l, err := w.keeper.Use(t.Context(), lease.Ask{Principal: agent, Credential: "read", Terms: lease.Terms{Length: time.Hour}}, w.now)
	if err != nil {
		t.Fatal(err)
	}
	w.logErr = errors.New("disk is full")
	if _, err := w.Revoke(t.Context(), operator, Revocation{All: true}); !errors.Is(err, w.logErr) || w.keeper.Live(l.ID, w.now) {
		t.Errorf("got %v", err)
	}
}
