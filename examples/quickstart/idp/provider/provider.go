// Package provider is a small real OpenID Connect provider for a demonstration
// and for tests: discovery, a key set that rotates, and a token endpoint whose
// client_credentials grant gives signed JWT access tokens that carry groups.
// The protocol is the library's, zitadel/oidc; only the storage is here.
//
// It keeps everything in memory and forgets it at its end. It deliberately
// logs nobody in: the flows that need a person answer "unsupported", in
// unsupported.go, and refresh tokens do not exist.
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
}

// Options describe a provider. Zero fields get the defaults that they name.
type Options struct {
	Issuer   string        // its URL, "http://127.0.0.1:9000"; required
	Clients  []Client      // at least one
	Audience string        // of every token; default "cloakroom"
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
	if len(o.Clients) == 0 {
		return nil, errors.New("making a provider: no clients")
	}
	if o.Audience == "" {
		o.Audience = "cloakroom"
	}
	if o.TokenTTL == 0 {
		o.TokenTTL = 10 * time.Minute
	}
	keys := &keyring{}
	if err := keys.Rotate(); err != nil {
		return nil, err
	}
	store := &storage{keyring: keys, clients: make(map[string]*client), audience: o.Audience, ttl: o.TokenTTL}
	for _, c := range o.Clients {
		if c.ID == "" || c.Secret == "" || store.clients[c.ID] != nil {
			return nil, fmt.Errorf("making a provider: client %q needs an id of its own and a secret", c.ID)
		}
		store.clients[c.ID] = &client{Client: c}
	}
	config := &op.Config{AuthMethodPost: true, CodeMethodS256: true, SupportedScopes: []string{"openid"}}
	rand.Read(config.CryptoKey[:])
	h, err := op.NewProvider(config, store, op.StaticIssuer(o.Issuer), op.WithAllowInsecure())
	if err != nil {
		return nil, fmt.Errorf("making a provider for %q: %w", o.Issuer, err)
	}
	return &Provider{Handler: h, keyring: keys}, nil
}
