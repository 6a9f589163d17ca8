package identity

import (
	"context"
	"net/url"
)

// LogoutURL is where a person's login at the issuer ends (OpenID Connect
// RP-Initiated Logout 1.0 §2); the issuer asks them first, since no ID token is
// kept to show it. Empty: the issuer has no such place, or cannot be asked now.
func (l *Login) LogoutURL(ctx context.Context) string {
	e, err := l.endpoints(ctx)
	if err != nil {
		return ""
	}
	u, bad := url.Parse(e.EndSession)
	if bad != nil || e.EndSession == "" || checkDestination(u) != nil {
		return ""
	}
	q := u.Query()
	q.Set("client_id", l.ClientID)
	u.RawQuery = q.Encode()
	return u.String()
}
