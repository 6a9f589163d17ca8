package provider

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// CreateAuthRequest implements op.Storage. Without PKCE nobody logs in.
func (s *storage) CreateAuthRequest(_ context.Context, r *oidc.AuthRequest, _ string) (op.AuthRequest, error) {
	if r.CodeChallenge == "" || r.CodeChallengeMethod != oidc.CodeChallengeMethodS256 {
		return nil, oidc.ErrInvalidRequest().WithDescription("PKCE with S256 is needed")
	}
	return s.people.begin(r), nil
}

// AuthRequestByID implements op.Storage.
func (s *storage) AuthRequestByID(_ context.Context, id string) (op.AuthRequest, error) {
	return s.people.attempt(id)
}

// AuthRequestByCode implements op.Storage.
func (s *storage) AuthRequestByCode(_ context.Context, code string) (op.AuthRequest, error) {
	return s.people.byCode(code)
}

// SaveAuthCode implements op.Storage.
func (s *storage) SaveAuthCode(_ context.Context, id, code string) error {
	s.people.addCode(id, code)
	return nil
}

// DeleteAuthRequest implements op.Storage.
func (s *storage) DeleteAuthRequest(_ context.Context, id string) error {
	s.people.forget(id)
	return nil
}

// TerminateSession implements op.Storage: logout has ended the browser's.
func (s *storage) TerminateSession(context.Context, string, string) error { return nil }

// SetUserinfoFromScopes implements op.Storage: what an ID token says of a
// person. The groups come whatever was asked for.
func (s *storage) SetUserinfoFromScopes(_ context.Context, info *oidc.UserInfo, subject, _ string, scopes []string) error {
	u, ok := s.people.user(subject)
	if !ok {
		return errors.New("no such user")
	}
	info.Subject = subject
	info.AppendClaims("groups", u.Groups)
	if slices.Contains(scopes, oidc.ScopeProfile) {
		info.PreferredUsername = u.Name
		info.Name = strings.ToUpper(u.Name[:1]) + u.Name[1:]
	}
	if slices.Contains(scopes, oidc.ScopeEmail) && u.Email != "" {
		info.Email = u.Email
		info.AppendClaims("email_verified", !u.Unverified)
	}
	return nil
}
