package identity

import (
	"context"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"cloakroom/internal/access"
)

// LoggedIn is a person who logged in.
type LoggedIn struct {
	Principal access.Principal // its Human is true
	At        time.Time        // of the login: auth_time; zero: the issuer does not say
	Name      string           // to show; empty: the issuer gives none
	ACR       string           // the class of authentication; empty: the issuer does not say
}

// Verify tells who logged in, of an ID token that somebody brings who ran a:
// signed by the issuer, for the login's client alone, within its time, with a's
// Nonce, fresh if a is, and naming a person where the issuer has a claim for it.
// It looks at a's Nonce and Fresh only. The error is an *Error.
func (l *Login) Verify(ctx context.Context, a Attempt, idToken string) (LoggedIn, error) {
	who, err := l.verify(ctx, a, idToken, "")
	if err != nil {
		return LoggedIn{}, err
	}
	return who, nil
}

// verify is Verify, of an ID token that came with an access token; empty: none.
func (l *Login) verify(ctx context.Context, a Attempt, idToken, accessToken string) (LoggedIn, *Error) {
	if idToken == "" || len(idToken) > maxToken {
		return LoggedIn{}, refuse("no ID token, or one of more than %d bytes", maxToken)
	}
	t, err := l.issuer.verify(ctx, idToken)
	if err != nil {
		return LoggedIn{}, err
	}
	if accessToken != "" && t.AccessTokenHash != "" && t.VerifyAccessToken(accessToken) != nil {
		return LoggedIn{}, refuse("the ID token came with another access token than its own")
	}
	p, good, err := l.issuer.read(t, []string{l.ClientID})
	if err == nil {
		err = good.check(l.issuer.options.Now())
	}
	if err != nil {
		return LoggedIn{}, err
	}
	return l.judge(a, t, p)
}

// judge looks at what an ID token says beyond what every token does.
func (l *Login) judge(a Attempt, t *oidc.IDToken, p access.Principal) (LoggedIn, *Error) {
	var c claims
	if t.Claims(&c) != nil {
		return LoggedIn{}, refuse("the ID token's payload is not a JSON object")
	}
	nonce, _ := c.text("nonce")
	azp, _ := c.text("azp")
	acr, _ := c.text("acr")
	at, err := c.time("auth_time")
	_, given := c["azp"]
	switch {
	case !same(nonce, a.Nonce):
		return LoggedIn{}, refuse("the ID token belongs to another attempt to log in")
	// OpenID Connect Core 1.0 §3.1.3.7, 4 and 5.
	case (given || len(t.Audience) > 1) && azp != l.ClientID:
		return LoggedIn{}, refuse("the ID token was made for another client")
	case len(l.issuer.Person) > 0 && p.Person == "":
		return LoggedIn{}, refuse("the ID token names no person in its claim %q, or an e-mail address that is not verified", strings.Join(l.issuer.Person, "."))
	case err != nil:
		return LoggedIn{}, err
	}
	if err := l.fresh(a, at, acr); err != nil {
		return LoggedIn{}, err
	}
	return LoggedIn{Principal: p, At: at, Name: c.display(), ACR: printable(acr)}, nil
}

// fresh refuses a login of a time or a class that does not do for a.
func (l *Login) fresh(a Attempt, at time.Time, acr string) *Error {
	switch {
	case at.After(l.issuer.options.Now().Add(skew)):
		return refuse("the ID token tells of a login that is still to come")
	case a.Fresh.IsZero():
		return nil
	case at.IsZero():
		return refuse("the ID token does not say when the person logged in: issuer %q must send auth_time where max_age is asked for", l.issuer.URL)
	case at.Before(a.Fresh.Add(-skew)):
		return refuse("the login is an old one: issuer %q must ask anew where prompt=login and max_age=0 are asked for", l.issuer.URL)
	case l.ACR != "" && acr != l.ACR:
		return refuse("the login is not of the class %q that acr_values asks for", l.ACR)
	}
	return nil
}
