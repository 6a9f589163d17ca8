package provider

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"time"

	"github.com/zitadel/oidc/v3/pkg/op"
)

// storage is what the library asks for in order to serve client_credentials and
// the code flow. Tokens are self-contained, so none is stored.
type storage struct {
	*keyring
	clients  map[string]*client
	apps     map[string]*app
	people   *people
	audience string
	ttl      time.Duration
}

var (
	_ op.Storage                  = (*storage)(nil)
	_ op.ClientCredentialsStorage = (*storage)(nil)
)

// errClient says the same for an unknown client and for a wrong secret.
var errClient = errors.New("no such client, or not its secret")

// GetClientByClientID implements op.Storage.
func (s *storage) GetClientByClientID(_ context.Context, id string) (op.Client, error) {
	if c := s.clients[id]; c != nil {
		return c, nil
	}
	if a := s.apps[id]; a != nil {
		return a, nil
	}
	return nil, errClient
}

// AuthorizeClientIDSecret implements op.Storage.
func (s *storage) AuthorizeClientIDSecret(_ context.Context, id, secret string) error {
	want := ""
	if c := s.clients[id]; c != nil {
		want = c.Secret
	} else if a := s.apps[id]; a != nil {
		want = a.Secret
	}
	if want == "" || subtle.ConstantTimeCompare([]byte(want), []byte(secret)) != 1 {
		return errClient
	}
	return nil
}

// ClientCredentials implements op.ClientCredentialsStorage.
func (s *storage) ClientCredentials(ctx context.Context, id, secret string) (op.Client, error) {
	c := s.clients[id]
	if err := s.AuthorizeClientIDSecret(ctx, id, secret); err != nil || c == nil {
		return nil, errClient
	}
	return c, nil
}

// ClientCredentialsTokenRequest implements op.ClientCredentialsStorage: the
// client itself is the token's subject.
func (s *storage) ClientCredentialsTokenRequest(_ context.Context, id string, scopes []string) (op.TokenRequest, error) {
	return &tokenRequest{subject: id, audience: s.audience, scopes: scopes}, nil
}

type tokenRequest struct {
	subject, audience string
	scopes            []string
}

func (r *tokenRequest) GetSubject() string    { return r.subject }
func (r *tokenRequest) GetAudience() []string { return []string{r.audience} }
func (r *tokenRequest) GetScopes() []string   { return r.scopes }

// CreateAccessToken implements op.Storage: a token's id and its end.
func (s *storage) CreateAccessToken(context.Context, op.TokenRequest) (string, time.Time, error) {
	return rand.Text(), time.Now().Add(s.ttl), nil
}

// GetPrivateClaimsFromScopes implements op.Storage: the claims of an access
// token beyond the standard ones.
func (s *storage) GetPrivateClaimsFromScopes(_ context.Context, subject, clientID string, _ []string) (map[string]any, error) {
	if c := s.clients[clientID]; c != nil {
		all := map[string]any{"groups": c.Groups}
		if c.Owner != "" {
			all["owner"] = c.Owner
		}
		return all, nil
	}
	u, ok := s.people.user(subject)
	if !ok {
		return nil, errClient
	}
	return map[string]any{"groups": u.Groups}, nil
}

// Health implements op.Storage.
func (s *storage) Health(context.Context) error { return nil }
