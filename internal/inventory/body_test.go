package inventory

import (
	"reflect"
	"regexp"
	"testing"
	"time"

	"cloakroom/internal/access"
)

func location(t testing.TB, text string) access.Location {
	t.Helper()
	l, err := access.ParseLocation(text)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func bodySet(t *testing.T) ([]Credential, *Set) {
	t.Helper()
	rule := func(method, path string, in ...string) Rule {
		r := Rule{Hosts: []string{"h"}, Methods: []string{method}, Paths: []string{path}}
		for _, text := range in {
			r.In = append(r.In, location(t, text))
		}
		return r
	}
	all := []Credential{
		{Name: "b", Prefix: "sk-", Rules: []Rule{rule("POST", "/t/**", "form:s", "body:/s", "header"), rule("GET", "/t/**")}},
		{Name: "a", Rules: []Rule{rule("POST", "/t/x", "body:/s"), rule("POST", "/t/**", "form:s")}},
		{Name: "c", Rules: []Rule{rule("POST", "/t/**", "message:/s", "header")}},
	}
	s, err := New(Key{}, all, nil, false)
	if err != nil {
		t.Fatal(err)
	}
	return all, s
}

func TestBodyUses(t *testing.T) {
	_, s := bodySet(t)
	form, member := location(t, "form:s"), location(t, "body:/s")
	for _, tt := range []struct {
		target access.Target
		want   map[string][]access.Location
	}{
		{access.Target{Method: "POST", Host: "h", Path: "/t/x?q"}, map[string][]access.Location{"a": {member, form}, "b": {form, member}}},
		{access.Target{Method: "POST", Host: "h", Path: "/t/y"}, map[string][]access.Location{"a": {form}, "b": {form, member}}},
		{access.Target{Method: "GET", Host: "h", Path: "/t/x"}, map[string][]access.Location{}},
		{access.Target{Method: "POST", Host: "i", Path: "/t/x"}, map[string][]access.Location{}},
		{access.Target{Method: "POST", Host: "h", Path: "/t/%2e%2e/x"}, map[string][]access.Location{}},
	} {
		got := map[string][]access.Location{}
		for _, u := range s.BodyUses(tt.target) {
			got[u.Credential.Name] = u.In
		}
		if !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%v: got %v, want %v", tt.target, got, tt.want)
		}
	}
	if uses := (*Set)(nil).BodyUses(access.Target{Host: "h"}); uses != nil {
		t.Errorf("of nothing: %v", uses)
	}
}

func TestBodyOperations(t *testing.T) {
	all, _ := bodySet(t)
	if got, want := BodyOperations(all, "h"), []Operation{{"POST", "/t/**"}, {"POST", "/t/x"}}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := BodyOperations(all, "i"); got != nil {
		t.Errorf("of another host: %v", got)
	}
}

func TestApprovalOperations(t *testing.T) {
	rules := []Rule{{Hosts: []string{"h", "i"}, Methods: []string{"GET", "POST"}, Paths: []string{"/a", "/b"}}, {Hosts: []string{"h"}, Methods: []string{"GET"}, Paths: []string{"/b"}}}
	all := []Credential{{Rules: rules}, {Tier: Tier{Approval: &Approval{Wait: time.Second}}, Rules: rules[1:]},
		{Tier: Tier{Approval: &Approval{Wait: time.Minute}}, Rules: rules}, {Tier: Tier{Approval: &Approval{}}}}
	if got, want := ApprovalOperations(all, "h"), []Operation{{"GET", "/b"}, {"GET", "/a"}, {"POST", "/a"}, {"POST", "/b"}}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := ApprovalOperations(all[:2], "i"); got != nil {
		t.Errorf("of another host: %v", got)
	}
	if long, none := LongestWait(all), LongestWait(all[:1]); long != time.Minute || none != 0 {
		t.Errorf("held for %s and %s", long, none)
	}
}

// TestPatternRegexp: the expression and the pattern match the same paths.
func TestPatternRegexp(t *testing.T) {
	paths := []string{"/", "/a", "/a/", "/a/b", "/a/b/", "/a/b/c", "/a//c", "/a/c", "/ab", "/a.b", "/axb", "/a/b/b/c", "/a/bc", "//", "/a/c/c", "/a/xcy", "/A"}
	for _, pattern := range []string{"/", "/a", "/a/", "/a/*", "/a/*/c", "/a/**", "/a/**/c", "/**", "/**/c", "/a*b", "/a.b", "/*", "/a/*c*", "/**/b/**", "/a(b)+/x"} {
		e := regexp.MustCompile("^(?:" + PatternRegexp(pattern) + ")$")
		for _, path := range append(paths, pattern) {
			if got, want := e.MatchString(path), match(pattern, path); got != want {
				t.Errorf("%s on %s: %v, want %v", pattern, path, got, want)
			}
		}
	}
}

func TestFindInBody(t *testing.T) {
	_, s := bodySet(t)
	a, b := s.Credential("a").Placeholder, s.Credential("b").Placeholder
	body := s.Body(access.Target{Method: "POST", Host: "h", Path: "/t/y"})
	form, member := location(t, "form:s"), location(t, "body:/s")
	for _, tt := range []struct {
		name   string
		at     access.Location
		e      Encoding
		text   string
		counts []bool
	}{
		{"two", form, Form, a + b, []bool{true, true}},
		{"behind a semicolon", form, Form, a + ";" + b, []bool{true}},
		{"a semicolon in a part", form, Part, a + ";" + b, []bool{true, true}},
		{"where the other may", member, JSON, a + b, []bool{false, true}},
		{"within an escape", form, Form, "%5" + a + "%" + b, []bool{false, false}},
		{"nothing", form, Form, "ckr_x", nil},
	} {
		found, overflow := body.Find(tt.at, tt.e, tt.text)
		var counts []bool
		for _, f := range found {
			counts = append(counts, f.Counts)
			if tt.text[f.Start:f.End] != f.Text || f.Encoding != tt.e || f.At != tt.at || !f.Named {
				t.Errorf("%s: %+v", tt.name, f)
			}
		}
		if overflow || !reflect.DeepEqual(counts, tt.counts) {
			t.Errorf("%s: counts %v, want %v", tt.name, counts, tt.counts)
		}
	}
	for range MaxFound {
		body.Find(form, Form, a)
	}
	if _, overflow := body.Find(form, Form, a); !overflow {
		t.Error("no end of placeholders")
	}
}

func TestInEscape(t *testing.T) {
	for before, want := range map[string]bool{"": false, "a": false, "%": true, "%5": true, "%25": true, "%255": true, "%2525": true, "%25255": true,
		"%20": false, "5": false, "25": false, "%2": true, "%20%": true, "x%5f": false,
		`\`: true, `a\u`: true, `\u006`: true, `\u0061`: false, `\x`: true, `\x6`: true, `\x61`: false, `\\u00`: true, `%5Cu006`: true, `%255cu006`: true,
		`u006`: true, `x6`: true, `au006`: false, `&#`: true, `&#x6`: true, `&#6`: true, `&#x61;`: false, `%26%23x6`: true, `a&b`: false, "Bearer ": false} {
		if got := inEscape(before); got != want {
			t.Errorf("%q: %v", before, got)
		}
	}
}
