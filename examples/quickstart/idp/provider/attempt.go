package provider

import (
	"slices"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// passwordACR is the only class of authentication that is known here.
const passwordACR = "password"

// attempt is one try to log in to an app.
type attempt struct {
	request oidc.AuthRequest
	id      string
	begun   time.Time
	who     loggedIn // zero until the person is known
}

var _ op.AuthRequest = attempt{}

// takes tells whether an earlier login will do (OpenID Connect Core 1.0
// §3.1.2.1). The library has made prompt=login a max_age of 0.
func (a attempt) takes(who loggedIn) bool {
	if slices.Contains(a.request.Prompt, oidc.PromptSelectAccount) {
		return false
	}
	age := a.request.MaxAge
	return age == nil || *age > 0 && time.Since(who.at) <= time.Duration(*age)*time.Second
}

func (a attempt) silent() bool { return slices.Contains(a.request.Prompt, oidc.PromptNone) }

func (a attempt) GetID() string                      { return a.id }
func (a attempt) GetACR() string                     { return passwordACR }
func (a attempt) GetAMR() []string                   { return []string{"pwd"} }
func (a attempt) GetAudience() []string              { return []string{a.request.ClientID} }
func (a attempt) GetAuthTime() time.Time             { return a.who.at }
func (a attempt) GetClientID() string                { return a.request.ClientID }
func (a attempt) GetNonce() string                   { return a.request.Nonce }
func (a attempt) GetRedirectURI() string             { return a.request.RedirectURI }
func (a attempt) GetResponseType() oidc.ResponseType { return a.request.ResponseType }
func (a attempt) GetResponseMode() oidc.ResponseMode { return a.request.ResponseMode }
func (a attempt) GetScopes() []string                { return a.request.Scopes }
func (a attempt) GetState() string                   { return a.request.State }
func (a attempt) GetSubject() string                 { return a.who.user }
func (a attempt) Done() bool                         { return a.who.user != "" }
func (a attempt) GetCodeChallenge() *oidc.CodeChallenge {
	return &oidc.CodeChallenge{Challenge: a.request.CodeChallenge, Method: a.request.CodeChallengeMethod}
}
