package secret

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// RootBytes is the length of a root key.
const RootBytes = 32

// Root is the instance's root key: 32 random bytes, from which every other key
// derives. It prints as "[value]". The zero Root derives nothing.
type Root struct {
	value Value
}

// Keys are what an instance derives from its root, each on its own: knowing one
// tells nothing of another.
type Keys struct {
	placeholder, grant, log Value
}

// Placeholder is the key of named placeholders.
func (k Keys) Placeholder() [32]byte { return [32]byte(k.placeholder.Reveal()) }

// Grant is the key that authenticates grants.
func (k Keys) Grant() [32]byte { return [32]byte(k.grant.Reveal()) }

// Log is the seed of the log's signing key.
func (k Keys) Log() [32]byte { return [32]byte(k.log.Reveal()) }

// Format prints "[value]" for every verb.
func (Root) Format(f fmt.State, _ rune) { fmt.Fprint(f, shown) }

// Format prints "[value]" for every verb.
func (Keys) Format(f fmt.State, _ rune) { fmt.Fprint(f, shown) }

// Keys derives the instance's keys.
func (r Root) Keys() (Keys, error) {
	var k Keys
	for label, key := range map[string]*Value{"placeholder": &k.placeholder, "grant": &k.grant, "log": &k.log} {
		derived, err := r.Derive(label)
		if err != nil {
			return Keys{}, err
		}
		*key = New(derived[:])
	}
	return k, nil
}

// Derive is HKDF-SHA256 (RFC 5869) of the root, with no salt and the info
// "cloakroom/v1/" and the label.
func (r Root) Derive(label string) ([32]byte, error) {
	if len(r.value.Reveal()) != RootBytes {
		return [32]byte{}, fmt.Errorf("deriving key %q: no root key", label)
	}
	b, err := hkdf.Key(sha256.New, r.value.Reveal(), nil, "cloakroom/v1/"+label, 32)
	if err != nil {
		return [32]byte{}, fmt.Errorf("deriving key %q: %w", label, err)
	}
	return [32]byte(b), nil
}

// ParseRoot reads a root key from text: 32 bytes in standard base64, with or
// without padding, with white space around.
func ParseRoot(text string) (Root, error) {
	b, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(strings.TrimSpace(text), "="))
	if err != nil || len(b) != RootBytes {
		return Root{}, errors.New("want 32 bytes in base64")
	}
	if strings.Trim(string(b), string(b[:1])) == "" {
		return Root{}, errors.New("want 32 random bytes, not one repeated")
	}
	return Root{New(b)}, nil
}

// RootFromEnv reads the root key from an environment variable.
func RootFromEnv(name string, env func(string) (string, bool)) (Root, error) {
	text, ok := env(name)
	if !ok {
		return Root{}, fmt.Errorf("reading the root key from environment variable %q: %w", name, ErrUnset)
	}
	r, err := ParseRoot(text)
	if err != nil {
		return Root{}, fmt.Errorf("reading the root key from environment variable %q: %w", name, err)
	}
	return r, nil
}

// OpenRoot reads the root key from a file that only its owner may read, and
// makes one, with mode 0600, if there is none; created tells so. Of several
// processes that start at once, all use the one key that stays.
func OpenRoot(path string) (r Root, created bool, err error) {
	r, err = readRoot(path)
	if errors.Is(err, fs.ErrNotExist) {
		if created, err = createRoot(path); err == nil {
			r, err = readRoot(path)
		}
	}
	if err != nil {
		return Root{}, false, fmt.Errorf("opening the root key %q: %w", path, err)
	}
	return r, created, nil
}

// ReadRoot reads the root key as OpenRoot does, but never makes one.
func ReadRoot(path string) (Root, error) {
	r, err := readRoot(path)
	if err != nil {
		return Root{}, fmt.Errorf("opening the root key %q: %w", path, err)
	}
	return r, nil
}

func readRoot(path string) (Root, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Root{}, bare(err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return Root{}, fmt.Errorf("others may read or change it (mode %04o); want 0600", mode)
	}
	b, err := readFile(path)
	if err != nil {
		return Root{}, err
	}
	return ParseRoot(string(b))
}

// createRoot writes a whole key beside path and links it there, so that nobody
// ever reads half a key and an existing one is never replaced.
func createRoot(path string) (bool, error) {
	var key [RootBytes]byte
	if _, err := rand.Read(key[:]); err != nil {
		return false, err
	}
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".cloakroom-key-*") // with mode 0600
	if err != nil {
		return false, bare(err)
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(base64.StdEncoding.EncodeToString(key[:]) + "\n")
	err = errors.Join(err, f.Chmod(0o600), f.Sync(), f.Close())
	if err != nil {
		return false, err
	}
	if err := os.Link(f.Name(), path); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return false, nil
		}
		return false, fmt.Errorf("linking it into place: %w", errors.Unwrap(err))
	}
	return true, syncDir(dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return bare(err)
	}
	return errors.Join(d.Sync(), d.Close())
}
