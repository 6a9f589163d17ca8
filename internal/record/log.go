package record

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Options are what a Log may be told; the zero value is good.
type Options struct {
	// SegmentBytes is the size past which a new segment begins; 0: 64 MiB.
	SegmentBytes int64
	// Queue is how many entries may wait for a commit, Appends and Notes each;
	// 0: 8192.
	Queue int
	// Logger hears of recovery and failures; nil: slog.Default.
	Logger *slog.Logger
	// Now is the clock; nil: time.Now.
	Now func() time.Time

	disk disk          // nil: the operating system's
	tick time.Duration // between two looks at the refusals and a failed disk; 0: a second
}

const (
	// noteWait is how long Note waits for room.
	noteWait = 100 * time.Millisecond
	// noteDelay is how long a note waits for a commit that somebody else needs
	// before it gets one of its own.
	noteDelay = 20 * time.Millisecond
)

// Log is a log that is open for writing. It is safe for concurrent use.
type Log struct {
	dir    string
	id     string
	mask   Masker
	logger *slog.Logger
	now    func() time.Time
	lock   *os.File

	appendRoom, noteRoom chan struct{} // one element for each that waits

	mu     sync.Mutex // guards queue, closed
	queue  []*waiting
	closed bool
	noted  atomic.Bool   // a note's own commit is due
	wake   chan struct{} // holds one element when there is something to do
	done   chan struct{} // closed when the writer has ended

	refusals refusals
	writer   writer // only for the writer's goroutine
	durable  atomic.Pointer[Position]
	failure  atomic.Pointer[error]
	stats    stats
}

// waiting is an entry that waits for a commit.
type waiting struct {
	rest []byte        // of the line, behind the prefix
	at   Position      // behind it, once it is committed
	ack  chan error    // nil: nobody waits
	room chan struct{} // holds an element for it; nil: it is the log's own
}

// answer lets go of the room, and tells err to who waits.
func (w *waiting) answer(err error) {
	if w.room != nil {
		<-w.room
	}
	if w.ack != nil {
		w.ack <- err
	}
}

// Open opens the log in dir for writing, and makes it if there is none. A last
// line that a crash tore is cut off and kept aside; a broken chain is an error.
func Open(dir string, mask Masker, o Options) (*Log, error) {
	if mask == nil {
		return nil, fmt.Errorf("opening log %q: a masker is required", dir)
	}
	o = o.withDefaults()
	lock, err := lockSoon(dir)
	if err != nil {
		return nil, err
	}
	id, err := ownID(dir)
	if err != nil {
		lock.Close()
		return nil, err
	}
	l := &Log{dir: dir, id: id, mask: mask, logger: o.Logger, now: o.Now, lock: lock,
		appendRoom: make(chan struct{}, o.Queue), noteRoom: make(chan struct{}, o.Queue),
		wake: make(chan struct{}, 1), done: make(chan struct{})}
	l.writer = writer{dir: dir, disk: o.disk, most: o.SegmentBytes, stats: &l.stats}
	if err := l.writer.recover(o.Logger); err != nil {
		lock.Close()
		return nil, err
	}
	pos := l.writer.pos
	l.durable.Store(&pos)
	go l.run(o.tick)
	return l, nil
}

func (o Options) withDefaults() Options {
	if o.SegmentBytes <= 0 {
		o.SegmentBytes = 64 << 20
	}
	if o.Queue <= 0 {
		o.Queue = 8192
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.disk == nil {
		o.disk = osDisk{}
	}
	if o.tick <= 0 {
		o.tick = time.Second
	}
	return o
}

// Append writes e and returns when it is on disk. An error says that it may
// not be: nothing that depends on the entry may happen then. If ctx ends first
// the entry may still be written.
func (l *Log) Append(ctx context.Context, e Entry) error {
	_, err := l.Place(ctx, e)
	return err
}

// Place is Append, and says where the entry stands.
func (l *Log) Place(ctx context.Context, e Entry) (Position, error) {
	rest, err := l.encode(e)
	if err != nil {
		return Position{}, err
	}
	select {
	case l.appendRoom <- struct{}{}:
	case <-ctx.Done():
		return Position{}, fmt.Errorf("appending to the log: %w: %w", ctx.Err(), ErrUnavailable)
	}
	w := &waiting{rest: rest, ack: make(chan error, 1), room: l.appendRoom}
	if !l.enqueue(w) {
		w.answer(nil)
		return Position{}, ErrClosed
	}
	select {
	case err := <-w.ack:
		return w.at, err
	case <-ctx.Done():
		return Position{}, fmt.Errorf("appending to the log: %w: %w", ctx.Err(), ErrUnavailable)
	}
}

// Note writes e with the next commit and does not wait for it. If too many
// wait it blocks for a short time, then gives up and counts (Stats.NotesLost).
func (l *Log) Note(e Entry) {
	rest, err := l.encode(e)
	if err != nil {
		l.stats.lost(1)
		l.logger.Error("log: an entry was not written", "kind", e.Kind(), "error", err)
		return
	}
	select {
	case l.noteRoom <- struct{}{}:
	default:
		select {
		case l.noteRoom <- struct{}{}:
		case <-time.After(noteWait):
			l.stats.lost(1)
			return
		}
	}
	w := &waiting{rest: rest, room: l.noteRoom}
	if !l.enqueue(w) {
		w.answer(nil)
		l.stats.lost(1)
		return
	}
	if l.noted.CompareAndSwap(false, true) {
		time.AfterFunc(noteDelay, func() {
			l.noted.Store(false)
			l.nudge()
		})
	}
}

func (l *Log) encode(e Entry) ([]byte, error) {
	if e.Time.IsZero() {
		e.Time = l.now()
	}
	return encode(e, l.mask)
}

// enqueue hands w to the writer; false: the log is closed.
func (l *Log) enqueue(w *waiting) bool {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return false
	}
	l.queue = append(l.queue, w)
	l.mu.Unlock()
	if w.ack != nil {
		l.nudge()
	}
	return true
}

func (l *Log) nudge() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// Close writes what waits, and releases the directory. An error says that
// notes were lost.
func (l *Log) Close() error {
	l.mu.Lock()
	closed := l.closed
	l.closed = true
	l.mu.Unlock()
	if closed {
		<-l.done
		return ErrClosed
	}
	l.nudge()
	<-l.done
	l.writer.close()
	l.lock.Close()
	return l.Err()
}

// ID tells this log from every other; it stays the same as long as its folder.
func (l *Log) ID() string { return l.id }

// Done is closed when the log was closed and everything is written.
func (l *Log) Done() <-chan struct{} { return l.done }

// Err says why the log cannot be written; nil: it can.
func (l *Log) Err() error {
	if err := l.failure.Load(); err != nil {
		return *err
	}
	return nil
}

// Durable is the position behind the last entry on disk.
func (l *Log) Durable() Position { return *l.durable.Load() }
