package provider

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"sync"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// keyring holds the signing key and the one before it, so that tokens signed
// shortly before a rotation stay good.
type keyring struct {
	mu   sync.Mutex
	keys []signingKey // the last one signs
}

type signingKey struct {
	id      string
	private *rsa.PrivateKey
}

// Rotate makes a new signing key, and publishes it beside the one that it
// replaces. The key before that is gone, and so are its tokens.
func (r *keyring) Rotate() error {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return fmt.Errorf("making a signing key: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keys = append(r.keys, signingKey{id: rand.Text(), private: private})
	if len(r.keys) > 2 {
		r.keys = r.keys[len(r.keys)-2:]
	}
	return nil
}

// Key returns the id and the private half of the key that signs now, for tests
// that sign odd tokens by hand.
func (r *keyring) Key() (id string, private *rsa.PrivateKey) {
	k := r.current()
	return k.id, k.private
}

func (r *keyring) current() signingKey {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.keys[len(r.keys)-1]
}

// SigningKey implements op.Storage.
func (r *keyring) SigningKey(context.Context) (op.SigningKey, error) { return r.current(), nil }

// SignatureAlgorithms implements op.Storage; discovery announces the answer.
func (r *keyring) SignatureAlgorithms(context.Context) ([]jose.SignatureAlgorithm, error) {
	return []jose.SignatureAlgorithm{jose.RS256}, nil
}

// KeySet implements op.Storage: the public halves.
func (r *keyring) KeySet(context.Context) ([]op.Key, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var keys []op.Key
	for _, k := range r.keys {
		keys = append(keys, publicKey{k})
	}
	return keys, nil
}

func (k signingKey) ID() string                                  { return k.id }
func (k signingKey) Key() any                                    { return k.private }
func (k signingKey) SignatureAlgorithm() jose.SignatureAlgorithm { return jose.RS256 }

type publicKey struct{ signingKey }

func (k publicKey) Key() any                           { return &k.private.PublicKey }
func (k publicKey) Algorithm() jose.SignatureAlgorithm { return jose.RS256 }
func (k publicKey) Use() string                        { return "sig" }
