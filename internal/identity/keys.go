package identity

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
)

// maxKeys bounds the signatures that are tried for a token without a key id.
const maxKeys = 100

// errNoKey says that no key of a snapshot verifies a token.
var errNoKey = errors.New("no key of the issuer verifies the token")

// snapshot is what an issuer said of itself at one time. It does not change.
type snapshot struct {
	algs   []string // what it announces, without "none" and HMAC
	keys   []jose.JSONWebKey
	logins endpoints
	loaded time.Time
}

// fetch reads an issuer's discovery document and its keys.
func fetch(ctx context.Context, client *http.Client, issuer string, now time.Time) (*snapshot, error) {
	provider, err := oidc.NewProvider(oidc.ClientContext(ctx, client), issuer)
	if err != nil {
		return nil, fmt.Errorf("reading its discovery document: %w", err)
	}
	var doc struct {
		JWKS string   `json:"jwks_uri"`
		Algs []string `json:"id_token_signing_alg_values_supported"`
		endpoints
	}
	if err := provider.Claims(&doc); err != nil {
		return nil, fmt.Errorf("reading its discovery document: %w", err)
	}
	s := &snapshot{logins: doc.endpoints, loaded: now}
	for _, a := range doc.Algs {
		if asymmetric[a] {
			s.algs = append(s.algs, a)
		}
	}
	// Without this, go-oidc would fall back to RS256.
	if len(s.algs) == 0 {
		return nil, errors.New("its discovery document announces no asymmetric signing algorithm")
	}
	if s.keys, err = fetchKeys(ctx, client, doc.JWKS); err != nil {
		return nil, fmt.Errorf("reading its keys: %w", err)
	}
	return s, nil
}

// asymmetric are the algorithms by which a public key verifies.
var asymmetric = map[string]bool{
	oidc.RS256: true, oidc.RS384: true, oidc.RS512: true,
	oidc.PS256: true, oidc.PS384: true, oidc.PS512: true,
	oidc.ES256: true, oidc.ES384: true, oidc.ES512: true, oidc.EdDSA: true,
}

func fetchKeys(ctx context.Context, client *http.Client, url string) ([]jose.JSONWebKey, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, errors.New("its jwks_uri is not a URL")
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&set); err != nil {
		return nil, errors.New("not a JSON key set, or too long")
	}
	var keys []jose.JSONWebKey
	for _, raw := range set.Keys {
		var k jose.JSONWebKey
		// A key of a kind that is unknown here must not hide the others.
		if json.Unmarshal(raw, &k) != nil || !k.Valid() || !k.IsPublic() || k.Use != "" && k.Use != "sig" {
			continue
		}
		keys = append(keys, k)
	}
	if len(keys) == 0 || len(keys) > maxKeys {
		return nil, fmt.Errorf("want 1 to %d usable keys, found %d", maxKeys, len(keys))
	}
	return keys, nil
}

// verify checks a token's form, algorithm, signature and issuer, in this order,
// and leaves time and audience to the caller: go-oidc allows 5 min before nbf,
// none after exp, and one audience only.
func (s *snapshot) verify(ctx context.Context, issuer, token string) (*oidc.IDToken, error) {
	set := &keySet{snapshot: s}
	t, err := oidc.NewVerifier(issuer, set, &oidc.Config{
		SupportedSigningAlgs: s.algs,
		SkipClientIDCheck:    true,
		SkipExpiryCheck:      true,
	}).Verify(ctx, token)
	if set.unmatched {
		return nil, errNoKey
	}
	return t, err
}

// keySet serves one verification, and remembers how it ended: go-oidc does not
// pass the error's identity on.
type keySet struct {
	*snapshot
	unmatched bool
}

// VerifySignature implements oidc.KeySet.
func (k *keySet) VerifySignature(_ context.Context, token string) ([]byte, error) {
	var algs []jose.SignatureAlgorithm
	for _, a := range k.algs {
		algs = append(algs, jose.SignatureAlgorithm(a))
	}
	jws, err := jose.ParseSignedCompact(token, algs)
	if err != nil {
		return nil, err
	}
	header := jws.Signatures[0].Header
	for i := range k.keys {
		key := &k.keys[i]
		if header.KeyID != "" && key.KeyID != header.KeyID || key.Algorithm != "" && key.Algorithm != header.Algorithm {
			continue
		}
		if payload, err := jws.Verify(key); err == nil {
			return payload, nil
		}
	}
	k.unmatched = true
	return nil, errNoKey
}
