package provider

import (
	"net/url"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// App is a program that people log in to.
type App struct {
	ID        string
	Secret    string   // empty: it keeps none, and PKCE alone protects it
	Redirects []string // where it may send people back to
	Logouts   []string // likewise, after they logged out
	Native    bool     // any port of a Redirect on loopback will do (RFC 8252 §7.3)
}

// app is an App as the library wants to see it: the code flow alone, and an ID
// token that says all that is known of the person.
type app struct {
	App
	ttl time.Duration
}

var _ op.Client = (*app)(nil)

func (a *app) GetID() string                    { return a.ID }
func (a *app) RedirectURIs() []string           { return a.Redirects }
func (a *app) PostLogoutRedirectURIs() []string { return a.Logouts }
func (a *app) ApplicationType() op.ApplicationType {
	if a.Native {
		return op.ApplicationTypeNative
	}
	return op.ApplicationTypeWeb
}
func (a *app) AuthMethod() oidc.AuthMethod {
	if a.Secret == "" {
		return oidc.AuthMethodNone
	}
	return oidc.AuthMethodBasic
}
func (a *app) ResponseTypes() []oidc.ResponseType {
	return []oidc.ResponseType{oidc.ResponseTypeCode}
}
func (a *app) GrantTypes() []oidc.GrantType                                 { return []oidc.GrantType{oidc.GrantTypeCode} }
func (a *app) LoginURL(id string) string                                    { return loginPath + "?" + url.Values{"id": {id}}.Encode() }
func (a *app) AccessTokenType() op.AccessTokenType                          { return op.AccessTokenTypeJWT }
func (a *app) IDTokenLifetime() time.Duration                               { return a.ttl }
func (a *app) DevMode() bool                                                { return false }
func (a *app) IsScopeAllowed(scope string) bool                             { return scope == "groups" }
func (a *app) IDTokenUserinfoClaimsAssertion() bool                         { return true }
func (a *app) ClockSkew() time.Duration                                     { return 0 }
func (a *app) RestrictAdditionalIdTokenScopes() func([]string) []string     { return keep }
func (a *app) RestrictAdditionalAccessTokenScopes() func([]string) []string { return keep }
