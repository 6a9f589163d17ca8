package record

import (
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/replace"

	"golang.org/x/mod/sumdb/tlog"
)

var epoch = time.Date(2026, 11, 5, 12, 0, 0, 123456789, time.UTC)

const (
	named  = "ckr_github-read_0123456789abcdefghjkmnpqrs"
	ticket = "ckr_openai_zyxwvtsrqpnmkjhgfedcba9876"
	jwt    = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl"
)

// values masks the values that it holds.
type values struct{ set *replace.Set }

func (v values) Mask(text string) replace.Masked { return v.set.Mask(text, nil) }

func masks(t testing.TB, vs ...string) values {
	t.Helper()
	var secrets []replace.Secret
	for _, v := range vs {
		secrets = append(secrets, replace.Secret{Name: "v", Value: []byte(v)})
	}
	set, err := replace.Compile(secrets)
	if err != nil {
		t.Fatal(err)
	}
	return values{set}
}

// line makes the first line of a log.
func line(t testing.TB, e Entry, m Masker) Line {
	t.Helper()
	rest, err := encode(e, m)
	if err != nil {
		t.Fatal(err)
	}
	l, err := ParseLine(append(prefix(nil, Position{}), rest...))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// full has every field of every kind set.
func full() []Entry {
	at := epoch.Truncate(time.Microsecond)
	return []Entry{
		{Time: at, Decision: &Decision{Exchange: NewID(at), Issuer: "https://i.example", Subject: "alice", Groups: []string{"g", "h"}, Ticket: true, Tokens: []string{"authorization"},
			Session: "s", Source: "127.0.0.1:1", Method: "GET", Host: "h", Authority: "H:443", Path: "/a?b=" + named,
			Route: "r", Outcome: access.NeedsApproval, Code: access.ApprovalPending, Cause: access.CausePolicy, Reason: "why \"\\\x01\u2028é\u0085", Revision: "rev",
			Uses:    []Use{{"github-read", Placeholder{named, true}, "header:authorization", "lease", at, 2}, {Credential: "x"}},
			Seen:    []Seen{{Placeholder{"ckr_openai_[ticket]", false}, "path"}},
			UsesCut: 1, SeenCut: 2}},
		{Time: at, End: &End{Exchange: "not an id", Status: 200, RequestBytes: 1, ResponseBytes: 2,
			Substitutions: []Substitution{{"c", "query:k", 3}}, Masks: []Count{{"c", 4}},
			Phases: []Phase{{"policy", 1234 * time.Microsecond}}, Values: []string{"v", "w"}, Code: access.NotGranted, Error: "broken",
			Set: "s1", Kept: "full", Recording: parts(at), Tape: Hash{7}, Until: at, Lost: true, SubstitutionsCut: 2}},
		{Time: at, Refusals: &Refusals{Since: at, Counts: []RefusalCount{{access.Unauthenticated, "10.0.0.1", 5}}}},
		{Time: at, Reload: &Reload{Revision: "r", Credentials: 6, Error: "e", Start: true, Set: "s1", Rules: parts(at), Prints: 9, Book: Hash{8}, Inventory: Hash{9}}},
		{Time: at, Lease: &Lease{ID: "l", Issuer: "i", Subject: "s", Person: "p", Credential: "c", Session: "x", Reason: "r",
			Operation: "GET h/p", Body: "00", Scope: "path", State: "ended", Ending: "revoked", Needs: 2, Ticket: true, By: "b", Ends: at}},
		{Time: at, Approval: &Approval{Lease: "l", Issuer: "i", Subject: "s", Credential: "c", Session: "x", Approve: true, Scope: "path",
			Reason: "r", By: "b", Person: "p", Name: "n", Via: "page", LoggedIn: at, Seen: "00", Shown: "{}"}},
		{Time: at, Bar: &Bar{ID: "x", Principal: "p", Credential: "c", Until: at, Reason: "r", By: "b", Lifted: true}},
		{Time: at, Act: &Act{Name: "read", By: "b", Principal: "p", Session: "s", Exchange: NewID(at), Target: "t", N: 7, Detail: "d", ID: NewID(at), Sig: []byte{1, 2}}},
		{Time: at, Heads: &Heads{[]Head{{NewID(at), 8, Hash{1}}}}},
	}
}

func parts(at time.Time) []Part {
	return []Part{{NewID(at), 1, 2, Hash{3}}, {NewID(at), 4, 5, Hash{}}}
}

func TestRoundTrip(t *testing.T) {
	m := masks(t)
	for _, e := range full() {
		t.Run(string(e.Kind()), func(t *testing.T) {
			assertFull(t, e)
			l := line(t, e, m)
			got, err := l.Entry()
			if err != nil {
				t.Fatal(err)
			}
			e.Seq = 1
			if !reflect.DeepEqual(got, e) {
				t.Errorf("got  %+v\nwant %+v", got, e)
			}
			if again := line(t, got, m); string(again.Raw) != string(l.Raw) {
				t.Errorf("encoded again:\n%s%s", again.Raw, l.Raw)
			}
		})
	}
}

// assertFull fails if the entry's payload leaves a field unset: the round trip
// would not see that the encoder forgets it.
func assertFull(t *testing.T, e Entry) {
	v := reflect.ValueOf(e)
	for i := range v.NumField() {
		if p := v.Field(i); p.Kind() == reflect.Pointer && !p.IsNil() {
			for j := range p.Elem().NumField() {
				if p.Elem().Field(j).IsZero() {
					t.Fatalf("%s is not set", p.Elem().Type().Field(j).Name)
				}
			}
		}
	}
}

// The format is a promise: what was written once must be read for ever.
func TestLineAsWritten(t *testing.T) {
	e := Entry{Time: epoch, Decision: &Decision{Exchange: "0123456789abcdefghjkmnpqrs", Issuer: "https://i.example",
		Subject: "al\"ice", Method: "GET", Path: "/é", Outcome: access.Allow,
		Uses: []Use{{Credential: "github-read", Placeholder: Placeholder{named, true}, Location: "header:authorization"}}}}
	want := `{"v":1,"seq":1,"prev":"0000000000000000000000000000000000000000000000000000000000000000",` +
		`"time":"2026-11-05T12:00:00.123456Z","decision":{"exchange":"0123456789abcdefghjkmnpqrs",` +
		`"issuer":"https://i.example","subject":"al\"ice","method":"GET","path":"/é","outcome":"allow",` +
		`"uses":[{"credential":"github-read","placeholder":"` + named + `","location":"header:authorization"}]}}` + "\n"
	if got := string(line(t, e, masks(t)).Raw); got != want {
		t.Errorf("got  %swant %s", got, want)
	}
}

// Every string field goes through the masker and loses tickets and tokens.
func TestNoFieldEscapesTheMask(t *testing.T) {
	const value = "s3cr3t-value-0123456789"
	m := masks(t, value)
	for _, e := range full() {
		n := fill(reflect.ValueOf(&e).Elem(), value+" "+ticket+" "+jwt)
		if n == 0 {
			t.Fatalf("%s has no string", e.Kind())
		}
		raw := string(line(t, e, m).Raw)
		for _, secret := range []string{value, ticket[len(ticket)-26:], jwt, "eyJ"} {
			if strings.Contains(raw, secret) {
				t.Errorf("%s: %q stands in %s", e.Kind(), secret, raw)
			}
		}
		if got := strings.Count(raw, "[masked] ckr_openai_[ticket] [token]"); got != n {
			t.Errorf("%s: %d of %d strings were masked: %s", e.Kind(), got, n, raw)
		}
	}
}

// fill sets every string in v to s, and says how many there are.
func fill(v reflect.Value, s string) (n int) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(s)
		return 1
	case reflect.Pointer:
		if !v.IsNil() {
			return fill(v.Elem(), s)
		}
	case reflect.Slice:
		for i := range v.Len() {
			n += fill(v.Index(i), s)
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return 0
		}
		if p, ok := v.Addr().Interface().(*Placeholder); ok {
			p.Named = false
		}
		for i := range v.NumField() {
			n += fill(v.Field(i), s)
		}
	}
	return n
}

func TestScrub(t *testing.T) {
	pct := func(s string) string {
		var b strings.Builder
		for i := range len(s) {
			b.WriteString("%" + string("0123456789ABCDEF"[s[i]>>4]) + string("0123456789abcdef"[s[i]&15]))
		}
		return b.String()
	}
	for _, c := range []struct{ name, in, want string }{
		{"nothing", "/plain?x=1", "/plain?x=1"},
		{"a ticket", "/a/" + ticket + "/b", "/a/ckr_openai_[ticket]/b"},
		{"with a prefix", "ghp_" + ticket, "ghp_ckr_openai_[ticket]"},
		{"a named one stays", "/a/" + named, "/a/" + named},
		{"a named one and a ticket", named + ticket, named + "ckr_openai_[ticket]"},
		{"a forged one", "ckr_github-read_00000000000000000000000000", "ckr_github-read_[ticket]"},
		{"upper case", strings.ToUpper(ticket), "CKR_OPENAI_[ticket]"},
		{"cut short", ticket[:len(ticket)-2], "ckr_openai_[ticket]"},
		{"percent-encoded", pct(ticket), pct("ckr_openai_") + "[ticket]"},
		{"encoded twice", "x" + pct(pct(ticket)), "x" + pct(pct("ckr_openai_")) + "[ticket]"},
		{"a percent sign that encodes nothing", "100%, 5%zz%" + ticket, "100%, 5%zz%ckr_openai_[ticket]"},
		{"with JSON's escapes", `{"a":"` + strings.Replace(ticket, "_", `\u005f`, 1) + `"}`, `{"a":"ckr\u005fopenai_[ticket]"}`},
		{"a token with JSON's escapes", `\n\u0065` + jwt[1:], `\n[token]`},
		{"a token", "Bearer " + jwt + " end", "Bearer [token] end"},
		{"a token in a query", "/?t=" + jwt + "&u=1", "/?t=[token]&u=1"},
		{"a token without its signature", jwt[:strings.LastIndex(jwt, ".")], "[token]"},
		{"a token behind a word", "key" + jwt, "key[token]"},
		{"a token, percent-encoded", pct(jwt) + "/x", "[token]/x"},
		{"a header with spaces", "eyAiYWxnIjoiUlMyNTYifQ.e30.x", "[token]"},
		{"a host that begins alike", "eyeglasses-shop.example.com", "eyeglasses-shop.example.com"},
		{"a word without a dot", "eyJhbGciOiJSUzI1NiJ9", "eyJhbGciOiJSUzI1NiJ9"},
		{"both", ticket + "?" + jwt, "ckr_openai_[ticket]?[token]"},
	} {
		if got := scrub(c.in, []string{"ghp_" + named}); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

// The time that scrub takes must not grow faster than its input: an agent
// chooses it. Quadratic work on these would outlast the test's time.
func TestScrubIsLinear(t *testing.T) {
	for _, part := range []string{"eyJ", "eyJ.", "ckr_", "ckr_a_", "%25", "ew", "e"} {
		scrub(strings.Repeat(part, 1<<20/len(part)), nil)
	}
}

func TestLengths(t *testing.T) {
	long := strings.Repeat("\x01é", 100_000)
	e := Entry{Decision: &Decision{Path: long, Reason: long, Subject: long}}
	for range 1000 {
		e.Decision.Uses = append(e.Decision.Uses, Use{Credential: long, Placeholder: Placeholder{Text: long}, Location: long, Lease: long})
		e.Decision.Seen = append(e.Decision.Seen, Seen{Placeholder{Text: long}, long})
	}
	l := line(t, e, masks(t))
	if len(l.Raw) > MaxLine {
		t.Errorf("the line has %d bytes", len(l.Raw))
	}
	got, err := l.Entry()
	if err != nil {
		t.Fatal(err)
	}
	d := got.Decision
	if len(d.Path) > pathMax || len(d.Reason) > textMax || !strings.HasSuffix(d.Path, "…") {
		t.Errorf("path has %d bytes, reason %d", len(d.Path), len(d.Reason))
	}
	if len(d.Uses) != usesMax || d.UsesCut != 1000-usesMax || len(d.Seen) != seenMax || d.SeenCut != 1000-seenMax {
		t.Errorf("%d uses and %d cut, %d seen and %d cut", len(d.Uses), d.UsesCut, len(d.Seen), d.SeenCut)
	}
}

func TestOnlyTheLogEncodes(t *testing.T) {
	if b, err := json.Marshal(Entry{Reload: &Reload{}}); err == nil {
		t.Errorf("encoded %s", b)
	}
	if _, err := encode(Entry{}, masks(t)); err == nil {
		t.Error("encoded an entry without a kind")
	}
}

func TestUnknownVersion(t *testing.T) {
	if _, err := ParseLine([]byte(`{"v":2,"seq":1,"prev":"` + Hash{}.String() + `","time":""}` + "\n")); err == nil {
		t.Error("read a line of another version")
	}
	if _, err := (Line{Raw: []byte(`{"v":2}`)}).Entry(); err == nil {
		t.Error("decoded an entry of another version")
	}
}

func TestNewID(t *testing.T) {
	seen := make(map[string]bool)
	last := ""
	for i := range 1000 {
		id := NewID(epoch.Add(time.Duration(i) * time.Millisecond))
		if !isID(id) || seen[id] || id <= last {
			t.Fatalf("got %q after %q", id, last)
		}
		seen[id], last = true, id
	}
	if got, want := NewID(time.UnixMilli(0))[:9], "000000000"; got != want {
		t.Errorf("in 1970: %q, want %q", got, want)
	}
	if got, want := NewID(time.UnixMilli(1<<48 - 1))[:9], "7zzzzzzzz"; got != want {
		t.Errorf("at the end: %q, want %q", got, want)
	}
}

func FuzzEncode(f *testing.F) {
	for _, s := range []string{"", "a", named, ticket, jwt, "\xff\xfe", "\u2028\x7f\x00\"\\", "%63kr", "eyJ.eyJ.", strings.Repeat("é", 600)} {
		f.Add(s, s)
	}
	m := masks(f, "s3cr3t-value-0123456789")
	f.Fuzz(func(t *testing.T, path, reason string) {
		e := Entry{Time: epoch, Decision: &Decision{Path: path, Reason: reason}}
		l := line(t, e, m)
		if _, err := tlog.FormatRecord(0, l.Raw); err != nil || len(l.Raw) > MaxLine {
			t.Fatalf("not a record of tlog: %v: %q", err, l.Raw)
		}
		got, err := l.Entry()
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(strings.ToLower(got.Decision.Path), ticket) {
			t.Fatalf("a ticket in %q", got.Decision.Path)
		}
		if again := line(t, got, m); string(again.Raw) != string(l.Raw) {
			t.Fatalf("encoded again:\n%s%s", again.Raw, l.Raw)
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	e, m := full()[0], masks(b)
	for b.Loop() {
		if _, err := encode(e, m); err != nil {
			b.Fatal(err)
		}
	}
}

var errDisk = errors.New("input/output error")

// TestWhatWasCutIsKnown has one of everything that is just too long, and just not.
func TestWhatWasCutIsKnown(t *testing.T) {
	for name, tt := range map[string]struct {
		d            Decision
		groups, path bool
	}{
		"all is there": {Decision{Groups: []string{strings.Repeat("a", itemMax)}, Path: strings.Repeat("a", pathMax)}, false, false},
		"a long name":  {Decision{Groups: []string{strings.Repeat("ä", itemMax)}}, true, false},
		"a long path":  {Decision{Path: strings.Repeat("€", pathMax)}, false, true},
		"many groups":  {Decision{Groups: slices.Repeat([]string{"a"}, listMax+1)}, true, false},
	} {
		d := tt.d
		e := &encoder{mask: masks(t)}
		for i, g := range d.Groups {
			d.Groups[i] = e.masked(g, itemMax).String()
		}
		if d.Path = e.masked(d.Path, pathMax).String(); d.GroupsCut() != tt.groups || d.PathCut() != tt.path {
			t.Errorf("%s: groups cut %v, path cut %v", name, d.GroupsCut(), d.PathCut())
		}
	}
}

// An entry is of one kind: one of two would be another to each who reads it.
func TestAnEntryIsOfOneKind(t *testing.T) {
	l := line(t, full()[0], masks(t))
	if _, err := l.Entry(); err != nil {
		t.Fatal(err)
	}
	l.Raw = append(l.Raw[:len(l.Raw)-2], `,"end":{"exchange":"e1"}}`+"\n"...)
	if e, err := l.Entry(); err == nil {
		t.Errorf("read as %+v", e)
	}
}
