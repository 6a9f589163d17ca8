package recordtest

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"testing"
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/record"
)

// rest reads lines up to the log's end.
func rest(t testing.TB, r *record.Reader) []record.Line {
	t.Helper()
	var lines []record.Line
	for {
		l, err := r.Next()
		if err == io.EOF {
			return lines
		}
		if err != nil {
			t.Fatal(err)
		}
		l.Raw = append([]byte(nil), l.Raw...)
		lines = append(lines, l)
	}
}

// TestIndex is the contract of record.Index. open makes an empty one.
func TestIndex(t *testing.T, open func(t *testing.T) record.Index) {
	for _, c := range []struct {
		name string
		run  func(*testing.T, record.Index)
	}{
		{"applies in order, and once", testApply},
		{"a gap changes nothing", testGap},
		{"reset forgets everything", testReset},
		{"sums up sessions", testSessions},
		{"finds sessions by what they were about", testNarrow},
		{"finds an exchange", testExchange},
		{"joins a decision with its end", testExchanges},
		{"lists what was refused", testRefusals},
		{"batches of any size give the same", testBatches},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, open(t)) })
	}
}

const issuer = "https://issuer.example"

// decision is the n-th decision, n seconds after Epoch.
func decision(n int, subject, session string, o access.Outcome) record.Entry {
	d := &record.Decision{Exchange: exchange(n), Subject: subject, Session: session,
		Method: "GET", Host: "api.example", Path: fmt.Sprintf("/%d", n), Outcome: o}
	if subject != "" {
		d.Issuer = issuer
	}
	return record.Entry{Time: Epoch.Add(time.Duration(n) * time.Second), Decision: d}
}

func exchange(n int) string { return fmt.Sprintf("%026d", n) }

func end(n int) record.Entry {
	return record.Entry{Time: Epoch.Add(time.Minute), End: &record.End{Exchange: exchange(n), Status: 200 + n}}
}

// day is a log with three sessions: alice's s with exchanges 1, 2 and 5, bob's
// s with 3, and nobody's with 4.
func day() []record.Entry {
	return []record.Entry{
		decision(1, "alice", "s", access.Allow),
		decision(2, "alice", "s", access.Deny),
		end(1),
		decision(3, "bob", "s", access.NeedsApproval),
		{Reload: &record.Reload{Revision: "r"}},
		decision(4, "", "", access.Deny),
		decision(5, "alice", "s", access.Allow),
		end(5),
	}
}

func apply(t *testing.T, ix record.Index, lines []record.Line) {
	t.Helper()
	if err := ix.Apply(t.Context(), lines); err != nil {
		t.Fatal(err)
	}
}

func wantApplied(t *testing.T, ix record.Index, want record.Position) {
	t.Helper()
	got, err := ix.Applied(t.Context())
	if err != nil || got != want {
		t.Fatalf("applied up to %+v, %v; want %+v", got, err, want)
	}
}

func sessions(t *testing.T, ix record.Index, f record.SessionFilter) []record.Session {
	t.Helper()
	ss, err := ix.Sessions(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	return ss
}

func testApply(t *testing.T, ix record.Index) {
	lines := Lines(t, day()...)
	wantApplied(t, ix, record.Position{})
	apply(t, ix, lines[:3])
	wantApplied(t, ix, lines[2].Position())
	once := sessions(t, ix, record.SessionFilter{})
	apply(t, ix, lines[:3])
	apply(t, ix, nil)
	if again := sessions(t, ix, record.SessionFilter{}); !reflect.DeepEqual(again, once) {
		t.Errorf("applied twice: %+v, once: %+v", again, once)
	}
	apply(t, ix, lines) // overlaps
	wantApplied(t, ix, lines[len(lines)-1].Position())
}

func testGap(t *testing.T, ix record.Index) {
	lines, other := Lines(t, day()...), Lines(t, day()[1:]...)
	apply(t, ix, lines[:1])
	if err := ix.Apply(t.Context(), lines[2:]); err == nil {
		t.Error("applied over a gap")
	}
	if err := ix.Apply(t.Context(), other[1:]); err == nil {
		t.Error("applied another log's lines")
	}
	wantApplied(t, ix, lines[0].Position())
	if ss := sessions(t, ix, record.SessionFilter{}); len(ss) != 1 || ss[0].Exchanges != 1 {
		t.Errorf("got %+v", ss)
	}
}

func testReset(t *testing.T, ix record.Index) {
	lines := Lines(t, day()...)
	apply(t, ix, lines)
	full := sessions(t, ix, record.SessionFilter{})
	if err := ix.Reset(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantApplied(t, ix, record.Position{})
	if ss := sessions(t, ix, record.SessionFilter{}); len(ss) != 0 {
		t.Errorf("after a reset: %+v", ss)
	}
	apply(t, ix, lines)
	if ss := sessions(t, ix, record.SessionFilter{}); !reflect.DeepEqual(ss, full) {
		t.Errorf("anew %+v, before %+v", ss, full)
	}
}

func testSessions(t *testing.T, ix record.Index) {
	apply(t, ix, Lines(t, day()...))
	at := func(n int) time.Time { return Epoch.Add(time.Duration(n) * time.Second) }
	alice := record.Session{ID: "s", Principal: issuer + "#alice", First: at(1), Last: at(5), Exchanges: 3, Refused: 1}
	nobody := record.Session{First: at(4), Last: at(4), Exchanges: 1, Refused: 1}
	bob := record.Session{ID: "s", Principal: issuer + "#bob", First: at(3), Last: at(3), Exchanges: 1, Refused: 1}
	for _, c := range []struct {
		name string
		f    record.SessionFilter
		want []record.Session
	}{
		{"all", record.SessionFilter{}, []record.Session{alice, nobody, bob}},
		{"limit", record.SessionFilter{Limit: 1}, []record.Session{alice}},
		{"principal", record.SessionFilter{Principal: bob.Principal}, []record.Session{bob}},
		{"since", record.SessionFilter{Since: at(4)}, []record.Session{alice, nobody}},
		{"since later", record.SessionFilter{Since: at(6)}, nil},
	} {
		if got := sessions(t, ix, c.f); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got  %+v\nwant %+v", c.name, got, c.want)
		}
	}
}

// about is the n-th decision, in session s, over a credential at a host.
func about(n int, session, credential, host string, o access.Outcome) record.Entry {
	e := decision(n, "alice", session, o)
	e.Decision.Host = host
	switch {
	case credential == "":
	case o == access.Allow:
		e.Decision.Uses = []record.Use{{Credential: credential, Location: "path"}}
	default:
		e.Decision.Seen = []record.Seen{{Placeholder: record.Placeholder{Text: "ckr_" + credential + "_0123456789abcdefghjkmnpqrs"}}}
	}
	return e
}

func testNarrow(t *testing.T, ix record.Index) {
	apply(t, ix, Lines(t,
		about(1, "a", "read", "one", access.Allow), about(2, "a", "write", "two", access.Deny),
		about(3, "b", "read", "two", access.NeedsApproval), about(4, "c", "", "one", access.Allow)))
	at := func(n int) time.Time { return Epoch.Add(time.Duration(n) * time.Second) }
	refused := []access.Outcome{access.Deny, access.NeedsApproval}
	for _, c := range []struct {
		name string
		f    record.SessionFilter
		want string // names
	}{
		{"credential", record.SessionFilter{Credential: "read"}, "ba"},
		{"host", record.SessionFilter{Host: "one"}, "ca"},
		{"allowed", record.SessionFilter{Outcomes: []access.Outcome{access.Allow}}, "ca"},
		{"refused", record.SessionFilter{Outcomes: refused}, "ba"},
		{"of one exchange", record.SessionFilter{Credential: "read", Host: "two"}, "b"},
		{"of an exchange that is not the last", record.SessionFilter{Credential: "read", Host: "one"}, "a"},
		{"of two exchanges", record.SessionFilter{Credential: "write", Host: "one"}, ""},
		{"all of it", record.SessionFilter{Principal: issuer + "#alice", Credential: "write", Host: "two", Outcomes: refused}, "a"},
		{"another's", record.SessionFilter{Principal: issuer + "#bob", Host: "two"}, ""},
		{"that late", record.SessionFilter{Credential: "read", Since: at(2)}, "b"},
		{"that early", record.SessionFilter{Credential: "read", Until: at(2)}, "a"},
		{"until", record.SessionFilter{Until: at(3)}, "ba"},
		{"between", record.SessionFilter{Since: at(3), Until: at(3)}, "b"},
		{"limit", record.SessionFilter{Host: "one", Limit: 1}, "c"},
		{"none", record.SessionFilter{Credential: "other"}, ""},
	} {
		got := ""
		for _, s := range sessions(t, ix, c.f) {
			got += s.ID
		}
		if got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
	if err := ix.Reset(t.Context()); err != nil {
		t.Fatal(err)
	}
	if ss := sessions(t, ix, record.SessionFilter{Host: "one"}); len(ss) != 0 {
		t.Errorf("after a reset: %+v", ss)
	}
}

func testExchange(t *testing.T, ix record.Index) {
	lines := Lines(t, day()...)
	apply(t, ix, lines)
	want, err := record.ReadExchange(lines[0].Raw, lines[2].Raw)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := ix.Exchange(t.Context(), exchange(1)); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, want)
	}
	if _, err := ix.Exchange(t.Context(), exchange(9)); !errors.Is(err, record.ErrUnknown) {
		t.Errorf("an unknown one: %v", err)
	}
}

func testExchanges(t *testing.T, ix record.Index) {
	lines := Lines(t, day()...)
	apply(t, ix, lines)
	for _, c := range []struct {
		name, principal, session string
		limit                    int
		decided                  []int // indices of lines
		ended                    []int // likewise; -1: not known
	}{
		{"alice's", issuer + "#alice", "s", 0, []int{0, 1, 6}, []int{2, -1, 7}},
		{"everyone's of a name", "", "s", 0, []int{0, 1, 3, 6}, []int{2, -1, -1, 7}},
		{"the latest of them", "", "s", 2, []int{3, 6}, []int{-1, 7}},
		{"nobody's", "", "", 1, []int{5}, []int{-1}},
		{"none", issuer + "#alice", "other", 0, nil, nil},
	} {
		var want []record.Exchange
		for i, d := range c.decided {
			x := record.Exchange{Decision: entry(t, lines[d]), DecisionLine: lines[d].Raw}
			if e := c.ended[i]; e >= 0 {
				end := entry(t, lines[e])
				x.End, x.EndLine = &end, lines[e].Raw
			}
			want = append(want, x)
		}
		got, err := ix.Exchanges(t.Context(), c.principal, c.session, c.limit)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got  %+v\nwant %+v", c.name, got, want)
		}
	}
}

func testRefusals(t *testing.T, ix record.Index) {
	lines := Lines(t, day()...)
	apply(t, ix, lines)
	refused := []int{} // indices of lines, the latest first
	for i, l := range lines {
		if d := entry(t, l).Decision; d != nil && d.Outcome != access.Allow {
			refused = slices.Insert(refused, 0, i)
		}
	}
	if len(refused) < 3 {
		t.Fatalf("only %d refusals in the lines", len(refused))
	}
	for _, c := range []struct {
		since time.Time
		limit int
		want  []int
	}{
		{Epoch, 10, refused},
		{Epoch, 2, refused[:2]},
		{entry(t, lines[refused[1]]).Time, 10, refused[:2]},
		{entry(t, lines[refused[0]]).Time.Add(time.Second), 10, nil},
	} {
		got, err := ix.Refusals(t.Context(), c.since, c.limit)
		if err != nil {
			t.Fatal(err)
		}
		var at []int
		for _, x := range got {
			at = append(at, slices.IndexFunc(lines, func(l record.Line) bool { return reflect.DeepEqual(l.Raw, x.DecisionLine) }))
		}
		if !slices.Equal(at, c.want) {
			t.Errorf("since %v, at most %d: %v, want %v", c.since, c.limit, at, c.want)
		}
	}
}

func entry(t *testing.T, l record.Line) record.Entry {
	t.Helper()
	e, err := l.Entry()
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func testBatches(t *testing.T, ix record.Index) {
	lines := Lines(t, day()...)
	apply(t, ix, lines)
	whole := sessions(t, ix, record.SessionFilter{})
	if err := ix.Reset(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i := range lines {
		apply(t, ix, lines[i:i+1])
	}
	if single := sessions(t, ix, record.SessionFilter{}); !reflect.DeepEqual(single, whole) {
		t.Errorf("one by one %+v, at once %+v", single, whole)
	}
}
