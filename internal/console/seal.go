package console

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/json"
	"errors"
)

// The purposes of what is sealed. What was sealed for one opens for no other.
const (
	sealedSession   = "session"
	sealedFlow      = "flow"
	sealedChallenge = "challenge"
	sealedProof     = "proof"
)

var errSeal = errors.New("it was not sealed here, for this")

// sealer makes text that others keep for us and can neither read nor change:
// AES-256-GCM with a random nonce before it, in base64url.
type sealer struct {
	aead cipher.AEAD
}

func newSealer(key [32]byte) (sealer, error) {
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return sealer{}, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	return sealer{aead}, err
}

func (s sealer) seal(purpose string, v any) (string, error) {
	var plain bytes.Buffer
	e := json.NewEncoder(&plain)
	e.SetEscapeHTML(false) // a cookie has no room for it
	if err := e.Encode(v); err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(s.aead.Seal(nil, nil, plain.Bytes(), []byte(purpose))), nil
}

// open reads text that seal made for this purpose into v.
func (s sealer) open(purpose, text string, v any) error {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return errSeal
	}
	plain, err := s.aead.Open(nil, nil, raw, []byte(purpose))
	if err != nil {
		return errSeal
	}
	return json.Unmarshal(plain, v)
}
