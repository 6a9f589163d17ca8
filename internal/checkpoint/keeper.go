package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"cloakroom/internal/record"
)

// Options are what a Keeper may be told; the zero value is good.
type Options struct {
	Every     time.Duration // between two checkpoints; 0: a minute
	Witnesses []Witness     // of different names
	Heads     Heads         // nil: no other replica
	Logger    *slog.Logger  // nil: slog.Default
}

// lastTime is how long the checkpoint at the log's end may take to reach the
// witnesses.
const lastTime = 5 * time.Second

// soon is the time between two looks at a log of which nothing is signed yet, or
// whose tree is being made anew.
const soon = 200 * time.Millisecond

// Keeper keeps the tree of a log, signs checkpoints of it, and gives them to
// the witnesses. It works behind the log, which never waits for it.
type Keeper struct {
	log       *record.Log
	dir       string
	key       Key
	o         Options
	tree      *Tree
	follower  *record.Follower
	start     uint64 // entries that were there when it began
	witnesses []*recipient

	latest   atomic.Pointer[Signed]
	signed   atomic.Int64 // when, in Unix nanoseconds; 0: not by this process
	failures atomic.Uint64
	failure  atomic.Pointer[error]

	checked bool                  // the log continues all that was signed of it
	own     int64                 // entries behind the latest checkpoint that only name other logs
	put     Checkpoint            // what the store has as our head
	noted   map[string]Checkpoint // what the log says of other logs
}

// NewKeeper makes the keeper of a log that is open in dir.
func NewKeeper(l *record.Log, dir string, key Key, o Options) (*Keeper, error) {
	if l == nil || key.signer == nil {
		return nil, errors.New("keeping checkpoints: a log and a key are required")
	}
	if o.Every <= 0 {
		o.Every = time.Minute
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	k := &Keeper{log: l, dir: dir, key: key, o: o, start: l.Durable().Seq, noted: map[string]Checkpoint{}}
	if err := k.open(); err != nil {
		return nil, err
	}
	return k, nil
}

// open reads what was signed before, and opens the tree.
func (k *Keeper) open() (err error) {
	if err := os.MkdirAll(filepath.Join(k.dir, receiptsDir), 0o700); err != nil {
		return fmt.Errorf("keeping checkpoints: %w", err)
	}
	latest, err := k.known(Latest(k.dir))
	if err != nil {
		return fmt.Errorf("reading what was signed of log %q: %w; a log that somebody else signed is not continued: "+
			"keep a copy of it for whoever looks into it, and name a new directory", k.dir, err)
	}
	k.latest.Store(&latest)
	for _, w := range k.o.Witnesses {
		taken, err := k.known(Receipt(ReceiptPath(k.dir, w.Name())))
		if err != nil {
			return fmt.Errorf("reading what witness %q has taken: %w", w.Name(), err)
		}
		k.witnesses = append(k.witnesses, &recipient{Witness: w, last: taken.Checkpoint})
	}
	if k.tree, err = openTree(k.dir, latest.Checkpoint); err != nil {
		return err
	}
	k.follower, err = record.NewFollower(k.log, k.tree, k.o.Logger.With("of", "tree"))
	return err
}

// known opens a note of ours; none is no error.
func (k *Keeper) known(note []byte, err error) (Signed, error) {
	if errors.Is(err, fs.ErrNotExist) {
		return Signed{}, nil
	}
	if err != nil {
		return Signed{}, err
	}
	s, err := Open(note, k.key.Verifier())
	if err == nil && s.Log != k.log.ID() {
		err = fmt.Errorf("it is of log %q, and this one is %q", s.Log, k.log.ID())
	}
	return s, err
}

// Run keeps checkpoints until the log is closed and all of it is signed, or ctx
// ends.
func (k *Keeper) Run(ctx context.Context) {
	defer k.tree.close()
	caughtUp := make(chan error, 1)
	go func() { caughtUp <- k.follower.Run(ctx) }()
	open, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { // so that a witness that hangs does not keep the log's end from being signed
		select {
		case <-k.log.Done():
		case <-open.Done():
		}
		cancel()
	}()
	for {
		select {
		case <-time.After(k.wait()):
			k.step(open, false)
		case err := <-caughtUp:
			if err == nil {
				ctx, cancel := context.WithTimeout(ctx, lastTime)
				defer cancel()
				k.step(ctx, true)
			}
			return
		}
	}
}

// wait is how long the next step is off: not long while nothing is signed yet.
func (k *Keeper) wait() time.Duration {
	if k.checked && k.Latest().Size > 0 {
		return k.o.Every
	}
	return min(k.o.Every, soon)
}

// step signs what the tree has beyond the latest checkpoint, and tells the
// witnesses what they have not taken. last: nothing comes after it.
func (k *Keeper) step(ctx context.Context, last bool) {
	if !k.checked && uint64(k.tree.Size()) < k.start {
		return // the tree is being made anew
	}
	err := k.check()
	if err == nil {
		err = k.sign(last)
	}
	k.report(err)
	if err != nil {
		return
	}
	k.tell(ctx)
	if k.o.Heads != nil {
		k.headings(ctx, last)
	}
}

// check looks, once, whether the log continues all that was signed of it.
func (k *Keeper) check() error {
	if k.checked {
		return nil
	}
	for _, c := range k.before() {
		if err := k.tree.Continues(c); err != nil {
			return err
		}
	}
	k.checked = true
	return nil
}

// before are the checkpoints that are known from before.
func (k *Keeper) before() []Checkpoint {
	cs := []Checkpoint{k.Latest().Checkpoint}
	for _, w := range k.witnesses {
		cs = append(cs, w.last)
	}
	return cs
}

// sign makes a checkpoint if the log has grown by more than what it says of
// other logs: else replicas would wake each other for ever.
func (k *Keeper) sign(last bool) error {
	latest := k.Latest()
	grown := k.tree.Size() - latest.Size
	if grown == 0 || grown <= k.own && !last {
		return nil
	}
	size, root, err := k.tree.root()
	if err != nil {
		return err
	}
	s, err := k.key.Sign(Checkpoint{k.log.ID(), size, root})
	if err != nil {
		return err
	}
	if err := writeNote(LatestPath(k.dir), s.Note); err != nil {
		return err
	}
	k.own = 0
	k.signed.Store(time.Now().UnixNano())
	k.latest.Store(&s)
	return nil
}

// report makes known why nothing can be signed, once.
func (k *Keeper) report(err error) {
	if err == nil {
		if k.failure.Swap(nil) != nil {
			k.o.Logger.Info("checkpoint: the log is signed again", "dir", k.dir)
		}
		return
	}
	k.failures.Add(1)
	if k.failure.Swap(&err) == nil {
		k.o.Logger.Error("checkpoint: the log is not signed", "dir", k.dir, "error", err)
	}
}

// Latest is the latest checkpoint; the zero value: there is none yet.
func (k *Keeper) Latest() Signed { return *k.latest.Load() }

// Err says why the log is not signed; nil: it is.
func (k *Keeper) Err() error {
	if err := k.failure.Load(); err != nil {
		return *err
	}
	return nil
}

// Failures counts what could not be signed, and what a witness did not take.
func (k *Keeper) Failures() uint64 { return k.failures.Load() }

// Unwitnessed is how many entries are durable that some witness has no
// checkpoint of, or that none is signed of if there is no witness.
func (k *Keeper) Unwitnessed() uint64 {
	least := k.Latest().Size
	for _, w := range k.witnesses {
		least = min(least, w.taken().Size)
	}
	durable := k.log.Durable().Seq
	return durable - min(uint64(least), durable)
}
