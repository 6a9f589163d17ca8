package identity

import (
	"context"
	"net/url"
	"slices"
)

// endpoints are what a discovery document says of logins (OpenID Connect
// Discovery 1.0 §3, RFC 8414 §2, RFC 9207 §3).
type endpoints struct {
	Authorization string   `json:"authorization_endpoint"`
	Token         string   `json:"token_endpoint"`
	Methods       []string `json:"token_endpoint_auth_methods_supported"` // none: client_secret_basic
	Challenges    []string `json:"code_challenge_methods_supported"`      // none: it does not say
	NamesIssuer   bool     `json:"authorization_response_iss_parameter_supported"`
	EndSession    string   `json:"end_session_endpoint"` // RP-Initiated Logout 1.0; none: it has none
}

// takes tells whether a client may show its secret by method.
func (e *endpoints) takes(method string) bool {
	if len(e.Methods) == 0 {
		return method == "client_secret_basic"
	}
	return slices.Contains(e.Methods, method)
}

// endpoints are the issuer's, if people can log in there as l's client.
func (l *Login) endpoints(ctx context.Context) (*endpoints, *Error) {
	s := l.issuer.current(ctx)
	if s == nil {
		return nil, &Error{Reason: "issuer \"" + l.issuer.URL + "\" cannot be asked now", Unavailable: true}
	}
	e := &s.logins
	for _, text := range []string{e.Authorization, e.Token} {
		if u, err := url.Parse(text); err != nil || checkDestination(u) != nil {
			return nil, refuse("issuer %q announces no authorization endpoint, no token endpoint, or one that is not https", l.issuer.URL)
		}
	}
	if len(e.Challenges) > 0 && !slices.Contains(e.Challenges, "S256") {
		return nil, refuse("issuer %q does not know PKCE with S256", l.issuer.URL)
	}
	if l.Secret != nil && !e.takes("client_secret_basic") && !e.takes("client_secret_post") {
		return nil, refuse("issuer %q takes a client's secret neither by client_secret_basic nor by client_secret_post", l.issuer.URL)
	}
	return e, nil
}

// LogoutURL is where a browser is sent to log out of the issuer too, which then
// may send it to back; empty: the issuer announces no such place. The error is
// an *Error.
func (l *Login) LogoutURL(ctx context.Context, back string) (string, error) {
	e, err := l.endpoints(ctx)
	if err != nil {
		return "", err
	}
	u, problem := url.Parse(e.EndSession)
	if problem != nil || checkDestination(u) != nil {
		return "", nil
	}
	q := u.Query()
	q.Set("client_id", l.ClientID)
	q.Set("post_logout_redirect_uri", back)
	u.RawQuery = q.Encode()
	return u.String(), nil
}

// Origin is that of the URLs that AuthURL gives: scheme, "://" and host, for a
// content security policy. The error is an *Error.
func (l *Login) Origin(ctx context.Context) (string, error) {
	e, err := l.endpoints(ctx)
	if err != nil {
		return "", err
	}
	u, _ := url.Parse(e.Authorization) // endpoints has parsed it
	return u.Scheme + "://" + u.Host, nil
}
