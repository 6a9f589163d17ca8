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

// Errors of a Keeper, to be told apart with errors.Is.
var (
	ErrPending = errors.New("the lease waits for approval")
	// ErrUnavailable means that the store does not answer, or has not for so
	// long that nobody knows whether the lease still stands.
	ErrUnavailable = errors.New("the store of leases does not answer")
)

// Barred is the error of what a bar stands in the way of.
type Barred struct{ Bar Bar }

func (b *Barred) Error() string { return fmt.Sprintf("bar %q stands in the way", b.Bar.ID) }

// CoolingDown is the error of asking again too soon after a denial.
type CoolingDown struct {
	Denied Lease     // the lease that was denied
	Until  time.Time // then it may be asked for again
}

func (c *CoolingDown) Error() string {
	return fmt.Sprintf("lease %q was denied, and may be asked for again at %s", c.Denied.ID, c.Until.UTC().Format(time.RFC3339))
}

// Options are what a Keeper may be told; the zero value is good.
type Options struct {
	PerPrincipal int           // active leases of one principal; 0: 1000
	InAll        int           // active leases; 0: 100 000
	Questions    int           // pending leases of one principal; 0: 20
	Keep         time.Duration // how long ended ones are remembered; 0: 30 days
	// Confirm is how long a lease is taken for live since the store was last
	// heard of; 0: a second, negative: for ever.
	Confirm time.Duration
	// Changed hears of every lease that opens, is asked for, answered, extended
	// or ends; here tells that this process did it and knows that it did: an
	// answer of the store may have been lost. It must not block, and must not call
	// the Keeper.
	Changed func(l Lease, here bool)
	Logger  *slog.Logger // nil: slog.Default
}

// Keeper holds the active leases in memory over a Store. It is safe for
// concurrent use. Every time passed in should be a time.Now with its monotonic
// reading: then a clock set back lengthens no lease, whether the process runs or
// not.
type Keeper struct {
	store Store
	key   [32]byte
	o     Options
	clock clock

	byID      sync.Map // string → *entry
	byTicket  sync.Map // Digest → *entry
	byUse     sync.Map // useKey → []*entry, those without a ticket; replaced, never changed
	bars      atomic.Pointer[[]Bar]
	confirmed atomic.Int64 // instant at which the store was last heard of

	mu       sync.Mutex // guards what follows
	flights  map[flightKey]*flight
	count    int            // active leases
	of       map[string]int // by principal
	unsaved  map[string]*entry
	graves   map[string]grave
	own      map[int64]bool // changes that this process made, and has not followed yet
	waits    map[string]*wait
	subs     map[chan struct{}]bool
	suspects map[string]bool // rows that were told of
	asking   chan struct{}   // closed when the store has been asked for all; nil: nobody asks

	questions turns // by principal
	changes   turns // by lease

	barring sync.Mutex // held while the bars change, here and in the store

	following sync.Mutex // guards what follows
	change    int64      // the latest change seen

	sweeping sync.Mutex // guards what follows
	marked   instant    // of the latest Mark and Forget
	forgot   instant
	failure  atomic.Pointer[error]
}

// NewKeeper loads what the store has. Rows without a valid MAC under key are
// no leases; they are logged and left alone.
func NewKeeper(ctx context.Context, s Store, key [32]byte, o Options, now time.Time) (*Keeper, error) {
	if s == nil || key == [32]byte{} {
		return nil, errors.New("loading leases: a store and a key are required")
	}
	k := &Keeper{store: s, key: key, o: o.withDefaults(), flights: make(map[flightKey]*flight),
		of: make(map[string]int), unsaved: make(map[string]*entry), graves: make(map[string]grave), own: make(map[int64]bool),
		waits: make(map[string]*wait), subs: make(map[chan struct{}]bool), suspects: make(map[string]bool)}
	k.bars.Store(new([]Bar))
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
	if o.Questions <= 0 {
		o.Questions = 20
	}
	if o.Keep <= 0 {
		o.Keep = keepDefault
	}
	if o.Confirm == 0 {
		o.Confirm = time.Second
	}
	if o.Changed == nil {
		o.Changed = func(Lease, bool) {}
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
		if !ok {
			continue
		}
		if l.State == Active {
			active = append(active, l)
		}
		for _, t := range []time.Time{l.Created, l.Starts} {
			if t.After(floor) {
				floor = t
			}
		}
	}
	k.clock.start(now, floor)
	at := k.clock.see(now)
	for _, l := range active {
		k.adopt(l, at)
	}
	k.confirmed.Store(int64(at))
	if err := k.loadBars(ctx); err != nil {
		return err
	}
	k.enforce(k.Bars(), at)
	return nil
}

// unseal believes a row only if its MAC is valid.
func (k *Keeper) unseal(r Row) (Lease, bool) {
	l, ok := Unseal(k.key, r)
	if !ok {
		k.suspect("lease: a row without a valid MAC counts for nothing", "lease", r.ID)
	}
	return l, ok
}

// mostSuspects is how many rows are told of.
const mostSuspects = 1000

// suspect logs once that a row was not written by this service, or not last: it may
// stand there for ever, and is come across every second.
func (k *Keeper) suspect(what, kind, id string) {
	k.mu.Lock()
	known := k.suspects[kind+id] || len(k.suspects) >= mostSuspects
	if !known {
		k.suspects[kind+id] = true
	}
	k.mu.Unlock()
	if !known {
		k.o.Logger.Error(what, kind, id)
	}
}

// Active is how many leases are active, give or take those that expired since
// the last Sweep.
func (k *Keeper) Active() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.count
}

// Err says why the store cannot be followed, once no lease is taken for live for
// that; nil: it can, or the last answer is recent enough.
func (k *Keeper) Err() error {
	if err := k.failure.Load(); err != nil && k.stale(k.clock.see(time.Now())) {
		return *err
	}
	return nil
}

const (
	keepDefault  = 30 * 24 * time.Hour
	openTimeout  = 5 * time.Second // for the store to take a new lease
	checkTimeout = time.Second     // for what an exchange waits for
	markEvery    = 10 * time.Second
	forgetEvery  = 10 * time.Minute
	followEvery  = 250 * time.Millisecond
	sweepEvery   = time.Second
	sweepTimeout = 10 * time.Second
)
