// Package provider is a small real OpenID Connect provider for a demonstration
// and for tests: discovery, a key set that rotates, and a token endpoint. To
// machines its client_credentials grant gives signed JWT access tokens that
// carry groups; people log in by the authorization code flow with PKCE, on a
// page that asks for a name and a password.
// The protocol is the library's, zitadel/oidc; only storage and page are here.
//
// It keeps everything in memory and forgets it at its end. It deliberately has
// no refresh tokens and nothing against guessing passwords.
package provider

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/zitadel/oidc/v3/pkg/op"
)

// Client is a machine that may ask for tokens by its secret.
type Client struct {
	ID, Secret string
	Groups     []string // the "groups" claim of its tokens
	Owner      string   // the "owner" claim: on whose behalf it works; empty: none
}

// Options describe a provider. Zero fields get the defaults that they name.
type Options struct {
	Issuer   string // its URL, "http://127.0.0.1:9000"; required
	Clients  []Client
	Users    []User        // of clients and users, at least one
	Apps     []App         // where users may log in
	Audience string        // of machines' tokens; default "cloakroom". People's are for their app.
	TokenTTL time.Duration // default 10 min
}

// Provider is the provider's HTTP side and its keys. It is safe for concurrent
// use.
type Provider struct {
	http.Handler
	*keyring
}

// New makes a provider with a fresh signing key. An http issuer is accepted:
// this is for loopback.
func New(o Options) (*Provider, error) {
	if len(o.Clients) == 0 && len(o.Users) == 0 {
		return nil, errors.New("making a provider: no clients and no users")
	}
	if o.Audience == "" {
		o.Audience = "cloakroom"
	}
	if o.TokenTTL == 0 {
		o.TokenTTL = 10 * time.Minute
	}
	store, err := newStorage(o)
	if err != nil {
		return nil, fmt.Errorf("making a provider: %w", err)
	}
	config := &op.Config{AuthMethodPost: true, CodeMethodS256: true, SupportedScopes: []string{"openid", "profile", "email", "groups"}}
	rand.Read(config.CryptoKey[:])
	h, err := op.NewProvider(config, store, op.StaticIssuer(o.Issuer), op.WithAllowInsecure())
	if err != nil {
		return nil, fmt.Errorf("making a provider for %q: %w", o.Issuer, err)
	}
	mux := http.NewServeMux()
	mux.Handle("/", h)
	mux.HandleFunc("GET "+loginPath, store.people.ask)
	mux.HandleFunc("POST "+loginPath, store.people.answer)
	mux.HandleFunc(logoutPath, func(w http.ResponseWriter, r *http.Request) {
		store.people.logout(w, r)
		h.ServeHTTP(w, r)
	})
	return &Provider{Handler: mux, keyring: store.keyring}, nil
}

func newStorage(o Options) (*storage, error) {
	s := &storage{keyring: &keyring{}, clients: make(map[string]*client), apps: make(map[string]*app), people: newPeople(o.Users), audience: o.Audience, ttl: o.TokenTTL}
	if err := s.keyring.Rotate(); err != nil {
		return nil, err
	}
	for _, c := range o.Clients {
		if c.ID == "" || c.Secret == "" || s.clients[c.ID] != nil {
			return nil, fmt.Errorf("client %q needs an id of its own and a secret", c.ID)
		}
		s.clients[c.ID] = &client{Client: c}
	}
	for _, a := range o.Apps {
		if a.ID == "" || s.clients[a.ID] != nil || s.apps[a.ID] != nil {
			return nil, fmt.Errorf("app %q needs an id of its own", a.ID)
		}
		s.apps[a.ID] = &app{App: a, ttl: o.TokenTTL}
	}
	return s, nil
}
