package inventory

import (
	"net/url"
	"path"
	"regexp"
	"strings"
	"testing"

	"cloakroom/internal/access"
)

// lenient are things that backends do to a path, written without a look at the
// package's own steps. Each returns its argument where it does not apply.
var lenient = []func(string) string{
	func(s string) string { // a decoding router
		if u, err := url.PathUnescape(s); err == nil {
			return u
		}
		return s
	},
	func(s string) string { // a decoder that skips what it cannot decode
		return regexp.MustCompile(`%[0-9a-fA-F]{2}`).ReplaceAllStringFunc(s, func(e string) string {
			u, _ := url.PathUnescape(e)
			return u
		})
	},
	func(s string) string { // decodes dots only
		return regexp.MustCompile(`%2[eE]`).ReplaceAllString(s, ".")
	},
	func(s string) string { // decodes slashes only
		return regexp.MustCompile(`%2[fF]`).ReplaceAllString(s, "/")
	},
	func(s string) string { // a servlet container
		return regexp.MustCompile(`;[^/]*`).ReplaceAllString(s, "")
	},
	func(s string) string { return strings.SplitN(s, ";", 2)[0] },
	func(s string) string { return strings.SplitN(s, "?", 2)[0] },
	func(s string) string { return strings.SplitN(s, "#", 2)[0] },
	func(s string) string { return regexp.MustCompile(`/{2,}`).ReplaceAllString(s, "/") },
	func(s string) string { return strings.NewReplacer(`\`, "/").Replace(s) },
	path.Clean,
	func(s string) string { // a URL library, relative to a base
		base := &url.URL{Scheme: "http", Host: "h", Path: "/"}
		if u, err := base.Parse(s); err == nil && u.Path != "" {
			return u.Path
		}
		return s
	},
	func(s string) string { // a URL library, keeping escapes
		if u, err := url.Parse(s); err == nil && u.EscapedPath() != "" {
			return u.EscapedPath()
		}
		return s
	},
	func(s string) string { // Windows file names
		return regexp.MustCompile(`([^/. ])[. ]+(/|$)`).ReplaceAllString(s, "$1$2")
	},
}

// oraclePattern makes a pattern a regular expression.
func oraclePattern(p string) *regexp.Regexp {
	var b strings.Builder
	parts := strings.Split(p[1:], "/")
	for i, s := range parts {
		switch {
		case s == "**" && i == len(parts)-1:
			b.WriteString(`/[\s\S]*`)
		case s == "**":
			b.WriteString(`(/[^/]*)*`)
		default:
			b.WriteString("/")
			if s != "" && strings.Trim(s, "*") == "" {
				b.WriteString("[^/]+")
				continue
			}
			b.WriteString(strings.ReplaceAll(regexp.QuoteMeta(s), `\*`, "[^/]*"))
		}
	}
	return regexp.MustCompile("^" + b.String() + "$")
}

var oraclePatterns = []string{"/a/**", "/a/*", "/a/*/c", "/a/**/c", "/**", "/*", "/repos/*/x*y", "/a", "/", "/a/**/b/*"}

// If a rule permits a path, then whatever a lenient backend makes of it matches
// that rule too. A trailing slash more or less is no difference that a backend
// makes on its own account.
func FuzzPermitted(f *testing.F) {
	for i, s := range []string{
		"/a/b", "/a/../b", "/a/%2e%2e/b", "/a/x;y=/../../b", "/a//b/c", `/a/x\..\..\b`, "/a/x%2f..%2f..%2fb",
		"/a/%25252e%25252e/b", "/a/b%3f/../c", "/a/x./c", "/a/b/..;/c", "//a/a/c", "/a/%252e%252e%252fb", "/a/x%20/c",
	} {
		f.Add(s, []byte{byte(i), 0, 4, 8, 10}, byte(i))
		f.Add(s, []byte{0, 9, 10, 11}, byte(0))
		f.Add(s, []byte{12, 0, 0, 4, 10, 13}, byte(3))
	}
	f.Fuzz(func(t *testing.T, p string, todo []byte, n byte) {
		pattern := oraclePatterns[int(n)%len(oraclePatterns)]
		c := Credential{Rules: []Rule{{Hosts: []string{"h"}, Methods: []string{"GET"}, Paths: []string{pattern}}}}
		if _, ok := c.Permits(access.Target{Method: "GET", Host: "h", Path: p}); !ok {
			return
		}
		want := oraclePattern(pattern)
		read := strings.SplitN(p, "?", 2)[0]
		for i, b := range todo[:min(len(todo), 12)] {
			read = lenient[int(b)%len(lenient)](read)
			if read == "." || read == "" {
				read = "/"
			}
			if !want.MatchString(read) && !want.MatchString(read+"/") {
				t.Fatalf("%q is permitted by %q, but steps %v read it as %q", p, pattern, todo[:i+1], read)
			}
		}
	})
}

func FuzzMatch(f *testing.F) {
	f.Add("/a/x/c", byte(3))
	f.Add("/a//b/", byte(9))
	f.Fuzz(func(t *testing.T, p string, n byte) {
		pattern := oraclePatterns[int(n)%len(oraclePatterns)]
		if !strings.HasPrefix(p, "/") || strings.Contains(p, "\n") {
			return
		}
		if got, want := match(pattern, p), oraclePattern(pattern).MatchString(p); got != want {
			t.Fatalf("match(%q, %q) = %v, want %v", pattern, p, got, want)
		}
	})
}
