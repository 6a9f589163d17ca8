package lease

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
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
	// Changed hears of every lease that opens or ends, also of one that
	// another process ended. It must not block, and must not call the Keeper.
	Changed func(Lease)
	Logger  *slog.Logger // nil: slog.Default
}

// Keeper holds the active leases in memory over a Store. It is safe for
// concurrent use. Every time passed in should be a time.Now with its monotonic
// reading: then a clock set back lengthens no lease.
type Keeper struct {
	store Store
	key   [32]byte
	o     Options
	clock clock

	byID     sync.Map // string → *entry
	byTicket sync.Map // [32]byte → *entry
	byUse    sync.Map // useKey → *entry

	mu      sync.Mutex // guards what follows
	flights map[useKey]*flight
	count   int            // active leases
	of      map[string]int // by principal
	unsaved map[string]*entry
	cut     map[string]int64 // Unix nanoseconds at which a lease that ended would have, by id

	sweeping sync.Mutex // guards what follows
	change   int64      // the latest change seen
	marked   int64      // clock readings (mono) of the latest Mark and Forget
	forgot   int64
	failure  atomic.Pointer[error]
}

// NewKeeper loads what the store has. Rows without a valid MAC under key are
// no leases; they are logged and left alone.
func NewKeeper(ctx context.Context, s Store, key [32]byte, o Options, now time.Time) (*Keeper, error) {
	if s == nil || key == [32]byte{} {
		return nil, errors.New("loading leases: a store and a key are required")
	}
	k := &Keeper{store: s, key: key, o: o.withDefaults(), flights: make(map[useKey]*flight),
		of: make(map[string]int), unsaved: make(map[string]*entry), cut: make(map[string]int64)}
	if err := k.load(ctx, now); err != nil {
		return nil, fmt.Errorf("loading leases: %w", err)
	}
	return k, nil
}

func (o Options) withDefaults() Options {
	if o.PerPrincipal <= 0 {
		o.PerPrincipal = 1000
	}
	if o.InAll <= 0 {
		o.InAll = 100_000
	}
	if o.Keep <= 0 {
		o.Keep = keepDefault
	}
	if o.Changed == nil {
		o.Changed = func(Lease) {}
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return o
}

// load starts the clock at the latest time that the store tells of, so that a
// clock set back while the process was down gives no lease time back.
func (k *Keeper) load(ctx context.Context, now time.Time) error {
	floor, err := k.store.Marked(ctx)
	if err != nil {
		return err
	}
	rows, change, err := k.store.Unended(ctx)
	if err != nil {
		return err
	}
	k.change = change
	var active []Lease
	for _, r := range rows {
		l, ok := k.unseal(r)
		if !ok || l.State != Active {
			continue
		}
		active = append(active, l)
		if l.Starts.After(floor) {
			floor = l.Starts
		}
	}
	k.clock.start(now, floor)
	at := k.clock.see(now)
	for _, l := range active {
		k.adopt(l, at)
	}
	return nil
}

// unseal believes a row only if its MAC is valid.
func (k *Keeper) unseal(r Row) (Lease, bool) {
	l, ok := Unseal(k.key, r)
	if !ok {
		k.o.Logger.Error("lease: a row without a valid MAC counts for nothing", "lease", r.Lease.ID)
	}
	return l, ok
}

// Active is how many leases are active, give or take those that expired since
// the last Sweep.
func (k *Keeper) Active() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.count
}

// Err says why the last Sweep of Run failed; nil: it did not.
func (k *Keeper) Err() error {
	if err := k.failure.Load(); err != nil {
		return *err
	}
	return nil
}
