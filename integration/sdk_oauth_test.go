package integration

import "testing"

// TestOAuthSecretInForm drives an OAuth 2 client that sends its secret as a
// field of the form. The ticket says by itself who holds it.
func TestOAuthSecretInForm(t *testing.T) {
	t.Parallel()
	w := sdkWorld(t, []api{{"oauth", "login.example.com", "form:client_secret", inForm("client_secret"),
		map[string]answers{"POST /oauth/token": oauthToken}}})
	sdk{"oauth.py", []string{"METHOD=client_secret_post"}, "oauth", told, 0, "OAuthError"}.drive(t, w.gateway+"/oauth", w.ticket(agentClient, "oauth"))
}
