package inventory

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestReadings(t *testing.T) {
	for _, tt := range []struct {
		path string
		want []string // some of the readings
	}{
		{"/", []string{"/"}},
		{"/a/b.c", []string{"/a/b.c"}},
		{"/a?b=/../c", []string{"/a"}},
		{"/.well-known/x", []string{"/.well-known/x"}},
		{"/a/../b", []string{"/a/../b", "/b"}},
		{"/a/./b/.", []string{"/a/b/", "/a/b"}},
		{"/a/%2e%2e/b", []string{"/a/%2e%2e/b", "/a/../b", "/b"}},
		{"/a/.%2E/b", []string{"/b"}},
		{"/a%2f..%2fb", []string{"/a%2f..%2fb", "/b"}},
		{"/a%5c..%5cb", []string{`/a\..\b`, "/a/../b", "/b"}},
		{"/a/%252e%252e/b", []string{"/a/%2e%2e/b", "/b"}},
		{"/a/%25252e%25252e/b", []string{"/b"}},
		{"/a;x=/../b", []string{"/a;x=/../b", "/a/../b", "/b", "/a"}},
		{"/a/..;/b", []string{"/b"}},
		{"/a/..;x=1/b", []string{"/b"}},
		{"/a/%2e%2e%3b/b", []string{"/b"}},
		{"/a//b", []string{"/a//b", "/a/b"}},
		{"/a//../b", []string{"/a/b", "/b"}},
		{"//evil/b", []string{"//evil/b", "/evil/b", "/b"}},
		{"/%2fevil/b", []string{"/b", "/evil/b"}},
		{`/\evil/b`, []string{"/b", "/evil/b"}},
		{"/a%3fb", []string{"/a%3fb", "/a?b", "/a"}},
		{"/a%23b", []string{"/a#b", "/a"}},
		{"/a./b", []string{"/a./b", "/a/b"}},
		{"/a%20/b", []string{"/a /b", "/a/b"}},
		{"/a%2fb", []string{"/a%2fb", "/a/b"}},
		{"/100%25", []string{"/100%25", "/100%"}},
		{"/caf%C3%A9", []string{"/caf%C3%A9", "/café"}},
	} {
		got, err := Readings(tt.path)
		if err != nil {
			t.Errorf("Readings(%q): %v", tt.path, err)
		}
		for _, w := range tt.want {
			if !slices.Contains(got, w) {
				t.Errorf("Readings(%q) = %q, lacks %q", tt.path, got, w)
			}
		}
	}
}

func TestReadingsRefuses(t *testing.T) {
	for name, path := range map[string]string{
		"empty":                   "",
		"no slash":                "a",
		"asterisk form":           "*",
		"absolute form":           "http://host/a",
		"query only":              "?a",
		"space":                   "/a b",
		"line feed":               "/a\nb",
		"NUL":                     "/a\x00b",
		"delete":                  "/a\x7f",
		"raw non-ASCII":           "/é",
		"fragment":                "/a#b",
		"fragment in the query":   "/a?b#c",
		"space in the query":      "/a?b c",
		"encoded NUL":             "/a%00b",
		"doubly encoded NUL":      "/a%2500b",
		"encoded CR":              "/a%0d",
		"encoded delete":          "/a%7f",
		"C1 control":              "/a%c2%85",
		"half an escape":          "/a%2",
		"bare percent":            "/a%",
		"no hex":                  "/a%zz",
		"IIS escape":              "/a/%u002e%u002e/b",
		"overlong dot":            "/a/%c0%ae%c0%ae/b",
		"overlong slash":          "/a%c0%afb",
		"overlong slash, 3":       "/a%e0%80%afb",
		"overlong slash, 4":       "/a%f0%80%80%afb",
		"doubly encoded overlong": "/a%25c0%25afb",
		"surrogate":               "/a%ed%a0%80",
		"Latin-1":                 "/caf%e9",
		"fullwidth slash":         "/a%ef%bc%8fb",
		"fullwidth dots":          "/a/%ef%bc%8e%ef%bc%8e/b",
		"one dot leader":          "/a/%e2%80%a4%e2%80%a4/b",
		"ellipsis":                "/a/%e2%80%a6/b",
		"division slash":          "/a%e2%88%95b",
		"Greek question mark":     "/a%cd%beb",
		"zero width space":        "/a/.%e2%80%8b./b",
		"soft hyphen":             "/a/.%c2%ad./b",
		"encoded four times":      "/a/%2525252e",
		"above the root":          "/../a",
		"above the root, coded":   "/%2e%2e/a",
		"above the root, merged":  "/a//../../b",
		"three dots":              "/a/.../b",
		"dots and space":          "/a/..%20/b",
		"space and dots":          "/a/%20../b",
		"space between dots":      "/a/.%20./b",
		"dots and plus":           "/a/..+/b",
		"dots and no-break space": "/a/..%c2%a0/b",
		"dots, space, parameter":  "/a/..%20;x/b",
		"too long":                "/" + strings.Repeat("a", maxPath),
		"too many bytes":          "/" + strings.Repeat(`/%2541;b\c.%20`, maxPath/16),
	} {
		if got, err := Readings(path); err == nil {
			t.Errorf("%s: Readings(%q) = %.200q, want an error", name, path, got)
		}
	}
}

// The fast way must agree with the slow one.
func TestPlainHasOneReading(t *testing.T) {
	for c := byte(' '); c < 0x7f; c++ {
		for _, p := range []string{"/a" + string(c), "/" + string(c) + "b", "/a/" + string(c) + "/b", "/a/." + string(c)} {
			if !plain(p) {
				continue
			}
			if got, err := closure(p); err != nil || len(got) != 1 {
				t.Errorf("%q is called plain but reads as %q, %v", p, got, err)
			}
		}
	}
}

func FuzzReadings(f *testing.F) {
	for _, s := range []string{"/a", "/a/%2e%2e;x//b\\c%5c%3f%23.", "//%252f..;/%25252e", "/a%2f%2e%2e%2fb;y=/./c%20/d.", "/%"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, path string) {
		begin := time.Now()
		got, err := Readings(path)
		if err != nil {
			return
		}
		if len(got) == 0 || got[0] != pathPart(path) || len(got) > maxReadings {
			t.Fatalf("Readings(%q) = %q", path, got)
		}
		for i, r := range got {
			if !strings.HasPrefix(r, "/") || slices.Contains(got[:i], r) {
				t.Fatalf("Readings(%q) has %q, from a list of %d", path, r, len(got))
			}
		}
		// Far above what the bounds allow, so that a loop without bound is
		// told from a busy machine.
		if d := time.Since(begin); d > 5*time.Second {
			t.Fatalf("Readings(%q) took %v", path, d)
		}
	})
}
