package inventory

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"strings"
)

const (
	mark         = "ckr_" // every placeholder begins with it
	maxName      = 48
	suffixLength = 26
	suffixBytes  = 17 // enough for 26 digits of 5 bits
)

// crockford is Crockford's base32 in lower case: no i, l, o, u.
var crockford = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// Key derives named placeholders. Replicas that share it agree on them.
type Key [32]byte

// Placeholder is the named placeholder of a credential, without a prefix:
// "ckr_", the name, "_", and 130 bits of HMAC-SHA256 as 26 lower-case Crockford
// base32 digits.
func (k Key) Placeholder(credential string) string {
	h := hmac.New(sha256.New, k[:])
	h.Write([]byte("placeholder\x00" + credential))
	return mark + credential + "_" + suffix(h.Sum(nil))
}

// String keeps the key out of logs.
func (k Key) String() string { return "[key]" }

// GoString keeps the key out of logs.
func (k Key) GoString() string { return "[key]" }

// Format keeps the key out of logs, whatever the verb.
func (k Key) Format(f fmt.State, _ rune) { fmt.Fprint(f, "[key]") }

// NewTicket makes a placeholder with a random suffix. It proves a lease to
// whoever holds it: show it once, and store only its TicketHash.
func NewTicket(credential string) (string, error) {
	if !validName(credential) {
		return "", fmt.Errorf("making a ticket for %q: not a credential's name", credential)
	}
	var b [suffixBytes]byte
	if _, err := rand.Read(b[:]); err != nil {
		return "", fmt.Errorf("making a ticket for %q: %w", credential, err)
	}
	return mark + credential + "_" + suffix(b[:]), nil
}

// TicketHash is the SHA-256 of a ticket from its "ckr_" on: a configured prefix
// before it makes no difference.
func TicketHash(text string) [32]byte {
	if i := strings.Index(text, mark); i > 0 {
		text = text[i:]
	}
	return sha256.Sum256([]byte(text))
}

func suffix(b []byte) string { return crockford.EncodeToString(b[:suffixBytes])[:suffixLength] }

func validName(s string) bool {
	return s != "" && len(s) <= maxName && !strings.ContainsFunc(s, func(r rune) bool {
		return r > 127 || !isNameByte(byte(r))
	})
}

func isNameByte(c byte) bool { return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' }

func isSuffixByte(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' && c != 'i' && c != 'l' && c != 'o' && c != 'u'
}
