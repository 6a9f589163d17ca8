package identity

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"golang.org/x/oauth2"
)

// LoginConfig says with which issuer people log in, and as whose client.
type LoginConfig struct {
	Issuer   string // the URL of an issuer that is Human
	ClientID string // as the issuer knows us
	// Secret gives the client's secret, anew for each login; nil: a public client.
	Secret func() (string, error)
	Scopes []string // openid is asked for in any case
	// ACR is the class of authentication (acr) that is asked for, and that must
	// have been, where the login must be fresh; empty: any.
	ACR string
}

// Login is the authorization code flow with PKCE, by which a person logs in with
// one issuer (OpenID Connect Core 1.0 §3.1). It is safe for concurrent use, and
// lives as long as its Verifier.
type Login struct {
	LoginConfig
	issuer *issuer
	client *http.Client // of the token endpoint
	scopes []string
}

// Login makes a Login of one of the verifier's issuers. It does not talk to it.
func (v *Verifier) Login(c LoginConfig) (*Login, error) {
	i := v.issuers[c.Issuer]
	switch {
	case i == nil:
		return nil, fmt.Errorf("making a login with issuer %q: it is not trusted", c.Issuer)
	case !i.Human:
		return nil, fmt.Errorf("making a login with issuer %q: its tokens do not mean that a person logged in", c.Issuer)
	case c.ClientID == "":
		return nil, fmt.Errorf("making a login with issuer %q: no client id", c.Issuer)
	}
	l := &Login{LoginConfig: c, issuer: i, scopes: slices.Clone(c.Scopes)}
	if !slices.Contains(l.scopes, "openid") {
		l.scopes = slices.Insert(l.scopes, 0, "openid")
	}
	t := i.client.Transport.(transport)
	t.refusals = true
	// A redirect would carry code and secret elsewhere.
	l.client = &http.Client{Transport: t, Timeout: loadTimeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return l, nil
}

// AuthURL is where a browser is sent for a. The error is an *Error.
func (l *Login) AuthURL(ctx context.Context, a Attempt) (string, error) {
	if err := a.complete(); err != nil {
		return "", err
	}
	e, err := l.endpoints(ctx)
	if err != nil {
		return "", err
	}
	return l.config(e, a, "").AuthCodeURL(a.State, a.options(l.ACR)...), nil
}

// Finish takes the query with which the issuer sent the browser back, and tells
// who logged in. The error is an *Error.
func (l *Login) Finish(ctx context.Context, a Attempt, answer url.Values) (LoggedIn, error) {
	who, _, err := l.finish(ctx, a, answer)
	if err != nil {
		return LoggedIn{}, err
	}
	return who, nil
}

// Fetch is Finish for a caller that must prove the login to somebody else, who
// knows a's Nonce and asks Verify: it returns the raw ID token, which goes
// nowhere else. The error is an *Error.
func (l *Login) Fetch(ctx context.Context, a Attempt, answer url.Values) (idToken string, err error) {
	_, idToken, problem := l.finish(ctx, a, answer)
	if problem != nil {
		return "", problem
	}
	return idToken, nil
}

func (l *Login) finish(ctx context.Context, a Attempt, answer url.Values) (LoggedIn, string, *Error) {
	if err := a.complete(); err != nil {
		return LoggedIn{}, "", err
	}
	e, err := l.endpoints(ctx)
	if err != nil {
		return LoggedIn{}, "", err
	}
	code, err := a.code(answer, l.issuer.URL, e.NamesIssuer)
	if err != nil {
		return LoggedIn{}, "", err
	}
	t, err := l.exchange(ctx, e, a, code)
	if err != nil {
		return LoggedIn{}, "", err
	}
	idToken, _ := t.Extra("id_token").(string)
	who, err := l.verify(ctx, a, idToken, t.AccessToken)
	return who, idToken, err
}

// exchange swaps a code for tokens.
func (l *Login) exchange(ctx context.Context, e *endpoints, a Attempt, code string) (*oauth2.Token, *Error) {
	secret := ""
	if l.Secret != nil {
		var err error
		if secret, err = l.Secret(); err != nil || secret == "" {
			return nil, &Error{Reason: fmt.Sprintf("the secret of client %q cannot be read now", l.ClientID), Unavailable: true}
		}
	}
	ctx = context.WithValue(ctx, oauth2.HTTPClient, l.client)
	t, err := l.config(e, a, secret).Exchange(ctx, code, oauth2.VerifierOption(a.Verifier))
	if err != nil {
		return nil, l.noTokens(err)
	}
	return t, nil
}

// noTokens tells why there are none. What the library says may hold the
// answer's body, unless there was no answer.
func (l *Login) noTokens(err error) *Error {
	var refusal *oauth2.RetrieveError
	if errors.As(err, &refusal) {
		return refuse("issuer %q did not take the code for client %q: %s", l.issuer.URL, l.ClientID, known(refusal.ErrorCode))
	}
	var unanswered *url.Error
	if errors.As(err, &unanswered) {
		l.issuer.options.Log.Warn("asking an issuer for tokens", "issuer", l.issuer.Name, "error", unanswered)
	}
	return &Error{Reason: fmt.Sprintf("the token endpoint of issuer %q gives no token now", l.issuer.URL), Unavailable: true}
}

func (l *Login) config(e *endpoints, a Attempt, secret string) *oauth2.Config {
	style := oauth2.AuthStyleInHeader
	if secret == "" || !e.takes("client_secret_basic") {
		style = oauth2.AuthStyleInParams
	}
	return &oauth2.Config{ClientID: l.ClientID, ClientSecret: secret, RedirectURL: a.Redirect, Scopes: l.scopes,
		Endpoint: oauth2.Endpoint{AuthURL: e.Authorization, TokenURL: e.Token, AuthStyle: style}}
}
