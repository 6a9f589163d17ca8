package inventory

import (
	"encoding/base64"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"cloakroom/internal/access"
)

func loc(t testing.TB, s string) access.Location {
	t.Helper()
	l, err := access.ParseLocation(s)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// testSet has git (header, on GET /repos/** of api.test), pay (query key, cookie
// c and path, on any path) and long (with a prefix).
func testSet(t testing.TB) *Set {
	t.Helper()
	s, err := New(Key{1}, []Credential{
		{Name: "pay", Rules: []Rule{{[]string{"api.test"}, []string{"*"}, []string{"/**"},
			[]access.Location{loc(t, "query:key"), loc(t, "cookie:c"), loc(t, "path"), loc(t, "header:x-pay")}}}},
		{Name: "git", Rules: []Rule{{Hosts: []string{"api.test"}, Methods: []string{"GET"}, Paths: []string{"/repos/**"}}}},
		{Name: "long", Prefix: "ghp_", Rules: []Rule{{[]string{"api.test"}, []string{"*"}, []string{"/**"}, []access.Location{loc(t, "query:key")}}}},
	}, nil, false)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func basic(s string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(s)) }

const forged = "ckr_nobody_0123456789abcdefghjkmnpqrs"

func TestFind(t *testing.T) {
	s := testSet(t)
	git, pay, long := s.Credential("git").Placeholder, s.Credential("pay").Placeholder, s.Credential("long").Placeholder
	ticket, err := NewTicket("git")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, header, value, path string
		want                      string // text, named, counts, place, encoding; joined
	}{
		{"bearer", "authorization", "Bearer " + git, "/", git + " named counts header:authorization 0"},
		{"in any header", "x-any", "a" + git + "b", "/", git + " named header:x-any 0"},
		{"a header of its rule", "x-pay", pay, "/", pay + " named counts header:x-pay 0"},
		{"a header of another's rule", "x-pay", git, "/", git + " named header:x-pay 0"},
		{"ticket", "authorization", "token " + ticket, "/", ticket + " counts header:authorization 0"},
		{"forged in a credential header", "x-api-key", forged, "/", forged + " counts header:x-api-key 0"},
		{"forged elsewhere", "x-any", forged, "/", forged + " header:x-any 0"},
		{"basic password", "authorization", basic("u:" + git), "/", git + " named counts header:authorization 1"},
		{"basic user", "authorization", basic(git + ":"), "/", git + " named counts header:authorization 1"},
		{"basic, third alignment", "authorization", basic("us:" + git), "/", git + " named counts header:authorization 1"},
		{"basic, lower case", "authorization", strings.Replace(basic("u:"+git), "Basic", "basic", 1), "/", git + " named counts header:authorization 1"},
		{"basic, unpadded", "authorization", strings.TrimRight(basic("us:"+git), "="), "/", git + " named counts header:authorization 1"},
		{"basic to the proxy", "proxy-authorization", basic("u:" + git), "/", git + " named header:proxy-authorization 1"},
		{"basic of another header", "x-api-key", basic("u:" + git), "/", ""},
		{"cookie", "cookie", "a=b; c=" + pay + "; d=e", "/", pay + " named counts cookie:c 2"},
		{"cookie of another name", "cookie", "C=" + pay, "/", pay + " named cookie:C 2"},
		{"cookie's name", "cookie", pay + "=c", "/", pay + " named header:cookie 2"},
		{"cookie without name", "cookie", "c=1; " + pay, "/", pay + " named header:cookie 2"},
		{"query", "", "", "/x?a=b&key=" + pay, pay + " named counts query:key 3"},
		{"query, encoded name", "", "", "/x?k%65y=" + pay, pay + " named counts query:key 3"},
		{"query, another name", "", "", "/x?Key=" + pay, pay + " named query:Key 3"},
		{"query's name", "", "", "/x?" + pay + "=key", pay + " named query: 3"},
		{"query without name", "", "", "/x?" + pay, pay + " named query: 3"},
		{"query, behind a semicolon", "", "", "/x?key=1;a=" + pay, pay + " named query: 3"},
		{"query, before a semicolon", "", "", "/x?key=" + pay + ";a=1", pay + " named counts query:key 3"},
		{"query, behind an encoded ampersand", "", "", "/x?key=1%26a=" + pay, pay + " named query: 3"},
		{"query, behind a semicolon encoded twice", "", "", "/x?key=1%253Ba=" + pay, pay + " named query: 3"},
		{"query, behind another escape", "", "", "/x?key=%25%2b" + pay, pay + " named counts query:key 3"},
		{"cookie in quotes", "cookie", `c="` + pay + `"`, "/", pay + " named counts cookie:c 2"},
		{"cookie behind quotes", "cookie", `a="\""; c=` + pay, "/", pay + " named header:cookie 2"},
		{"cookie behind quotes that are closed", "cookie", `a="b"; c=` + pay, "/", pay + " named counts cookie:c 2"},
		{"cookie inside quotes", "cookie", `a="; c=` + pay + `; b="`, "/", pay + " named header:cookie 2"},
		{"cookie inside quotes with an escaped one", "cookie", `a="\"; c=` + pay + `; b="`, "/", pay + " named header:cookie 2"},
		{"cookie inside quotes with an escaped semicolon", "cookie", `a="\;"; c=` + pay, "/", pay + " named counts cookie:c 2"},
		{"cookie behind a comma", "cookie", "c=1,a=" + pay, "/", pay + " named header:cookie 2"},
		{"query, broken name", "", "", "/x?%zz=" + pay, pay + " named query: 3"},
		{"query of a path that is not read", "", "", "/../x?key=" + pay, pay + " named query:key 3"},
		{"path", "", "", "/bot" + pay + "/send", pay + " named counts path 4"},
		{"path of another's rule", "", "", "/bot" + git + "/send", git + " named path 4"},
		{"prefix", "", "", "/x?key=" + long, long + " named counts query:key 3"},
		{"prefix left out", "", "", "/x?key=" + long[4:], long[4:] + " named counts query:key 3"},
		{"prefix of a ticket", "", "", "/x?key=ghp_" + strings.Replace(ticket, "git", "long", 1), "ghp_" + strings.Replace(ticket, "git", "long", 1) + " counts query:key 3"},
		{"prefix of another", "x-a", "ghp_" + git, "/", git + " named header:x-a 0"},
		{"prefix cut by the value's begin", "cookie", "ghp_=" + long[4:], "/", long[4:] + " named cookie:ghp_ 2"},
		{"two side by side", "x-a", git + pay, "/", git + " named header:x-a 0|" + pay + " named header:x-a 0"},
		{"after a false start", "x-a", "ckr_ckr_" + git, "/", git + " named header:x-a 0"},
		{"upper case", "authorization", "Bearer " + strings.ToUpper(git), "/", ""},
		{"suffix in upper case", "authorization", git[:10] + strings.ToUpper(git[10:]), "/", ""},
		{"cut short", "authorization", git[:len(git)-1], "/", ""},
		{"no name", "authorization", "ckr__0123456789abcdefghjkmnpqrs", "/", ""},
		{"name too long", "authorization", "ckr_" + strings.Repeat("a", 49) + git[7:], "/", ""},
		{"a letter that Crockford lacks", "authorization", forged[:len(forged)-1] + "u", "/", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var headers []access.Header
			if tt.header != "" {
				headers = []access.Header{{Name: "accept", Value: "*/*"}, {Name: tt.header, Value: tt.value}}
			}
			found, overflow := s.Find(access.Target{Method: "GET", Host: "api.test", Path: tt.path}, headers)
			if got := show(found); got != tt.want || overflow {
				t.Errorf("found %q, overflow %v, want %q", got, overflow, tt.want)
			}
		})
	}
}

func show(found []Found) string {
	var all []string
	for _, f := range found {
		s := f.Text
		if f.Named {
			s += " named"
		}
		if f.Counts {
			s += " counts"
		}
		all = append(all, fmt.Sprintf("%s %s %d", s, f.At, f.Encoding))
	}
	return strings.Join(all, "|")
}

func TestCookieInsideQuotesOfAnotherLine(t *testing.T) {
	s := testSet(t)
	pay := s.Credential("pay").Placeholder
	found, _ := s.Find(access.Target{Method: "GET", Host: "api.test", Path: "/"},
		[]access.Header{{Name: "cookie", Value: `a="`}, {Name: "cookie", Value: "c=" + pay}, {Name: "cookie", Value: `b="; c=` + pay}})
	if got, want := show(found), pay+" named header:cookie 2|"+pay+" named counts cookie:c 2"; got != want {
		t.Errorf("found %q, want %q", got, want)
	}
}

func TestFindIsBounded(t *testing.T) {
	s := testSet(t)
	git := s.Credential("git").Placeholder
	target := access.Target{Method: "GET", Host: "api.test", Path: "/"}
	found, overflow := s.Find(target, []access.Header{{Name: "x", Value: strings.Repeat(git, MaxFound)}})
	if len(found) != MaxFound || overflow {
		t.Errorf("%d found, overflow %v", len(found), overflow)
	}
	found, overflow = s.Find(target, []access.Header{{Name: "x", Value: strings.Repeat(git, 10_000)}, {Name: "y", Value: git}})
	if len(found) != MaxFound || !overflow {
		t.Errorf("%d found, overflow %v", len(found), overflow)
	}
}

func plainRequest() (access.Target, []access.Header) {
	headers := []access.Header{
		{Name: "accept", Value: "*/*"}, {Name: "user-agent", Value: "curl/8.5.0"}, {Name: "x-request-id", Value: "7d5cbd13-5f0a-4e4f-a7a1-3a0e6f1ad4be"},
		{Name: "proxy-authorization", Value: "Bearer " + strings.Repeat("eyJhbGciOiJSUzI1NiJ9", 40)}, {Name: "authorization", Value: basic("user:password")},
		{Name: "cookie", Value: "a=b; c=d"}, {Name: "content-type", Value: "application/json"}, {Name: "accept-encoding", Value: "gzip, br"},
	}
	return access.Target{Method: "GET", Host: "api.test", Path: "/repos/a/b/issues?page=1&state=open"}, headers
}

func TestFindNothingAllocatesNothing(t *testing.T) {
	s := testSet(t)
	target, headers := plainRequest()
	if n := testing.AllocsPerRun(100, func() {
		if found, overflow := s.Find(target, headers); found != nil || overflow {
			t.Error("found something")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestNilSetFindsNothing(t *testing.T) {
	var s *Set
	found, overflow := s.Find(access.Target{Path: "/" + forged}, nil)
	if found != nil || overflow || s.Credentials() != nil || s.Credential("git") != nil || s.Strict() {
		t.Error("a nil set holds something")
	}
}

func BenchmarkFindNothing(b *testing.B) {
	s := testSet(b)
	target, headers := plainRequest()
	b.ReportAllocs()
	for b.Loop() {
		s.Find(target, headers)
	}
}

func BenchmarkFindOne(b *testing.B) {
	s := testSet(b)
	target, headers := plainRequest()
	headers[4].Value = "Bearer " + s.Credential("git").Placeholder
	b.ReportAllocs()
	for b.Loop() {
		s.Find(target, headers)
	}
}

func FuzzFind(f *testing.F) {
	s := testSet(f)
	git, long := s.Credential("git").Placeholder, s.Credential("long").Placeholder
	f.Add("authorization", "Bearer "+git, "/repos/x?key="+long)
	f.Add("authorization", basic("u:"+git), "/")
	f.Add("cookie", "a="+git+";c="+long+";"+forged, "/a/"+git+"?x&&=&"+git+"="+long)
	f.Add("x", "ghp_ckr_ckr_ckr_", "ckr_a_")
	f.Fuzz(func(t *testing.T, name, value, path string) {
		headers := []access.Header{{Name: "a", Value: value}, {Name: name, Value: value}}
		found, overflow := s.Find(access.Target{Method: "GET", Host: "api.test", Path: path}, headers)
		if overflow && len(found) != MaxFound {
			t.Fatalf("overflow with %d found", len(found))
		}
		end := map[[2]any]int{}
		for _, x := range found {
			text := path
			if x.Header >= 0 {
				text = headers[x.Header].Value
			}
			if x.Encoding == Basic {
				text, _ = DecodeBasic(text)
			}
			if x.Start < 0 || x.End > len(text) || text[x.Start:x.End] != x.Text {
				t.Fatalf("%+v is not in %q", x, text)
			}
			where := [2]any{x.Header, x.Encoding == Basic}
			if x.Start < end[where] {
				t.Fatalf("%+v overlaps what came before", x)
			}
			end[where] = x.End
			checkFound(t, s, x)
		}
		again, _ := s.Find(access.Target{Method: "GET", Host: "api.test", Path: path}, headers)
		if !reflect.DeepEqual(found, again) {
			t.Fatalf("%+v, then %+v", found, again)
		}
		if n := strings.Count(value+path, git); n > 0 && len(found) == 0 {
			t.Fatalf("the placeholder stands in %q or %q and was not found", value, path)
		}
	})
}

func checkFound(t *testing.T, s *Set, x Found) {
	t.Helper()
	core := x.Text[strings.Index(x.Text, "ckr_"):]
	c := s.Credential(x.Name)
	switch {
	case !strings.HasPrefix(core, "ckr_"+x.Name+"_") || len(core) != len("ckr_")+len(x.Name)+1+26:
		t.Fatalf("%+v is no placeholder", x)
	case c == nil && (x.Named || len(core) != len(x.Text)):
		t.Fatalf("%+v names nothing", x)
	case c != nil && x.Named != (core == s.Credential(x.Name).Placeholder[len(c.Prefix):]):
		t.Fatalf("%+v is wrongly named", x)
	case c != nil && x.Text != core && x.Text != c.Prefix+core:
		t.Fatalf("%+v has a strange prefix", x)
	}
}
