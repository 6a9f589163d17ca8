// Package grant seals what one exchange may use into a short text, and opens it
// again on the other side of Envoy.
//
// A sealed grant travels as dynamic metadata from the service that decided to
// the service that substitutes, which may be another replica. It promises that
// only a holder of the instance's grant key can make one, that it opens only
// against the very request it was sealed for, only before its end, and only
// once in one process. It is authenticated, not secret: it holds names and
// never a value.
//
// The text is unpadded base64url of
//
//	version (1 byte) | nonce (16) | end (8, Unix milliseconds, big-endian) |
//	exchange | principal | session | number of uses (uvarint) | uses | MAC (32)
//
// where every string is its length as uvarint and its bytes, and a use is
// credential, lease, number of locations, locations. The MAC is HMAC-SHA256
// over all of the above and then, as strings, what Open must recompute from its
// own view: method, authority, path, route, cluster, source.
package grant

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"time"

	"cloakroom/internal/access"
)

const (
	version   = 1
	nonceSize = 16
	macSize   = sha256.Size
	// maxText bounds what Open decodes; the largest honest grant (256 uses with
	// the longest names) stays far below it.
	maxText = 64 << 10
)

// The reasons why Open refuses. They tell an operator what happened; a caller
// learns only that the exchange was not granted.
var (
	ErrMalformed = errors.New("grant is malformed")
	ErrForged    = errors.New("grant was not made for this exchange")
	ErrEnded     = errors.New("grant has ended")
	ErrReused    = errors.New("grant was used before")
)

// View is the request as the opener sees it. Every field must equal what the
// grant was sealed for.
type View struct {
	Method, Authority, Path, Route, Cluster, Source string
}

// ViewOf is the view that g was made for.
func ViewOf(g access.Grant) View {
	return View{g.Method, g.Authority, g.Path, g.Route, g.Cluster, g.Source}
}

// Codec seals and opens grants with one key. It is safe for concurrent use.
type Codec struct {
	key  [32]byte
	used nonces
}

// New returns a codec for the instance's grant key. A zero key is refused.
func New(key [32]byte) (*Codec, error) {
	if key == [32]byte{} {
		return nil, errors.New("grant key is zero")
	}
	return &Codec{key: key}, nil
}

// Seal returns g as text, with a fresh nonce.
func (c *Codec) Seal(g access.Grant) (string, error) {
	rand.Read(g.Nonce[:]) // never fails: crypto/rand crashes the program first
	b := make([]byte, 0, 256)
	b = append(b, version)
	b = append(b, g.Nonce[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(g.Ends.UnixMilli()))
	b = appendString(b, g.Exchange)
	b = appendString(b, g.Principal)
	b = appendString(b, g.Session)
	b = binary.AppendUvarint(b, uint64(len(g.Uses)))
	for _, u := range g.Uses {
		b = appendString(b, u.Credential)
		b = appendString(b, u.Lease)
		b = binary.AppendUvarint(b, uint64(len(u.Locations)))
		for _, l := range u.Locations {
			b = appendString(b, l.String())
		}
	}
	b = append(b, c.mac(b, ViewOf(g))...)
	if base64.RawURLEncoding.EncodedLen(len(b)) > maxText {
		return "", errors.New("sealing grant: too large")
	}
	return base64.RawURLEncoding.EncodeToString(b), nil
}

// Open returns the grant in text if it was sealed for v with this key, has not
// ended at now, and was not opened before by this codec.
func (c *Codec) Open(text string, v View, now time.Time) (access.Grant, error) {
	if len(text) > maxText {
		return access.Grant{}, ErrMalformed
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) < 1+nonceSize+8+macSize || raw[0] != version {
		return access.Grant{}, ErrMalformed
	}
	body, mac := raw[:len(raw)-macSize], raw[len(raw)-macSize:]
	if !hmac.Equal(mac, c.mac(body, v)) {
		return access.Grant{}, ErrForged
	}
	g, err := parse(body[1:])
	if err != nil {
		return access.Grant{}, err
	}
	if !now.Before(g.Ends) {
		return access.Grant{}, ErrEnded
	}
	if !c.used.add(g.Nonce, g.Ends, now) {
		return access.Grant{}, ErrReused
	}
	g.Method, g.Authority, g.Path = v.Method, v.Authority, v.Path
	g.Route, g.Cluster, g.Source = v.Route, v.Cluster, v.Source
	return g, nil
}

func (c *Codec) mac(body []byte, v View) []byte {
	h := hmac.New(sha256.New, c.key[:])
	h.Write(body)
	var b []byte
	for _, s := range []string{v.Method, v.Authority, v.Path, v.Route, v.Cluster, v.Source} {
		b = appendString(b[:0], s)
		h.Write(b)
	}
	return h.Sum(nil)
}
