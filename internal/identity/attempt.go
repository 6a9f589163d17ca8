package identity

import (
	"crypto/rand"
	"crypto/subtle"
	"net/url"
	"slices"
	"time"

	"golang.org/x/oauth2"
)

// Attempt is one try of a person to log in: what the browser is sent to the
// issuer with, and what the answer is held against. Its State belongs to one
// browser, and its maker lets it count once: neither is known here.
type Attempt struct {
	Redirect string // where the issuer sends the browser back to: a URL
	State    string // tells that the answer is to this attempt
	Nonce    string // tells that the ID token is
	Verifier string // of PKCE (RFC 7636)
	// Fresh is when the person was asked to log in anew: no earlier login
	// counts. Zero: one does, without asking, if the issuer remembers it.
	Fresh time.Time
	Hint  string // whom the issuer should expect; empty: anybody
}

// NewAttempt makes an Attempt with random State, Nonce and Verifier.
func NewAttempt(redirect string, fresh time.Time) Attempt {
	return Attempt{Redirect: redirect, State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier(), Fresh: fresh}
}

// options are the parameters that a browser is sent with.
func (a Attempt) options(acr string) []oauth2.AuthCodeOption {
	all := []oauth2.AuthCodeOption{oauth2.S256ChallengeOption(a.Verifier), oauth2.SetAuthURLParam("nonce", a.Nonce)}
	add := func(name, value string) { all = append(all, oauth2.SetAuthURLParam(name, value)) }
	if a.Hint != "" {
		add("login_hint", a.Hint)
	}
	if a.Fresh.IsZero() {
		return all
	}
	// Issuers that ignore one of the two heed the other.
	add("prompt", "login")
	add("max_age", "0")
	if acr != "" {
		add("acr_values", acr)
	}
	return all
}

// complete tells whether a can be held against an answer.
func (a Attempt) complete() *Error {
	if a.Redirect == "" || a.State == "" || a.Nonce == "" || a.Verifier == "" {
		return refuse("the attempt to log in is incomplete")
	}
	return nil
}

// code takes the code out of the answer with which the browser came back.
// Nothing of the answer is in its errors: anybody can make a link.
func (a Attempt) code(answer url.Values, issuer string, named bool) (string, *Error) {
	for _, name := range []string{"state", "iss", "error", "code"} {
		if len(answer[name]) > 1 {
			return "", refuse("the issuer's answer says its %s twice", name)
		}
	}
	if !same(answer.Get("state"), a.State) {
		return "", refuse("the issuer's answer belongs to another attempt to log in")
	}
	// RFC 9207: an answer of another issuer, whose code is not for this one.
	if named && !answer.Has("iss") || answer.Has("iss") && answer.Get("iss") != issuer {
		return "", refuse("the answer is not of issuer %q", issuer)
	}
	if answer.Has("error") {
		return "", refuse("issuer %q let nobody log in: %s", issuer, known(answer.Get("error")))
	}
	if answer.Get("code") == "" {
		return "", refuse("the issuer's answer has no code")
	}
	return answer.Get("code"), nil
}

// same compares what must not be guessed; nothing is the same as an empty text.
func same(got, want string) bool {
	return want != "" && subtle.ConstantTimeCompare([]byte(got), []byte(want)) == 1
}

// errorCodes are those of RFC 6749 §4.1.2.1 and §5.2, and of OpenID Connect
// Core 1.0 §3.1.2.6.
var errorCodes = []string{
	"access_denied", "invalid_client", "invalid_grant", "invalid_request", "invalid_scope", "server_error", "temporarily_unavailable",
	"unauthorized_client", "unsupported_grant_type", "unsupported_response_type",
	"account_selection_required", "consent_required", "interaction_required", "login_required",
	"invalid_request_object", "invalid_request_uri", "registration_not_supported", "request_not_supported", "request_uri_not_supported",
	"unmet_authentication_requirements",
}

// known shows an error's code if it is one of the standards'.
func known(code string) string {
	if slices.Contains(errorCodes, code) {
		return code
	}
	return "an unknown error"
}
