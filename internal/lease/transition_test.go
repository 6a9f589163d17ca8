package lease

import (
	"errors"
	"testing"
	"time"

	"cloakroom/internal/access"
)

var (
	t0  = time.Date(2026, 11, 5, 12, 0, 0, 0, time.UTC)
	ask = Ask{Principal: access.Principal{Issuer: "https://i.example", Subject: "alice", Groups: []string{"g"}},
		Credential: "c", Session: "s", Reason: "r", Length: time.Minute}
)

func at(seconds int) time.Time { return t0.Add(time.Duration(seconds) * time.Second) }

func must(t *testing.T, l Lease, err error) Lease {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestTransitions(t *testing.T) {
	l, err := Open(ask, at(0))
	active := must(t, l, err)
	l, err = Propose(ask, 30*time.Second, at(0))
	pending := must(t, l, err)
	l, err = pending.Approve(at(10))
	approved := must(t, l, err)
	l, err = pending.Deny(at(10))
	denied := must(t, l, err)
	l, err = active.Revoke(at(10))
	revoked := must(t, l, err)

	approve, deny, revoke := Lease.Approve, Lease.Deny, Lease.Revoke
	for _, c := range []struct {
		name   string
		from   Lease
		do     func(Lease, time.Time) (Lease, error)
		at     int
		state  State
		ending Ending
		ended  int
		err    error
	}{
		{"approve a pending one", pending, approve, 29, Active, 0, 0, nil},
		{"approve too late", pending, approve, 30, Ended, Expired, 30, ErrEnded},
		{"approve an active one", active, approve, 1, Active, 0, 0, ErrConflict},
		{"approve a denied one", denied, approve, 11, Ended, Denied, 10, ErrEnded},
		{"deny a pending one", pending, deny, 5, Ended, Denied, 5, nil},
		{"deny an active one", approved, deny, 11, Active, 0, 0, ErrConflict},
		{"revoke a pending one", pending, revoke, 5, Ended, Revoked, 5, nil},
		{"revoke an active one", active, revoke, 59, Ended, Revoked, 59, nil},
		{"revoke at its end", active, revoke, 60, Ended, Expired, 60, ErrEnded},
		{"an approved one counts from the approval", approved, revoke, 69, Ended, Revoked, 69, nil},
		{"an approved one ends", approved, revoke, 70, Ended, Expired, 70, ErrEnded},
		{"revoke a revoked one", revoked, revoke, 11, Ended, Revoked, 10, ErrEnded},
		{"the zero lease", Lease{}, revoke, 0, 0, 0, 0, ErrConflict},
		{"approve the zero lease", Lease{}, approve, 0, 0, 0, 0, ErrConflict},
	} {
		got, err := c.do(c.from, at(c.at))
		if !errors.Is(err, c.err) || got.State != c.state || got.Ending != c.ending {
			t.Errorf("%s: %s %s, %v", c.name, got.State, got.Ending, err)
		}
		if c.state == Ended && !got.Ended.Equal(at(c.ended)) {
			t.Errorf("%s: ended %s", c.name, got.Ended)
		}
	}
}

func TestLive(t *testing.T) {
	l, err := Open(ask, at(0))
	active := must(t, l, err)
	l, err = Propose(ask, 30*time.Second, at(0))
	pending := must(t, l, err)
	l, err = active.Revoke(at(10))
	revoked := must(t, l, err)
	if active.Live(at(60)) || !active.Live(at(59)) || pending.Live(at(0)) || (Lease{}).Live(at(0)) || revoked.Live(at(11)) {
		t.Error("live when it is not, or not when it is")
	}
	if h := active.Holder(); h.ID() != ask.Principal.ID() || !h.Ticket || h.Session != active.ID || !h.Ends.Equal(active.Ends) {
		t.Errorf("holder: %+v", h)
	}
}

func TestAsksThatAreNone(t *testing.T) {
	for _, c := range []struct {
		name string
		harm func(*Ask)
	}{
		{"nobody", func(a *Ask) { a.Principal = access.Principal{} }},
		{"nothing", func(a *Ask) { a.Credential = "" }},
		{"no time", func(a *Ask) { a.Length = 0 }},
		{"negative time", func(a *Ask) { a.Length = -1 }},
	} {
		a := ask
		c.harm(&a)
		if l, err := Open(a, at(0)); err == nil || l.State != 0 {
			t.Errorf("%s: opened %+v", c.name, l)
		}
	}
	if _, err := Propose(ask, 0, at(0)); err == nil {
		t.Error("proposed without time to answer")
	}
}

func TestSealCoversEveryField(t *testing.T) {
	key := [32]byte{1}
	full, err := Open(ask, at(0))
	if err != nil {
		t.Fatal(err)
	}
	row := Seal(key, full)
	if l, ok := Unseal(key, row); !ok || l.ID != full.ID {
		t.Fatalf("unsealed %+v, %v", l, ok)
	}
	if _, ok := Unseal([32]byte{2}, row); ok {
		t.Error("unsealed with another key")
	}
	for name, change := range map[string]func(*Lease){
		"id": func(l *Lease) { l.ID += "x" }, "principal": func(l *Lease) { l.Principal += "x" },
		"issuer": func(l *Lease) { l.Issuer += "x" }, "subject": func(l *Lease) { l.Subject += "x" },
		"groups":          func(l *Lease) { l.Groups = append(l.Groups, "admin") },
		"group":           func(l *Lease) { l.Groups = []string{"h"} },
		"credential":      func(l *Lease) { l.Credential = "other" },
		"session":         func(l *Lease) { l.Session = "" },
		"reason":          func(l *Lease) { l.Reason = "" },
		"shifted strings": func(l *Lease) { l.Session, l.Reason = l.Session+l.Reason, "" },
		"ticket":          func(l *Lease) { l.Ticket[31] = 1 }, "length": func(l *Lease) { l.Length++ },
		"created": func(l *Lease) { l.Created = at(1) }, "starts": func(l *Lease) { l.Starts = at(1) },
		"ends": func(l *Lease) { l.Ends = l.Ends.Add(time.Microsecond) }, "ended": func(l *Lease) { l.Ended = at(1) },
		"state": func(l *Lease) { l.State = Ended }, "ending": func(l *Lease) { l.Ending = Revoked },
	} {
		r := row
		change(&r.Lease)
		if _, ok := Unseal(key, r); ok {
			t.Errorf("%s is not covered", name)
		}
	}
}
