// Package identity turns the identity token of a request into a principal, and
// lets people log in.
//
// It promises that a principal is returned only for a token that a trusted
// issuer signed, with an algorithm that the issuer announces, for one of our
// audiences, within its time (30 s of clock skew either way); that two
// identities in one request are refused; that a request in which a trusted
// issuer's token stands anywhere else than in a token header is refused, so
// that none travels upstream; and that an issuer which is slow or dead delays
// its own callers only, and opens nothing.
//
// Of a login it promises that a LoggedIn is returned only for an ID token of an
// issuer of people, made for this client and this Attempt, and that a fresh one
// has happened after it was asked for, less the skew. Neither kind of token
// stands for the other. It keeps no session and no attempt, and remembers no
// token: whoever asks for a login makes it count once.
//
// It deliberately knows nothing of tickets and of mesh identities, does not ask
// issuers whether a token was revoked, does not introspect opaque tokens, and
// does not see through encrypted tokens (JWE) or through encodings other than
// percent, Basic and a token that is base64-encoded as a whole.
package identity

import (
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"
)

// Issuer is an OIDC provider that is trusted.
type Issuer struct {
	Name      string   // in logs and OnFailure; empty: the URL
	URL       string   // exactly as its tokens say in "iss"; https, or http on loopback
	Audiences []string // a token needs one of them in "aud"; at least one
	// Groups is the path of the claim that holds the groups, outermost name
	// first: a string or a list of strings. Empty: no groups.
	Groups        []string
	GroupsAllowed []string // the groups that count; empty: all
	// Person is the path of the claim that names the human: who logged in or,
	// unless Human, on whose behalf a machine works. Empty: nobody is named.
	Person []string
	Human  bool   // its tokens mean that a person logged in
	CAFile string // PEM file of the only roots for its TLS; empty: the system's
}

// Config says whom to trust and where tokens stand.
type Config struct {
	Issuers []Issuer
	// TokenHeaders are lower-case header names in the order in which the first
	// identity wins; empty: DefaultTokenHeaders.
	TokenHeaders []string
}

// Headers that hold an identity token and nothing else. They are never
// forwarded, configured or not.
const (
	proxyHeader = "proxy-authorization"
	ownHeader   = "x-cloakroom-token"
)

// DefaultTokenHeaders are where tokens are looked for unless configured.
var DefaultTokenHeaders = []string{proxyHeader, ownHeader, "authorization"}

// Options are what a Verifier takes from its surroundings.
type Options struct {
	Now func() time.Time // nil: time.Now
	Log *slog.Logger     // nil: none
	// OnFailure is told the name of an issuer each time its discovery or its
	// keys cannot be fetched. It must not block. nil: nobody is told.
	OnFailure func(issuer string)
}

// Verifier finds and verifies identity tokens. It is safe for concurrent use,
// and holds no goroutine or file while idle. A changed configuration needs a
// new Verifier, which remembers no token.
type Verifier struct {
	headers []string
	issuers map[string]*issuer // by exact URL
	near    map[string]bool    // normalised URLs
	cache   *cache
	now     func() time.Time
}

// New checks cfg, reporting everything wrong with it at once. It does not talk
// to any issuer.
func New(cfg Config, o Options) (*Verifier, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.OnFailure == nil {
		o.OnFailure = func(string) {}
	}
	v := &Verifier{
		headers: cfg.TokenHeaders,
		issuers: make(map[string]*issuer),
		near:    make(map[string]bool),
		cache:   newCache(cacheSize),
		now:     o.Now,
	}
	if len(v.headers) == 0 {
		v.headers = DefaultTokenHeaders
	}
	errs := []error{checkHeaders(v.headers)}
	for _, c := range cfg.Issuers {
		i, err := newIssuer(c, o)
		if err == nil && v.near[normalise(c.URL)] {
			err = errors.New("is there twice")
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("issuer %q: %w", c.URL, err))
			continue
		}
		v.issuers[c.URL] = i
		v.near[normalise(c.URL)] = true
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return v, nil
}

func newIssuer(c Issuer, o Options) (*issuer, error) {
	if err := checkIssuerURL(c.URL); err != nil {
		return nil, err
	}
	if len(c.Audiences) == 0 || slices.Contains(c.Audiences, "") {
		return nil, errors.New("needs at least one audience, and no empty one")
	}
	var roots *x509.CertPool
	if c.CAFile != "" {
		pem, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("reading its CA file: %w", err)
		}
		roots = x509.NewCertPool()
		if !roots.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("reading its CA file %q: no PEM certificate in it", c.CAFile)
		}
	}
	if c.Name == "" {
		c.Name = c.URL
	}
	return &issuer{Issuer: c, client: &http.Client{Transport: newTransport(roots)}, options: o}, nil
}

func checkIssuerURL(s string) error {
	u, err := url.Parse(s)
	if err != nil {
		return errors.New("is not a URL")
	}
	if u.RawQuery != "" || u.ForceQuery || u.User != nil || strings.Contains(s, "#") {
		return errors.New("has a query, a fragment or a user, which an issuer's URL has not")
	}
	return checkDestination(u)
}

func checkHeaders(names []string) error {
	for i, n := range names {
		switch {
		case n == "" || n != strings.ToLower(n) || strings.ContainsAny(n, " \t:,;"):
			return fmt.Errorf("token header %q: want a lower-case header name", n)
		case n == "cookie" || n == "host" || n[0] == ':':
			return fmt.Errorf("token header %q: cannot hold a token", n)
		case slices.Contains(names[:i], n):
			return fmt.Errorf("token header %q: is there twice", n)
		}
	}
	return nil
}

// normalise makes URLs equal that a careless issuer or client may take for one.
func normalise(issuer string) string {
	return strings.ToLower(strings.TrimRight(strings.TrimSpace(issuer), "/"))
}
