package whatif

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"regexp"
	"strings"

	"cloakroom/internal/access"
	"cloakroom/internal/inventory"
	"cloakroom/internal/lease"
	"cloakroom/internal/record"
)

// tickets are those that were put in the place of marks, by their hash: each stands
// for the lease of the one that was there.
type tickets map[lease.Digest]ticket

type ticket struct {
	credential string
	lease      string // its id; empty: not known
}

// mark is what is recorded in the place of a ticket's suffix, in the log always
// without the lease.
var mark = regexp.MustCompile(`ckr_([a-z0-9-]{1,48})_\[ticket(?: ([0-9A-Za-z]{1,64}))?\]`)

// marked writes a lease into the log's mark of a ticket.
func marked(text, lease string) string {
	if before, ok := strings.CutSuffix(text, "[ticket]"); ok && lease != "" {
		return before + "[ticket " + lease + "]"
	}
	return text
}

// leasesOf tells which lease the tickets of a credential belong to that an exchange
// used, for marks that do not say.
func leasesOf(d *record.Decision) map[string]string {
	leases := map[string]string{}
	for _, u := range d.Uses {
		if !u.Placeholder.Named {
			leases[u.Credential] = u.Lease
		}
	}
	return leases
}

// crockford has the digits of a ticket.
var crockford = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// revive puts a ticket in the place of each mark. It is good for nothing but the
// look-up of this package.
func (t tickets) revive(text string, leases map[string]string) string {
	return mark.ReplaceAllStringFunc(text, func(m string) string {
		parts := mark.FindStringSubmatch(m)
		is := ticket{credential: parts[1], lease: parts[2]}
		if is.lease == "" {
			is.lease = leases[is.credential]
		}
		sum := sha256.Sum256([]byte("what if\x00" + is.credential + "\x00" + is.lease))
		made := "ckr_" + is.credential + "_" + crockford.EncodeToString(sum[:])[:26]
		t[inventory.TicketHash(made)] = is
		return made
	})
}

// reviveHeader is revive for a header, where Basic credentials hide a mark in
// base64.
func (t tickets) reviveHeader(h access.Header, leases map[string]string) string {
	scheme, encoded, ok := strings.Cut(h.Value, " ")
	if ok && strings.EqualFold(scheme, "basic") {
		if plain, err := base64.StdEncoding.DecodeString(strings.TrimSpace(encoded)); err == nil && mark.Match(plain) {
			return scheme + " " + base64.StdEncoding.EncodeToString([]byte(t.revive(string(plain), leases)))
		}
	}
	return t.revive(h.Value, leases)
}
