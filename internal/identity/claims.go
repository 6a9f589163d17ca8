package identity

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/coreos/go-oidc/v3/oidc"

	"cloakroom/internal/access"
)

// Bounds of what a token may say.
const (
	skew       = 30 * time.Second // of the clocks, on every time claim
	maxSubject = 255              // bytes, as OpenID Connect Core 1.0 §2 says
	maxSession = 255              // bytes
	maxGroups  = 200
	maxGroup   = 256 // bytes
)

// claims are the claims of a verified payload, by their exact names: structs
// would match names in any case.
type claims map[string]json.RawMessage

// read turns a token whose signature is good, and that is for one of audiences,
// into a principal and the time that it is good for. It does not look at the
// clock.
func (i *issuer) read(t *oidc.IDToken, audiences []string) (access.Principal, span, *Error) {
	var c claims
	if t.Claims(&c) != nil {
		return access.Principal{}, span{}, refuse("the identity token's payload is not a JSON object")
	}
	if iss, _ := c.text("iss"); iss != i.URL {
		return access.Principal{}, span{}, refuse("the identity token names another issuer than %q", i.URL)
	}
	aud, _ := texts(c["aud"])
	if !slices.ContainsFunc(aud, func(a string) bool { return slices.Contains(audiences, a) }) {
		return access.Principal{}, span{}, refuse("the identity token is for another audience")
	}
	// RFC 8417 §2.2: a security event, such as a logout token, is no identity.
	if _, event := c["events"]; event {
		return access.Principal{}, span{}, refuse("the token tells of an event, not of an identity")
	}
	sub, ok := c.text("sub")
	if !ok || !clean(sub, maxSubject) {
		return access.Principal{}, span{}, refuse("the identity token has no usable subject")
	}
	groups, err := i.groups(c)
	if err != nil {
		return access.Principal{}, span{}, err
	}
	good, err := c.span()
	if err != nil {
		return access.Principal{}, span{}, err
	}
	session, lasting := c.session()
	return access.Principal{Issuer: i.URL, Subject: sub, Groups: groups, Session: session, Lasting: lasting, Ends: good.to,
		Person: i.person(c), Unverified: i.unverified(c), Human: i.Human}, good, nil
}

// span reads exp, which must be there, nbf and iat.
func (c claims) span() (span, *Error) {
	exp, err := c.time("exp")
	if err != nil {
		return span{}, err
	}
	if exp.IsZero() {
		return span{}, refuse("the identity token has no exp")
	}
	s := span{to: exp.Add(skew)}
	for _, name := range []string{"nbf", "iat"} {
		t, err := c.time(name)
		if err != nil {
			return span{}, err
		}
		if t = t.Add(-skew); t.After(s.from) {
			s.from = t
		}
	}
	return s, nil
}

// time reads a NumericDate (RFC 7519 §2); the zero time if there is none.
func (c claims) time(name string) (time.Time, *Error) {
	raw, ok := c[name]
	if !ok {
		return time.Time{}, nil
	}
	var seconds float64
	// From 1970 to the year 9999: beyond it, arithmetic on times wraps.
	if string(raw) == "null" || json.Unmarshal(raw, &seconds) != nil || seconds < 0 || seconds > 253402300799 {
		return time.Time{}, refuse("the identity token's %s is not a time", name)
	}
	whole, part := math.Modf(seconds)
	return time.Unix(int64(whole), int64(part*1e9)), nil
}

// session is sid, which lasts, else jti; empty if neither can be used.
func (c claims) session() (name string, lasting bool) {
	for _, claim := range []string{"sid", "jti"} {
		if s, ok := c.text(claim); ok && clean(s, maxSession) {
			return s, claim == "sid"
		}
	}
	return "", false
}

// groups reads the groups that count. A claim of another shape than expected
// gives none; too many or too long ones are an error, because leaving some out
// could lift a rule that keeps a group's members away.
func (i *issuer) groups(c claims) ([]string, *Error) {
	if len(i.Groups) == 0 {
		return nil, nil
	}
	holder, name := c.at(i.Groups)
	all, _ := texts(holder[name])
	var groups []string
	for _, g := range all {
		if len(i.GroupsAllowed) > 0 && !slices.Contains(i.GroupsAllowed, g) || slices.Contains(groups, g) {
			continue
		}
		if !clean(g, maxGroup) || len(groups) == maxGroups {
			return nil, refuse("the identity token has too many groups, or one that is too long")
		}
		groups = append(groups, g)
	}
	return groups, nil
}

// at follows a path of at least one name to the object that holds its last
// name; an object without claims if there is none.
func (c claims) at(path []string) (holder claims, last string) {
	for len(path) > 1 {
		var inner claims
		if json.Unmarshal(c[path[0]], &inner) != nil {
			inner = nil
		}
		c, path = inner, path[1:]
	}
	return c, path[0]
}

func (c claims) text(name string) (string, bool) {
	all, list := texts(c[name])
	if list || len(all) != 1 {
		return "", false
	}
	return all[0], true
}

// texts reads a string or a list of strings; anything else is none.
func texts(raw json.RawMessage) (all []string, list bool) {
	if len(raw) > 0 && raw[0] == '"' {
		var s string
		if json.Unmarshal(raw, &s) != nil {
			return nil, false
		}
		return []string{s}, false
	}
	var parts []*string
	if json.Unmarshal(raw, &parts) != nil || slices.Contains(parts, nil) {
		return nil, true
	}
	for _, p := range parts {
		all = append(all, *p)
	}
	return all, true
}

// clean tells whether s can name something: not empty, not too long, without
// control characters, and without U+FFFD, to which JSON decoding maps different
// malformed texts.
func clean(s string, limit int) bool {
	return s != "" && len(s) <= limit && utf8.ValidString(s) &&
		!strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == utf8.RuneError || r >= 0x7f && r < 0xa0 })
}
