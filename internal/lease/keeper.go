package lease

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"cloakroom/internal/access"
)

// Errors, to be told apart with errors.Is.
var (
	ErrUnknown  = errors.New("no such lease")
	ErrEnded    = errors.New("the lease has ended")
	ErrPending  = errors.New("the lease waits for approval")
	ErrExists   = errors.New("the lease exists")
	ErrConflict = errors.New("the lease is in another state")
	// ErrTooMany means that the principal, or everyone together, holds as many
	// leases as can be.
	ErrTooMany = errors.New("too many active leases")
	// ErrUnavailable means that the store does not answer.
	ErrUnavailable = errors.New("the store of leases does not answer")
)

// Options are what a Keeper may be told; the zero value is good.
type Options struct {
	PerPrincipal int           // active leases of one principal; 0: 1000
	InAll        int           // active leases; 0: 100 000
	Keep         time.Duration // how long ended ones are remembered; 0: 30 days
	// Changed hears of every lease that opens or ends. It must not block, and
	// must not call the Keeper.
	Changed func(Lease)
	Logger  *slog.Logger // nil: slog.Default
}

// Keeper holds the active leases in memory over a Store. It is safe for
// concurrent use. Every time passed in should be a time.Now with its monotonic
// reading: then a clock set back lengthens no lease.
type Keeper struct{}

// NewKeeper loads what the store has. Rows without a valid MAC under key are
// no leases; they are logged and left alone.
func NewKeeper(ctx context.Context, s Store, key [32]byte, o Options, now time.Time) (*Keeper, error) {
	panic("not yet")
}

// Use returns p's active lease without a ticket over the credential, and opens
// one of this length if there is none. It counts once the store has it.
func (k *Keeper) Use(ctx context.Context, p access.Principal, credential, session string,
	length time.Duration, now time.Time) (Lease, error) {
	panic("not yet")
}

// Request opens a lease that belongs to the ticket with this hash.
func (k *Keeper) Request(ctx context.Context, p access.Principal, credential, session, reason string,
	ticket [32]byte, length time.Duration, now time.Time) (Lease, error) {
	panic("not yet")
}

// ByTicket finds the active lease of a ticket by its hash. Others are
// ErrUnknown, ErrPending or ErrEnded (with the lease as it ended).
func (k *Keeper) ByTicket(ctx context.Context, ticket [32]byte, now time.Time) (Lease, error) {
	panic("not yet")
}

// Live tells whether the lease is active at now, from memory alone.
func (k *Keeper) Live(id string, now time.Time) bool { panic("not yet") }

// Done returns a channel that is closed when the lease is no longer active: at
// once when it is revoked, at the next Sweep when it expires. For a lease that
// is not active it is closed already.
func (k *Keeper) Done(id string) <-chan struct{} { panic("not yet") }

// Revoke ends a lease. It is not live from the call on, even if the store
// fails, which is then an error and is tried again by Sweep.
func (k *Keeper) Revoke(ctx context.Context, id string, now time.Time) (Lease, error) {
	panic("not yet")
}

// List lists leases as they stand at now.
func (k *Keeper) List(ctx context.Context, f Filter, now time.Time) ([]Lease, error) {
	panic("not yet")
}

// Sweep ends what has expired, saves endings that are not saved, takes over
// what other processes changed, forgets what ended long ago.
func (k *Keeper) Sweep(ctx context.Context, now time.Time) error { panic("not yet") }

// Run sweeps every second until ctx ends.
func (k *Keeper) Run(ctx context.Context) { panic("not yet") }
