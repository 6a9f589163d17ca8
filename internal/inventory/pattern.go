package inventory

import (
	"fmt"
	"strings"
)

// CheckPattern tells why a rule cannot have that path pattern. A pattern with
// a character that can be read in several ways could never match every
// reading, so it is refused: such paths are covered by a wildcard.
func CheckPattern(p string) error {
	if !strings.HasPrefix(p, "/") {
		return fmt.Errorf(`path %q: want it to begin with "/"`, p)
	}
	if i := strings.IndexFunc(p, func(r rune) bool { return r > 127 || !isPlainByte(byte(r)) }); i >= 0 {
		return fmt.Errorf(`path %q: %q has several readings, so no exact pattern covers it; use "*" or "**" there`, p, p[i:i+1])
	}
	segments := strings.Split(p[1:], "/")
	for i, s := range segments {
		switch {
		case s == "" && i < len(segments)-1:
			return fmt.Errorf(`path %q: an empty segment never matches every reading`, p)
		case s != "**" && strings.Contains(s, "**"):
			return fmt.Errorf(`path %q: "**" must be a whole segment`, p)
		case strings.HasSuffix(s, "."):
			return fmt.Errorf(`path %q: a segment that ends with "." never matches every reading`, p)
		}
	}
	return nil
}

// match tells whether one reading of a path matches a pattern. It goes segment
// by segment and comes back to the last "**" only, so it takes at most the
// product of both lengths.
func match(pattern, path string) bool {
	if !strings.HasPrefix(pattern, "/") || !strings.HasPrefix(path, "/") {
		return false
	}
	p, s := 1, 1           // where the next segments begin; past the length: none is left
	backP, backS := -1, -1 // after the last "**", and the first segment it has not eaten
	for s <= len(path) {
		seg, nextS := segment(path, s)
		if p <= len(pattern) {
			pat, nextP := segment(pattern, p)
			if pat == "**" {
				if nextP > len(pattern) {
					return true // at the end it eats at least the one segment that is left
				}
				backP, backS, p = nextP, s, nextP
				continue
			}
			if matchSegment(pat, seg) {
				p, s = nextP, nextS
				continue
			}
		}
		if backP < 0 {
			return false
		}
		_, backS = segment(path, backS)
		p, s = backP, backS
	}
	return p > len(pattern)
}

// segment is the segment that begins at i, and where the next one begins.
func segment(s string, i int) (string, int) {
	if n := strings.IndexByte(s[i:], '/'); n >= 0 {
		return s[i : i+n], i + n + 1
	}
	return s[i:], len(s) + 1
}

// matchSegment matches "*" with any run of characters. An empty segment is
// matched by an empty pattern only.
func matchSegment(pattern, s string) bool {
	if s == "" {
		return pattern == ""
	}
	p, i := 0, 0
	backP, backI := -1, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			backP, backI = p+1, i
			p++
		case p < len(pattern) && pattern[p] == s[i]:
			p, i = p+1, i+1
		case backP >= 0:
			backI++
			p, i = backP, backI
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
