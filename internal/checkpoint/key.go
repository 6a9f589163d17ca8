package checkpoint

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// Key signs the checkpoints of an instance.
type Key struct {
	signer   note.Signer
	verifier string
}

// NewKey makes the key of a seed.
func NewKey(seed [32]byte) (Key, error) {
	public := ed25519.NewKeyFromSeed(seed[:]).Public().(ed25519.PublicKey)
	sum := sha256.Sum256(public)
	name := fmt.Sprintf("cloakroom/%x", sum[:4])
	verifier, err := note.NewEd25519VerifierKey(name, public)
	if err != nil {
		return Key{}, fmt.Errorf("making the key of checkpoints: %w", err)
	}
	const algorithm = 1 // Ed25519, as note has it
	hash := strings.Split(verifier, "+")[1]
	private := base64.StdEncoding.EncodeToString(append([]byte{algorithm}, seed[:]...))
	signer, err := note.NewSigner("PRIVATE+KEY+" + name + "+" + hash + "+" + private)
	if err != nil {
		return Key{}, fmt.Errorf("making the key of checkpoints: %w", bare(err))
	}
	return Key{signer, verifier}, nil
}

// SignText signs a text that is no checkpoint: its first line must be another than
// any Origin.
func (k Key) SignText(text string) ([]byte, error) {
	if strings.HasPrefix(text, originPrefix) {
		return nil, errors.New("signing a text: it begins like a checkpoint")
	}
	msg, err := note.Sign(&note.Note{Text: text}, k.signer)
	if err != nil {
		return nil, fmt.Errorf("signing a text: %w", bare(err))
	}
	return msg, nil
}

// SignBare is SignText without the text: the signature alone.
func (k Key) SignBare(text string) ([]byte, error) {
	if strings.HasPrefix(text, originPrefix) {
		return nil, errors.New("signing a text: it begins like a checkpoint")
	}
	sig, err := k.signer.Sign([]byte(text))
	if err != nil {
		return nil, fmt.Errorf("signing a text: %w", bare(err))
	}
	return sig, nil
}

// String is the public half, as note.NewVerifier takes it: what `cloakroom log
// key` prints.
func (k Key) String() string { return k.verifier }

// Verifier verifies what the key signed.
func (k Key) Verifier() note.Verifier {
	v, err := note.NewVerifier(k.verifier)
	if err != nil {
		panic(err) // NewKey made it
	}
	return v
}
