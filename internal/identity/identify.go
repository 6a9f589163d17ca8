package identity

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"

	"cloakroom/internal/access"
)

const (
	maxToken  = 16 << 10 // bytes
	maxTokens = 4        // in one request: each may cost a signature
)

// Identity is who a request comes from, and what must be taken out of it.
type Identity struct {
	// Principal is the zero Principal unless Identify returned no error. Its
	// Groups are shared: do not change them.
	Principal access.Principal
	// Remove are the lower-case names of the headers that must not be
	// forwarded, whoever asks and however Identify ended.
	Remove []string
}

// candidate is a text that must prove to be a good identity token.
type candidate struct {
	header string
	order  int // of the header in the configuration
	token  string
	hash   [32]byte
}

// Identify finds the identity tokens in a request's headers, verifies them, and
// makes sure that no trusted issuer's token stands anywhere else in the headers
// or in the path with its query. The error is an *Error, ErrNoToken if there is
// no token at all. It waits for an issuer's keys as long as ctx lets it.
func (v *Verifier) Identify(ctx context.Context, headers []access.Header, path string) (Identity, error) {
	var id Identity
	found, remove, err := v.collect(headers)
	id.Remove = remove
	if err == nil {
		err = v.checkPath(path)
	}
	if err != nil {
		return id, err
	}
	if len(found) == 0 {
		return id, ErrNoToken
	}
	slices.SortStableFunc(found, func(a, b candidate) int { return a.order - b.order })
	var first access.Principal
	for i := range found {
		p, err := v.verify(ctx, &found[i])
		if err != nil {
			return id, &Error{Reason: `header "` + found[i].header + `": ` + err.Reason, Unavailable: err.Unavailable}
		}
		if i == 0 {
			first = p
		} else if p.Issuer != first.Issuer || p.Subject != first.Subject {
			return id, refuse("two different identities, in the headers %q and %q", found[0].header, found[i].header)
		}
	}
	id.Principal = first
	return id, nil
}

// collect sorts the headers into identity tokens and what must hold none. It
// goes on after an error, for the names of the headers to remove.
func (v *Verifier) collect(headers []access.Header) (found []candidate, remove []string, err *Error) {
	for _, h := range headers {
		name := strings.ToLower(h.Name)
		order := slices.Index(v.headers, name)
		dedicated := name == proxyHeader || name == ownHeader
		token, problem := "", (*Error)(nil)
		switch {
		case order >= 0 && dedicated:
			token, problem = dedicatedToken(name, h.Value)
		case order >= 0:
			token = v.sharedToken(name, h.Value)
		}
		if token != "" {
			found = append(found, candidate{name, order, token, sha256.Sum256([]byte(token))})
		} else if problem == nil {
			problem = v.checkHeader(name, h.Value)
		}
		if (token != "" || dedicated) && !slices.Contains(remove, name) {
			remove = append(remove, name)
		}
		if err == nil {
			err = problem
		}
	}
	if err == nil && len(found) > maxTokens {
		err = refuse("more than %d identity tokens", maxTokens)
	}
	if err == nil {
		err = alone(headers, found)
	}
	return found, remove, err
}

// alone refuses a header of which one line is an identity token and another is
// not: removing the one would silently remove the other.
func alone(headers []access.Header, found []candidate) *Error {
	for _, c := range found {
		lines, tokens := 0, 0
		for _, h := range headers {
			if len(h.Name) == len(c.header) && strings.EqualFold(h.Name, c.header) {
				lines++
			}
		}
		for _, other := range found {
			if other.header == c.header {
				tokens++
			}
		}
		if lines != tokens {
			return refuse("header %q stands twice, once as an identity token: send that in %q", c.header, ownHeader)
		}
	}
	return nil
}

// dedicatedToken reads a header that holds nothing but an identity token: bare,
// as Bearer, or, where a proxy's password is expected, as the password.
func dedicatedToken(name, value string) (string, *Error) {
	token := bearer(value)
	if name == proxyHeader {
		if text, ok := basic(value); ok {
			_, token, _ = strings.Cut(text, ":")
		}
	}
	if !compact(token) {
		return "", refuse("header %q: not an identity token", name)
	}
	return token, nil
}

// sharedToken reads a header that may hold an identity token or another
// credential; empty: it holds no trusted issuer's token, or not only that.
func (v *Verifier) sharedToken(name, value string) string {
	token := bearer(value)
	if !compact(token) || name == "authorization" && len(token) == len(value) {
		return ""
	}
	if len(token) <= maxToken && v.cache.find(sha256.Sum256([]byte(token))) != nil {
		return token
	}
	if _, verdict := v.judge(payloadOf(token)); verdict == foreign {
		return ""
	}
	return token
}

// verify returns the principal of a token, from the cache if it is known there.
func (v *Verifier) verify(ctx context.Context, c *candidate) (access.Principal, *Error) {
	if len(c.token) > maxToken {
		return access.Principal{}, refuse("the identity token is longer than %d bytes", maxToken)
	}
	if known := v.cache.find(c.hash); known != nil && known.live() {
		if err := known.span.check(v.now()); err != nil {
			v.cache.drop(c.hash)
			return access.Principal{}, err
		}
		known.issuer.touch(known.issuer.known.Load())
		return known.principal, nil
	}
	i, verdict := v.judge(payloadOf(c.token))
	if verdict != trusted {
		return access.Principal{}, refuse("not a token of a trusted issuer")
	}
	generation := i.generation.Load()
	t, err := i.verify(ctx, c.token)
	if err != nil {
		return access.Principal{}, err
	}
	p, good, err := i.read(t, i.Audiences)
	if err == nil {
		err = good.check(v.now())
	}
	if err != nil {
		return access.Principal{}, err
	}
	v.cache.add(c.hash, &verified{p, good, i, generation})
	return p, nil
}

// bearer returns value without a Bearer scheme and the space around it.
func bearer(value string) string {
	value = strings.Trim(value, " \t")
	if rest, ok := scheme(value, "bearer"); ok {
		return rest
	}
	return value
}

// basic returns the decoded user:password of a Basic value.
func basic(value string) (string, bool) {
	rest, ok := scheme(strings.Trim(value, " \t"), "basic")
	if !ok {
		return "", false
	}
	text, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(urlAlphabet.Replace(rest), "="))
	return string(text), err == nil
}

func scheme(value, name string) (string, bool) {
	n := len(name)
	if len(value) <= n || value[n] != ' ' && value[n] != '\t' || !strings.EqualFold(value[:n], name) {
		return "", false
	}
	return strings.TrimLeft(value[n:], " \t"), true
}

// compact tells whether s has the form of a JWT: three parts in base64url.
func compact(s string) bool {
	dots := 0
	for i := range len(s) {
		if s[i] == '.' {
			dots++
		} else if !inBase64(s[i]) {
			return false
		}
	}
	return dots == 2 && s[0] != '.'
}

// payloadOf returns the second part of a token in compact form.
func payloadOf(token string) string {
	_, rest, _ := strings.Cut(token, ".")
	payload, _, _ := strings.Cut(rest, ".")
	return payload
}
