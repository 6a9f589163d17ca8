package inventory

import (
	"slices"
	"strings"
	"testing"

	"cloakroom/internal/access"
)

func TestMatch(t *testing.T) {
	for _, tt := range []struct {
		pattern string
		yes, no string // paths, separated by spaces
	}{
		{"/", "/", "/a //"},
		{"/a", "/a", "/ /a/ /A /ab /a/b"},
		{"/a/", "/a/", "/a /a/b"},
		{"/a/*", "/a/b /a/b.c", "/a /a/ /a/b/ /a/b/c"},
		{"/a/*/c", "/a/b/c", "/a//c /a/c /a/b/b/c"},
		{"/a/**", "/a/ /a/b /a/b/ /a/b/c", "/a /ab /b/a/c /A/b"},
		{"/a/**/c", "/a/c /a/b/c /a/b/b/c /a//c /a/c/c", "/a /a/c/ /a/bc /a/c/d"},
		{"/**/b/**", "/b/ /a/b/c /a/b/b", "/b /a/b"},
		{"/**", "/ /a /a/b/ //", ""},
		{"/v*/x", "/v1/x /v/x", "/x/x /1v/x"},
		{"/a*b*c", "/abc /aXbXc /abbc", "/ab /abcd"},
		{"/*.git/*", "/a.git/b /.git/b", "/a.git /a.gitx/b"},
		{"", "", "/ a"},
		{"a/**", "", "/a/b a/b"},
	} {
		for _, p := range strings.Fields(tt.yes) {
			if !match(tt.pattern, p) {
				t.Errorf("%q does not match %q", tt.pattern, p)
			}
		}
		for _, p := range strings.Fields(tt.no) {
			if match(tt.pattern, p) {
				t.Errorf("%q matches %q", tt.pattern, p)
			}
		}
	}
}

func TestCheckPattern(t *testing.T) {
	for _, p := range []string{"/", "/a", "/a/", "/a/**", "/a/*/b*c/**/d", "/a.b/~c:d@e!f,g=h+i(j)"} {
		if err := CheckPattern(p); err != nil {
			t.Errorf("CheckPattern(%q): %v", p, err)
		}
	}
	for _, p := range []string{
		"", "a", "**", "/a//b", "/a/../b", "/a/.", "/a./b", "/a%20b", "/a;b", "/a?b", "/a#b", `/a\b`, "/a b", "/é", "/a**", "/**a/b", "/***", "/a\n",
	} {
		if err := CheckPattern(p); err == nil {
			t.Errorf("CheckPattern(%q) = nil", p)
		}
	}
}

// Each row is a way out of "/repos/**", or what only looks like one. Rows are
// only added.
func TestPermits(t *testing.T) {
	c := &Credential{Rules: []Rule{{Hosts: []string{"api.test"}, Methods: []string{"GET", "POST"}, Paths: []string{"/repos/**", "/user"}}}}
	for _, tt := range []struct {
		method, host, path string
		want               bool
	}{
		{"GET", "api.test", "/repos/a", true},
		{"GET", "api.test", "/repos/", true},
		{"POST", "api.test", "/user?x=/../..", true},
		{"GET", "api.test", "/repos/a%20b", true},
		{"GET", "api.test", "/repos/a%2Fb", true},
		{"GET", "api.test", "/repos/a;v=1", true},
		{"GET", "api.test", "/repos/a/../b", true},
		{"GET", "api.test", "/repos", false},
		{"GET", "api.test", "/Repos/a", false},
		{"GET", "api.test", "/reposa", false},
		{"GET", "api.test", "/user/", false},
		{"GET", "api.test", "/user/x", false},
		{"GET", "api.test", "/user.", false},
		{"GET", "api.test", "/user%20", false},
		{"GET", "api.test", "/user;x=1", false},
		{"GET", "api.test", "/user%3fx", false},
		{"GET", "api.test", "/%75ser", false},
		{"GET", "api.test", "//user", false},
		{"get", "api.test", "/user", false},
		{"Get", "api.test", "/user", false},
		{"PUT", "api.test", "/user", false},
		{"*", "api.test", "/user", false},
		{"", "api.test", "/user", false},
		{"GET", "API.test", "/user", false},
		{"GET", "api.test.", "/user", false},
		{"GET", "api.test:443", "/user", false},
		{"GET", "", "/user", false},
		{"GET", "api.test", "", false},
		{"GET", "api.test", "*", false},
		{"GET", "api.test", "http://api.test/user", false},
		{"GET", "api.test", "/repos/../admin", false},
		{"GET", "api.test", "/repos/./../admin", false},
		{"GET", "api.test", "/repos/a/../../admin", false},
		{"GET", "api.test", "/repos/..", false},
		{"GET", "api.test", "/repos/%2e%2e/admin", false},
		{"GET", "api.test", "/repos/%2E./admin", false},
		{"GET", "api.test", "/repos/%252e%252e/admin", false},
		{"GET", "api.test", "/repos/%25252e%25252e/admin", false},
		{"GET", "api.test", "/repos/%2525252e%2525252e/admin", false},
		{"GET", "api.test", "/repos/..%2fadmin", false},
		{"GET", "api.test", "/repos/%2e%2e%2fadmin", false},
		{"GET", "api.test", "/repos/..%252fadmin", false},
		{"GET", "api.test", "/repos%2f..%2fadmin", false},
		{"GET", "api.test", "/repos/a%2f..%2f..%2fadmin", false},
		{"GET", "api.test", `/repos\..\admin`, false},
		{"GET", "api.test", `/repos/..\admin`, false},
		{"GET", "api.test", "/repos/..%5cadmin", false},
		{"GET", "api.test", "/repos/..%255cadmin", false},
		{"GET", "api.test", "/repos/..;/admin", false},
		{"GET", "api.test", "/repos/..;x=y/admin", false},
		{"GET", "api.test", "/repos/%2e%2e;/admin", false},
		{"GET", "api.test", "/repos/..%3b/admin", false},
		{"GET", "api.test", "/repos/a;x=/../../admin", false},
		{"GET", "api.test", "/repos;/../admin", false},
		{"GET", "api.test", "/repos//../../admin", false},
		{"GET", "api.test", "/repos//../admin", false},
		{"GET", "api.test", "//repos/../admin", false},
		{"GET", "api.test", "//repos/a", false},
		{"GET", "api.test", "/%2frepos/a", false},
		{"GET", "api.test", "/repos/a%00", false},
		{"GET", "api.test", "/repos/%00/../admin", false},
		{"GET", "api.test", "/repos/a%0d%0aX:y", false},
		{"GET", "api.test", "/repos/%c0%ae%c0%ae/admin", false},
		{"GET", "api.test", "/repos/..%c0%afadmin", false},
		{"GET", "api.test", "/repos/%ef%bc%8e%ef%bc%8e/admin", false},
		{"GET", "api.test", "/repos/..%ef%bc%8fadmin", false},
		{"GET", "api.test", "/repos/%u002e%u002e/admin", false},
		{"GET", "api.test", "/repos/.../admin", false},
		{"GET", "api.test", "/repos/..%20/admin", false},
		{"GET", "api.test", "/repos/..+/admin", false},
		{"GET", "api.test", "/repos/..#/admin", false},
		{"GET", "api.test", "/repos/..%23/admin", false},
		{"GET", "api.test", "/repos/..%3f/admin", false},
		{"GET", "api.test", "/repos%3f/a", false},
		{"GET", "api.test", "/repos%23/a", false},
		{"GET", "api.test", "/repos/%", false},
		{"GET", "api.test", "/admin/../repos/a", false},
		{"GET", "api.test", "/admin/%2e%2e/repos/a", false},
		{"GET", "api.test", "/../repos/a", false},
		{"GET", "api.test", "/repos/a?x=1#/../..", false},
		{"GET", "api.test", "/repos/" + strings.Repeat("a/", maxPath), false},
		{"GET", "api.test", "/repos/" + strings.Repeat("%2e%2e%2f", 500), false},
	} {
		in, ok := c.Permits(access.Target{Method: tt.method, Host: tt.host, Path: tt.path})
		if ok != tt.want {
			t.Errorf("%s %s %.80q: permitted %v", tt.method, tt.host, tt.path, ok)
		}
		if !ok && in != nil {
			t.Errorf("%.80q is not permitted, but %v is told", tt.path, in)
		}
	}
}

// No two rules together permit what neither permits alone.
func TestPermitsByOneRule(t *testing.T) {
	c := &Credential{Rules: []Rule{
		{Hosts: []string{"h"}, Methods: []string{"GET"}, Paths: []string{"/a/*"}, In: []access.Location{loc(t, "path")}},
		{Hosts: []string{"h"}, Methods: []string{"GET"}, Paths: []string{"/a/*/*"}, In: []access.Location{loc(t, "path"), loc(t, "query:k")}},
		{Hosts: []string{"h"}, Methods: []string{"*"}, Paths: []string{"/b", "/a/x"}, In: []access.Location{loc(t, "cookie:c")}},
	}}
	for _, tt := range []struct {
		method, path, want string
	}{
		{"GET", "/a/b", "path"},
		{"GET", "/a/b/c", "path query:k"},
		{"GET", "/a/b%2fc", ""}, // one segment and two
		{"GET", "/a/x", "path cookie:c"},
		{"DELETE", "/a/x", "cookie:c"},
		{"DELETE", "/a/b", ""},
	} {
		in, ok := c.Permits(access.Target{Method: tt.method, Host: "h", Path: tt.path})
		var got []string
		for _, l := range in {
			got = append(got, l.String())
		}
		if want := strings.Fields(tt.want); !slices.Equal(got, want) || ok != (len(want) > 0) {
			t.Errorf("%s %s: %v %v, want %v", tt.method, tt.path, got, ok, want)
		}
	}
}

func TestZeroPermitsNothing(t *testing.T) {
	target := access.Target{Method: "GET", Host: "h", Path: "/"}
	for name, c := range map[string]*Credential{
		"nil": nil, "zero": {}, "zero rule": {Rules: []Rule{{}}},
		"no paths":   {Rules: []Rule{{Hosts: []string{"h"}, Methods: []string{"*"}}}},
		"no methods": {Rules: []Rule{{Hosts: []string{"h"}, Paths: []string{"/**"}}}},
		"no hosts":   {Rules: []Rule{{Methods: []string{"*"}, Paths: []string{"/**"}}}},
	} {
		if in, ok := c.Permits(target); ok || in != nil {
			t.Errorf("%s: permitted", name)
		}
	}
	c := &Credential{Rules: []Rule{{Hosts: []string{""}, Methods: []string{""}, Paths: []string{""}}}}
	if _, ok := c.Permits(access.Target{}); ok {
		t.Error("the zero target is permitted")
	}
}

func BenchmarkPermits(b *testing.B) {
	c := &Credential{Rules: []Rule{{Hosts: []string{"h"}, Methods: []string{"GET"}, Paths: []string{"/repos/**"}}}}
	for name, path := range map[string]string{"plain": "/repos/a/b/c", "encoded": "/repos/a%20b/c", "hostile": "/repos" + strings.Repeat(`/%2541;b\c.%20`, 500)} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				c.Permits(access.Target{Method: "GET", Host: "h", Path: path})
			}
		})
	}
}
