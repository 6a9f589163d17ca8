package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"cloakroom/internal/approval"
	"cloakroom/internal/config"
	"cloakroom/internal/identity"
)

// cliLogin is how the person at this terminal logs in.
type cliLogin struct {
	config.Login
	flow *identity.Login
}

// openLogin finds the login with an issuer, by its name or URL, or the first;
// nil: none is for the command line.
func openLogin(cfg *config.Config, issuer string) (*cliLogin, error) {
	i := slices.IndexFunc(cfg.Admin.Logins, func(l config.Login) bool {
		return l.CLIClientID != "" && (issuer == "" || issuer == l.Issuer || issuer == nameOf(cfg, l.Issuer))
	})
	switch {
	case i < 0 && issuer == "":
		return nil, nil
	case i < 0:
		return nil, usageError{hinted{fmt.Errorf("--issuer %q: the command line cannot log in with it", issuer), "name one of admin.login that has a cli_client_id"}}
	}
	l := cfg.Admin.Logins[i]
	verifier, err := identity.New(identityConfig(cfg), identity.Options{})
	if err != nil {
		return nil, err
	}
	flow, err := verifier.Login(identity.LoginConfig{Issuer: l.Issuer, ClientID: l.CLIClientID, Scopes: l.Scopes, ACR: l.ACR})
	return &cliLogin{l, flow}, err
}

// token sends the person's browser to the issuer and waits for its answer. fresh
// zero takes a login of before. The ID token that comes of it goes nowhere but to
// the admin listener.
func (l *cliLogin) token(ctx context.Context, w io.Writer, what, nonce string, fresh time.Time) (string, error) {
	back, err := listenLoopback()
	if err != nil {
		return "", err
	}
	defer back.listener.Close()
	attempt := identity.NewAttempt(back.redirect(), fresh)
	attempt.Nonce = nonce
	url, err := l.flow.AuthURL(ctx, attempt)
	if err != nil {
		return "", err
	}
	openURL(w, what+", in the browser that opens or at", url)
	answer, err := back.wait(ctx, attempt.State)
	if err != nil {
		return "", err
	}
	return l.flow.Fetch(ctx, attempt, answer)
}

// remote is a service elsewhere, as the person who logged in sees it.
type remote struct {
	client *adminClient
	login  *cliLogin
	bearer string
}

func openRemote(ctx context.Context, o *options, admin, issuer string, w io.Writer) (*remote, error) {
	cfg, err := loadRules(o.config)
	if err != nil {
		return nil, err
	}
	r := &remote{}
	if r.client, err = newAdminClient(cfg, admin); err != nil {
		return nil, err
	}
	if r.login, err = openLogin(cfg, issuer); err != nil {
		return nil, err
	}
	if r.login == nil {
		return nil, usageError{hinted{errors.New("the command line cannot log in"), "set admin.login.cli_client_id, or open " + r.client.base}}
	}
	r.bearer, err = r.login.token(ctx, w, "log in to see what waits", rand.Text(), time.Time{})
	return r, err
}

// questions are those that the person may see.
func (r *remote) questions(ctx context.Context) ([]approval.Question, error) {
	var out struct{ Approvals []approval.Question }
	err := r.client.get(ctx, "/api/v1/approvals", r.bearer, &out)
	if errors.Is(err, errBearer) {
		err = hinted{err, fmt.Sprintf("the issuer's audiences must name %q too", r.login.CLIClientID)}
	}
	return out.Approvals, err
}

// question is one of them, found by how its id begins.
func (r *remote) question(ctx context.Context, id string) (q approval.Question, err error) {
	all, err := r.questions(ctx)
	if err != nil {
		return q, err
	}
	if q, err = findQuestion(all, id); err != nil {
		return q, err
	}
	err = r.client.get(ctx, "/api/v1/approvals/"+q.ID, r.bearer, &q)
	return q, err
}
