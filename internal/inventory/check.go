package inventory

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"

	"cloakroom/internal/access"
)

func quote(s string) string { return strconv.Quote(s) }

// CheckName tells why a credential cannot have that name.
func CheckName(name string) error {
	if !validName(name) {
		return fmt.Errorf("name %q: want 1 to 48 of a-z, 0-9 and -", name)
	}
	return nil
}

// CheckPrefix tells why a placeholder cannot have that prefix. The alphabet is
// one that needs no escaping wherever a placeholder may stand.
func CheckPrefix(prefix string) error {
	bad := strings.ContainsFunc(prefix, func(r rune) bool {
		return r > 127 || !isNameByte(byte(r)) && !(r >= 'A' && r <= 'Z') && r != '_' && r != '.'
	})
	switch {
	case bad || len(prefix) > 32:
		return fmt.Errorf("prefix %q: want at most 32 of A-Z, a-z, 0-9, dot, low line and dash", prefix)
	case strings.Contains(prefix, mark):
		return fmt.Errorf("prefix %q: contains %q, with which every placeholder begins", prefix, mark)
	}
	return nil
}

// CheckMethod tells why a rule cannot name that method.
func CheckMethod(method string) error {
	bad := strings.ContainsFunc(method, func(r rune) bool {
		return !(r >= 'A' && r <= 'Z' || r == '-' || r == '_')
	})
	if method != "*" && (method == "" || bad) {
		return fmt.Errorf(`method %q: want an upper-case method, or "*"`, method)
	}
	return nil
}

// CheckHost tells why neither a rule nor an upstream can have that host: it
// is a lower-case DNS name or address, without port or trailing dot.
func CheckHost(host string) error {
	bad := strings.ContainsFunc(host, func(r rune) bool {
		return r > 127 || !isNameByte(byte(r)) && r != '.' && r != '_'
	})
	if host == "" || bad || len(host) > 253 || strings.HasPrefix(host, ".") || strings.HasSuffix(host, ".") ||
		strings.Contains(host, "..") {
		return fmt.Errorf("host %q: want a lower-case name without port or trailing dot", host)
	}
	return nil
}

func checkCredential(c Credential) error {
	if err := errors.Join(slices.Collect(faults(c))...); err != nil {
		return fmt.Errorf("credential %q: %w", c.Name, err)
	}
	return nil
}

// faults are what is wrong with a credential, and nil for what is not.
func faults(c Credential) iter.Seq[error] {
	checkLocation := func(l access.Location) error {
		_, err := access.ParseLocation(l.String())
		return err
	}
	return func(yield func(error) bool) {
		ok := yield(CheckName(c.Name)) && yield(CheckPrefix(c.Prefix))
		for i := 0; ok && i < len(c.Rules); i++ {
			r := c.Rules[i]
			ok = each(r.Hosts, CheckHost, yield) && each(r.Methods, CheckMethod, yield) &&
				each(r.Paths, CheckPattern, yield) && each(r.In, checkLocation, yield)
		}
	}
}

// each yields what check has to say of all.
func each[T any](all []T, check func(T) error, yield func(error) bool) bool {
	for _, one := range all {
		if !yield(check(one)) {
			return false
		}
	}
	return true
}

func checkUpstream(u Upstream) error {
	err := errors.Join(CheckHost(u.Host), CheckPrefixPath(u.Prefix))
	if err == nil && (u.Route == "" || u.Cluster == "") {
		err = errors.New("route and cluster must be named")
	}
	if err == nil && strings.Contains(u.Route, "+") {
		err = errors.New("a route's name holds no +, which its variants have")
	}
	if err != nil {
		return fmt.Errorf("upstream %q: %w", u.Host, err)
	}
	return nil
}

// CheckPrefixPath tells why an upstream cannot have that path prefix. It is
// empty, or a plain path that reads in one way only, has no trailing slash and no
// "+", by which the variants of a route are named.
func CheckPrefixPath(prefix string) error {
	if prefix == "" {
		return nil
	}
	if prefix == "/" || strings.HasSuffix(prefix, "/") || !plain(prefix) || strings.ContainsAny(prefix, "*+") {
		return fmt.Errorf("prefix %q: want a plain path such as /github, without a trailing slash", prefix)
	}
	return nil
}
