package recording

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"cloakroom/internal/record"
)

// Log is what a Recorder needs of the log. *record.Log is one.
type Log interface {
	Note(e record.Entry)
	Append(ctx context.Context, e record.Entry) error
	Durable() record.Position
	ID() string
}

// Options say how a Recorder works. Dir, Key and Log are required.
type Options struct {
	Dir string   // the log's directory; packs stand in its folder "packs"
	Key [32]byte // the recording key: it wraps each pack's own
	// OldKeys are earlier recording keys: what is under them can be read.
	OldKeys [][32]byte
	Log     Log  // outlives the Recorder
	Strict  bool // no record, no exchange; false: what cannot be written is counted
	// Named tells whether a text is exactly the named placeholder of an existing
	// credential, which stays as it is. Every other is marked as a ticket; nil:
	// all are. It is called by many goroutines.
	Named func(text string) bool
	// Store is the URL of the bucket that closed packs go to (s3, gs, azblob,
	// file, mem); empty: they stay in Dir.
	Store string

	Reserve int64 // bytes of the disk that stay free; 0: 256 MiB, or a twentieth of a small disk
	Memory  int64 // bytes of all tapes that are not on disk yet; 0: 256 MiB. A fourth is one principal's share
	// PerPrincipal is how many bytes of recordings one principal may have written in
	// about a day; 0: any number, until the disk is low.
	PerPrincipal int64
	Waiting      int64            // bytes of closed packs that may wait for the outside store; 0: 4 GiB
	PackBytes    int64            // size at which a pack is closed; 0: 64 MiB
	PackAge      time.Duration    // age at which a pack is closed; 0: an hour
	Logger       *slog.Logger     // nil: slog.Default
	Now          func() time.Time // nil: time.Now

	disk disk          // nil: the operating system's
	tick time.Duration // between two looks at what may go wrong, and at what is to be stored outside; 0: a second
}

func (o Options) withDefaults() Options {
	o.Memory = orElse(o.Memory, 256<<20)
	o.Waiting = orElse(o.Waiting, 4<<30)
	o.PackBytes = orElse(o.PackBytes, 64<<20)
	o.PackAge = orElse(o.PackAge, time.Hour)
	o.tick = orElse(o.tick, time.Second)
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.disk == nil {
		o.disk = osDisk{}
	}
	return o
}

func orElse[T int64 | time.Duration](v, standard T) T {
	if v <= 0 {
		return standard
	}
	return v
}

// Recorder records exchanges: it is Tapes and Reader. It is safe for concurrent
// use.
type Recorder struct {
	*Packs
	o       Options
	markKey [32]byte

	mu      sync.Mutex // guards the fields below
	classes map[time.Duration]*class
	tapes   map[*writer]struct{} // that have not ended
	shares  map[string]*share    // by principal
	endings []ending             // that wait for their parts
	queue   []*part              // that wait to be written, where not strict
	retired []*pack              // that are to be closed

	pool    sync.Pool // of *writer
	memory  atomic.Int64
	waiting atomic.Int64
	stuck   atomic.Int64          // packs that the outside store did not take
	failure atomic.Pointer[error] // of the last write; nil: it went well
	scarce  atomic.Pointer[error] // what there is too little or too much of
	low     atomic.Int64          // bytes that a principal may record in a day as room is low; 0: it is not
	house   share                 // what is no principal's
	stats   counters

	wake    chan struct{} // holds an element when there is something to commit
	closing chan struct{}
	done    sync.WaitGroup
	stop    context.CancelFunc
	closed  sync.Once

	told map[string]bool // what the log says is deleted, and is not yet; keepHouse's
}

// Open begins to record in o.Dir. Exchanges that an earlier process did not end
// are ended in the log, with what is recorded of them.
func Open(ctx context.Context, o Options) (*Recorder, error) {
	if o.Dir == "" || o.Log == nil || o.Key == [32]byte{} {
		return nil, errors.New("opening the recorder: a directory, a log and a key are required")
	}
	if err := os.MkdirAll(filepath.Join(o.Dir, packsFolder), 0o700); err != nil {
		return nil, fmt.Errorf("opening the recorder: %w", err)
	}
	packs, err := OpenReader(ctx, o.Dir, o.Key, o.Store, o.OldKeys...)
	if err != nil {
		return nil, err
	}
	r := &Recorder{Packs: packs, o: o.withDefaults(), classes: map[time.Duration]*class{}, tapes: map[*writer]struct{}{}, told: map[string]bool{}, shares: map[string]*share{},
		wake: make(chan struct{}, 1), closing: make(chan struct{})}
	r.pool.New = func() any { return newWriter() }
	r.markKey = o.Key
	if err := r.tryStore(ctx); err != nil {
		packs.Close()
		return nil, err
	}
	if err := r.recoverAlone(ctx); err != nil {
		packs.Close()
		return nil, fmt.Errorf("opening the recorder: %w", err)
	}
	r.watch()
	background, stop := context.WithCancel(context.Background())
	r.stop = stop
	r.done.Go(r.run)
	r.done.Go(func() { r.keepHouse(background) })
	return r, nil
}

// Begin begins the tape of an exchange.
func (r *Recorder) Begin(exchange, principal string, began time.Time, rule Rule) Tape {
	r.mu.Lock()
	s := r.share(principal)
	r.mu.Unlock()
	if !r.o.Strict && rule.Bodies == Full && r.over(s, 1) != nil {
		rule.Bodies = Hash
	}
	w := r.pool.Get().(*writer)
	w.mu.Lock()
	w.reset(r, s, exchange, began, rule)
	w.mu.Unlock()
	r.mu.Lock()
	r.tapes[w] = struct{}{}
	r.mu.Unlock()
	return &tape{w}
}

// class returns that of a retention.
func (r *Recorder) class(retention time.Duration) *class {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.classes[retention]
	if c == nil {
		c = &class{retention: retention}
		r.classes[retention] = c
	}
	return c
}

// put writes a part now, or queues it where nothing waits for the disk.
func (r *Recorder) put(p *part, retention time.Duration) error {
	c := r.class(retention)
	size := int64(cap(p.payload))
	if r.o.Strict {
		if err := r.append(c, p); err != nil {
			return err
		}
		r.take(p.share, size)
		return nil
	}
	if r.memory.Load() > r.o.Memory || r.scarce.Load() != nil { // the log and the store need what is left
		return fmt.Errorf("queueing a part: %w", ErrUnavailable)
	}
	p.class = c
	r.take(p.share, size)
	r.mu.Lock()
	r.queue = append(r.queue, p)
	r.mu.Unlock()
	r.wakeUp()
	return nil
}

// wakeUp lets the committer begin.
func (r *Recorder) wakeUp() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Keep keeps data, for ever, and returns when it is on disk; the log is to name
// the parts.
func (r *Recorder) Keep(ctx context.Context, data []byte) ([]record.Part, error) {
	const chunk = 1 << 20
	id := record.NewID(r.o.Now())
	var parts []*part
	for len(data) > 0 {
		p := newPart(&r.house, id, len(parts), data[:min(chunk, len(data))])
		if err := r.append(r.class(0), p); err != nil {
			return nil, err
		}
		r.take(p.share, int64(cap(p.payload)))
		parts = append(parts, p)
		data = data[min(chunk, len(data)):]
	}
	kept := make(chan []record.Part, 1)
	r.mu.Lock()
	r.endings = append(r.endings, ending{parts: parts, kept: kept})
	r.mu.Unlock()
	r.wakeUp()
	select {
	case all := <-kept:
		return all, nil
	case <-ctx.Done():
		go func() {
			r.o.Log.Note(record.Entry{End: &record.End{Exchange: id, Recording: <-kept, Error: Unwanted}})
		}()
		return nil, fmt.Errorf("keeping a text: %w", ctx.Err())
	}
}

// Unwanted is what the log says, as its error, of what Keep kept and no entry names: it
// is no exchange.
const Unwanted = "nobody waited until it was kept"

// Close writes what waits and closes the packs. Tapes that have not ended are
// ended by the next Open. The log is closed after it.
func (r *Recorder) Close() error {
	r.closed.Do(func() {
		close(r.closing)
		r.stop()
		r.done.Wait()
		r.Packs.Close()
	})
	if err := r.failure.Load(); err != nil {
		return *err
	}
	return nil
}
