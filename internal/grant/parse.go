package grant

import (
	"encoding/binary"
	"time"

	"cloakroom/internal/access"
)

// maxUses bounds the loops of parse; the text is authenticated, so this only
// guards against our own mistakes.
const maxUses = 1024

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// reader takes fields off the front of b and remembers the first failure.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) uvarint(limit uint64) int {
	n, size := binary.Uvarint(r.b)
	if size <= 0 || n > limit {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[size:]
	return int(n)
}

func (r *reader) string() string {
	n := r.uvarint(uint64(len(r.b)))
	if n > len(r.b) {
		r.bad = true
		return ""
	}
	s := string(r.b[:n])
	r.b = r.b[n:]
	return s
}

// parse reads the fields behind the version byte; the caller has checked that
// the fixed ones are there.
func parse(b []byte) (access.Grant, error) {
	var g access.Grant
	copy(g.Nonce[:], b)
	g.Ends = time.UnixMilli(int64(binary.BigEndian.Uint64(b[nonceSize:])))
	r := reader{b: b[nonceSize+8:]}
	g.Exchange, g.Principal, g.Session = r.string(), r.string(), r.string()
	for range r.uvarint(maxUses) {
		u := access.Use{Credential: r.string(), Lease: r.string()}
		for range r.uvarint(maxUses) {
			l, err := access.ParseLocation(r.string())
			if err != nil {
				return access.Grant{}, ErrMalformed
			}
			u.Locations = append(u.Locations, l)
		}
		g.Uses = append(g.Uses, u)
	}
	if r.bad || len(r.b) != 0 {
		return access.Grant{}, ErrMalformed
	}
	return g, nil
}
