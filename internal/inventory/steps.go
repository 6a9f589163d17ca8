package inventory

import (
	"errors"
	"strings"
)

// steps are what backends, and the proxies before them, do to a path. Each is
// applied to a whole path, and gives the path back where it does not apply.
var steps = []func(string) (string, error){
	decodeAll, decodeAllButSlashes, decodeUnreserved,
	cutParameters, cutAtParameter, cutAtQuestion, cutAtHash,
	backslashes, mergeSlashes, dropAuthority,
	resolveDots, cleanDots, trimSegments,
}

func decodeAll(path string) (string, error) {
	return decode(path, func(byte) bool { return true }), nil
}

func decodeAllButSlashes(path string) (string, error) {
	return decode(path, func(c byte) bool { return c != '/' && c != '\\' }), nil
}

// decodeUnreserved is the normalization of RFC 3986, section 6.2.2.2.
func decodeUnreserved(path string) (string, error) {
	return decode(path, func(c byte) bool {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0
	}), nil
}

// decode decodes the escapes of the wanted bytes once. An invalid escape,
// which can only be the fruit of an earlier decoding, stays as it is.
func decode(path string, want func(byte) bool) string {
	if !strings.Contains(path, "%") {
		return path
	}
	b := make([]byte, 0, len(path))
	for i := 0; i < len(path); i++ {
		if isEscape(path[i:]) {
			if c := unhex(path[i+1])<<4 | unhex(path[i+2]); want(c) {
				b = append(b, c)
				i += 2
				continue
			}
		}
		b = append(b, path[i])
	}
	return string(b)
}

func isEscape(s string) bool {
	return len(s) >= 3 && s[0] == '%' && isHex(s[1]) && isHex(s[2])
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f'
}

func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c | 0x20 - 'a' + 10
}

// cutParameters drops the parameters of each segment, as servlet containers do.
func cutParameters(path string) (string, error) {
	return mapSegments(path, ";", func(s string) string {
		s, _, _ = strings.Cut(s, ";")
		return s
	}), nil
}

// cutAtParameter takes all after the first ";" for parameters.
func cutAtParameter(path string) (string, error) { return cutAt(path, ";") }

func cutAtQuestion(path string) (string, error) { return cutAt(path, "?") }

func cutAtHash(path string) (string, error) { return cutAt(path, "#") }

func cutAt(path, mark string) (string, error) {
	path, _, _ = strings.Cut(path, mark)
	if path == "" {
		return "/", nil
	}
	return path, nil
}

func backslashes(path string) (string, error) {
	return strings.ReplaceAll(path, `\`, "/"), nil
}

func mergeSlashes(path string) (string, error) {
	for strings.Contains(path, "//") {
		path = strings.ReplaceAll(path, "//", "/")
	}
	return path, nil
}

// dropAuthority reads "//name/path" as a network-path reference (RFC 3986,
// section 4.2), as URL parsers do that are given a request's target.
func dropAuthority(path string) (string, error) {
	if !strings.HasPrefix(path, "//") {
		return path, nil
	}
	if i := strings.IndexByte(path[2:], '/'); i >= 0 {
		return path[2+i:], nil
	}
	return "/", nil
}

// resolveDots removes dot segments as RFC 3986, section 5.2.4, but refuses to
// climb above the root.
func resolveDots(path string) (string, error) {
	if !strings.Contains(path, "/.") {
		return path, nil
	}
	segments := strings.Split(path[1:], "/")
	out := make([]string, 0, len(segments))
	last := ""
	for _, s := range segments {
		last = s
		switch s {
		case ".":
		case "..":
			if len(out) == 0 {
				return "", errors.New("the path climbs above the root")
			}
			out = out[:len(out)-1]
		default:
			out = append(out, s)
		}
	}
	if last == "." || last == ".." {
		out = append(out, "")
	}
	return "/" + strings.Join(out, "/"), nil
}

// cleanDots is resolveDots for backends that then drop a trailing slash.
func cleanDots(path string) (string, error) {
	clean, err := resolveDots(path)
	if err != nil || clean == path || clean == "/" {
		return clean, err
	}
	return strings.TrimSuffix(clean, "/"), nil
}

// trimSegments drops trailing dots and spaces of each segment, as Windows does.
func trimSegments(path string) (string, error) {
	return mapSegments(path, ". ", func(s string) string {
		if s == "." || s == ".." {
			return s
		}
		return strings.TrimRight(s, ". ")
	}), nil
}

func mapSegments(path, chars string, f func(string) string) string {
	if !strings.ContainsAny(path, chars) {
		return path
	}
	segments := strings.Split(path, "/")
	for i, s := range segments {
		segments[i] = f(s)
	}
	return strings.Join(segments, "/")
}
