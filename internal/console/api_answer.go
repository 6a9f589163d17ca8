package console

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/approval"
	"cloakroom/internal/identity"
)

// sealedAnswer is an answer for which a program will log its user in. The login's
// nonce is its hash: a token from before, or for another answer, has another.
type sealedAnswer struct {
	Given  given     `json:"given"`
	Issuer string    `json:"issuer"`
	Asked  time.Time `json:"asked"`
	At     string    `json:"at"` // the origin of the console that sealed it
}

// Nonce is that of the login which an answer takes: of its challenge, and of where
// the challenge came from, as the program knows it. Whoever hands on a challenge
// of another console's has a nonce that does not fit.
func Nonce(console *url.URL, challenge string) string { return nonceOf(origin(console), challenge) }

func origin(u *url.URL) string { return u.Scheme + "://" + withPort(u.Scheme, u.Host) }

func nonceOf(at, challenge string) string {
	sum := sha256.Sum256([]byte(at + "\n" + challenge))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// apiChallenge says with which login an answer will count.
type apiChallenge struct {
	Challenge string    `json:"challenge"`
	Nonce     string    `json:"nonce"`
	Expires   time.Time `json:"expires"`
	Issuer    string    `json:"issuer"`
	ClientID  string    `json:"client_id"`
	Scopes    []string  `json:"scopes"`
	ACR       string    `json:"acr_values,omitempty"`
}

// challenge seals an answer. It looks at no question and asks nobody who they
// are: what it gives is worth nothing without the login.
func challenge(c *Console, r *http.Request, _ access.Principal) (int, any, error) {
	var q struct{ Answer, Scope, Reason, Seen, Issuer string }
	if err := decode(r, &q); err != nil {
		return 0, nil, err
	}
	g, err := parseAnswer(r.PathValue("id"), q.Answer, q.Scope, q.Reason, q.Seen)
	if err != nil {
		return 0, nil, err
	}
	l, ok := c.cli(q.Issuer)
	if !ok {
		return 0, nil, errNoClient
	}
	s := sealedAnswer{g, l.Issuer, c.now().UTC().Truncate(time.Second), origin(c.URL)}
	text, err := c.sealer.seal(sealedChallenge, s)
	return http.StatusCreated, apiChallenge{Challenge: text, Nonce: nonceOf(s.At, text), Expires: s.Asked.Add(flowLength), Issuer: l.Issuer,
		ClientID: l.CLI.ClientID, Scopes: full(l.CLI.Scopes), ACR: l.CLI.ACR}, err
}

// cli is the login of an issuer by which programs log people in; of any, where
// none is named.
func (c *Console) cli(issuer string) (Login, bool) {
	for _, l := range c.Logins() {
		if l.CLI != nil && (issuer == "" || issuer == l.Issuer) {
			return l, true
		}
	}
	return Login{}, false
}

// takeAnswer takes a sealed answer, with the ID token of the login made for it as
// the bearer token.
func takeAnswer(c *Console, r *http.Request, _ access.Principal) (int, any, error) {
	idToken, ok := strings.CutPrefix(r.Header.Get("authorization"), "Bearer ")
	if !ok {
		return 0, nil, errIDToken
	}
	var q struct{ Challenge, Via string }
	if err := decode(r, &q); err != nil {
		return 0, nil, err
	}
	if q.Via != "" && q.Via != "cli" && q.Via != "api" {
		return 0, nil, invalid("An answer comes via cli or api.")
	}
	var s sealedAnswer
	if c.sealer.open(sealedChallenge, q.Challenge, &s) != nil || s.Given.Question != r.PathValue("id") {
		return 0, nil, invalid("The challenge is not one for this question.")
	}
	if !c.now().Before(s.Asked.Add(flowLength)) {
		return 0, nil, approval.ErrNotFresh
	}
	l, ok := c.cli(s.Issuer)
	if !ok {
		return 0, nil, errNoClient
	}
	in, err := l.CLI.Verify(r.Context(), identity.Attempt{Nonce: nonceOf(s.At, q.Challenge), Fresh: s.Asked}, idToken)
	if err != nil {
		return 0, nil, err
	}
	via := q.Via
	if via == "" {
		via = "api"
	}
	got, err := c.Desk.Answer(r.Context(), s.Given.Question, approval.Answer{By: in.Principal, Name: in.Name, LoggedIn: in.At, Asked: s.Asked,
		Approve: s.Given.Approve, Scope: s.Given.Scope, Reason: s.Given.Reason, Seen: s.Given.Seen, Via: via})
	return 200, leaseOf(got), err
}
