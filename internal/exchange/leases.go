package exchange

import (
	"slices"
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/inventory"
)

// Standing is how a lease stands at one moment. The zero value lets nothing be
// used.
type Standing uint8

// The standings of a lease.
const (
	Unconfirmed Standing = iota // its store does not answer: nobody knows
	Live
	Spent // it is live, and no use of it is left
	Over  // it has ended, or there is none
)

// Leases tells how leases stand.
type Leases interface {
	// Check answers from memory, but for a lease that another process has opened
	// just now.
	Check(id string, now time.Time) Standing
	// Spend counts a use of a live lease, where its uses are limited: it is
	// durable then before Spend returns Live, within a second. Else Spend is Check.
	Spend(id string, now time.Time) Standing
	// Done returns a channel that is closed once the lease has ended, however.
	Done(id string) <-chan struct{}
	// OnRevoke calls cut, which does not block, when the lease is revoked, by
	// whichever process: at once, if it was. It does not when the lease expires.
	// After stop it does no more.
	OnRevoke(id string, cut func()) (stop func())
}

// stands refuses what a lease over the credential is not good for.
func (x *Exchange) stands(s Standing, credential string) *access.Refusal {
	switch s {
	case Live:
		return nil
	case Spent:
		return x.refuse(access.LeaseExpired, "", "the uses of the lease on credential %q are spent; ask for another lease", credential)
	case Over:
		return x.refuse(access.LeaseExpired, "", "the lease on credential %q has ended; send the request again", credential)
	}
	r := x.refuse(access.Unavailable, "", "the lease on credential %q cannot be confirmed now; try again", credential)
	r.RetryAfter = time.Second
	return r
}

// spend counts a use of each lease whose value is about to be put in, one for the
// whole exchange, and notes what is put where.
func (x *Exchange) spend(found []inventory.Found) *access.Refusal {
	for _, f := range found {
		use, _ := x.use(f)
		if slices.Contains(x.spent, use.Lease) {
			continue
		}
		if r := x.stands(x.deps.Leases.Spend(use.Lease, x.deps.Now()), f.Name); r != nil {
			return r
		}
		x.spent = append(x.spent, use.Lease)
	}
	for _, f := range found {
		x.entry.count(f)
	}
	return nil
}

// watch has the exchange cut when a lease of its grant is revoked, used or not:
// it was let go because of them.
func (x *Exchange) watch() {
	for i, use := range x.grant.Uses {
		if before := x.grant.Uses[:i]; !slices.ContainsFunc(before, func(u access.Use) bool { return u.Lease == use.Lease }) {
			x.unwatch = append(x.unwatch, x.deps.Leases.OnRevoke(use.Lease, x.cut))
		}
	}
}

// Revoked puts a refusal in the place of the response, once the exchange was told
// to be cut. It returns nil where it is too late for that; then the transport ends
// both directions.
func (x *Exchange) Revoked() *access.Refusal {
	if x.entry.over || x.phase != asked {
		return nil
	}
	x.entry.detail = "a lease was revoked"
	return x.told(x.refuse(access.LeaseExpired, "", "a lease that this request was made under has been revoked; ask for another lease"))
}

// LivesUnder returns the channels that are closed as the leases of the grant end,
// at the first of which a WebSocket must be cut. Any other exchange has none: it
// may finish.
func (x *Exchange) LivesUnder() []<-chan struct{} {
	if x.phase != answered || x.socket.down == nil {
		return nil
	}
	var ends []<-chan struct{}
	for _, use := range x.grant.Uses {
		ends = append(ends, x.deps.Leases.Done(use.Lease))
	}
	return ends
}
