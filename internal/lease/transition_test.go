package lease

import (
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"cloakroom/internal/access"
)

var (
	t0  = time.Date(2026, 11, 5, 12, 0, 0, 0, time.UTC)
	ask = Ask{Principal: access.Principal{Issuer: "https://i.example", Subject: "alice", Groups: []string{"g"}},
		Credential: "c", Session: "s", Reason: "r", Terms: Terms{Length: time.Minute}}
	ask2 = asking(ask, 30*time.Second)
	yes  = Answer{Person: "bob@example.com", Principal: "https://h.example#bob", Approve: true, Scope: ScopeCredential, Via: "page"}
	no   = Answer{Person: "bob@example.com", Principal: "https://h.example#bob", Reason: "why?", Via: "page"}
)

func at(seconds int) time.Time { return t0.Add(time.Duration(seconds) * time.Second) }

// asking makes a an ask that one person must approve within the time.
func asking(a Ask, stands time.Duration) Ask {
	a.Terms.Needs, a.Stands = 1, stands
	return a
}

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
	l, err = Open(ask2, at(0))
	pending := must(t, l, err)
	l, err = pending.Answer(yes, at(10))
	approved := must(t, l, err)
	l, err = pending.Answer(no, at(10))
	denied := must(t, l, err)
	l, err = active.Revoke("sre", at(10))
	revoked := must(t, l, err)

	approve := func(l Lease, now time.Time) (Lease, error) { return l.Answer(yes, now) }
	deny := func(l Lease, now time.Time) (Lease, error) { return l.Answer(no, now) }
	revoke := func(l Lease, now time.Time) (Lease, error) { return l.Revoke("sre", now) }
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
	l, err = Open(ask2, at(0))
	pending := must(t, l, err)
	l, err = active.Revoke("sre", at(10))
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
		{"no time", func(a *Ask) { a.Terms.Length = 0 }},
		{"negative time", func(a *Ask) { a.Terms.Length = -1 }},
	} {
		a := ask
		c.harm(&a)
		if l, err := Open(a, at(0)); err == nil || l.State != 0 {
			t.Errorf("%s: opened %+v", c.name, l)
		}
	}
	if _, err := Open(asking(ask, 0), at(0)); err == nil {
		t.Error("asked without time to answer")
	}
}

func TestSeal(t *testing.T) {
	key := [32]byte{1}
	full, err := Open(ask, at(0))
	if err != nil {
		t.Fatal(err)
	}
	row := Seal(key, full, 7)
	if l, ok := Unseal(key, row); !ok || l.ID != full.ID || row.Change != 7 {
		t.Fatalf("unsealed %+v, %v", l, ok)
	}
	if _, ok := Unseal([32]byte{2}, row); ok {
		t.Error("unsealed with another key")
	}
	for i := range row.Body {
		r := row
		r.Body = slices.Clone(row.Body)
		r.Body[i] ^= 1
		if _, ok := Unseal(key, r); ok {
			t.Fatalf("byte %d is not covered", i)
		}
	}
	for name, change := range map[string]func(*Row){
		"another id": func(r *Row) { r.ID += "x" },
		"no MAC":     func(r *Row) { r.MAC = [32]byte{} },
		"a bar":      func(r *Row) { b := SealBar(key, Bar{ID: r.ID}); r.Body, r.MAC = b.Body, b.MAC },
	} {
		r := row
		change(&r)
		if _, ok := Unseal(key, r); ok {
			t.Errorf("%s: unsealed", name)
		}
	}
}

// TestSealKeepsEveryField fills every field by its type, so that none can be
// forgotten.
func TestSealKeepsEveryField(t *testing.T) {
	var l Lease
	fill(reflect.ValueOf(&l).Elem())
	got, ok := Unseal([32]byte{1}, Seal([32]byte{1}, l, 0))
	if !ok || !reflect.DeepEqual(got, l) {
		t.Errorf("got  %+v\nwant %+v", got, l)
	}
}

func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString("x")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(3)
	case reflect.Uint8:
		v.SetUint(3)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fallthrough
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i))
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(at(5)))
			return
		}
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	}
}
