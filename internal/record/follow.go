package record

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync/atomic"
	"time"
)

const (
	followBatch = 500                    // lines in one Apply
	followPause = 200 * time.Millisecond // between two looks: what comes meanwhile shares a transaction
	followRetry = 2 * time.Second        // after an error
)

// Follower keeps what is derived from a Log behind it. The log never waits for it.
type Follower struct {
	log    *Log
	index  Derived
	logger *slog.Logger
	pause  time.Duration
	retry  time.Duration

	applied atomic.Uint64
	failure atomic.Pointer[error]
}

// NewFollower makes a follower; logger nil: slog.Default.
func NewFollower(l *Log, ix Derived, logger *slog.Logger) (*Follower, error) {
	if l == nil || ix == nil {
		return nil, errors.New("following a log: a log and an index are required")
	}
	if logger == nil {
		logger = slog.Default()
	}
	return &Follower{log: l, index: ix, logger: logger, pause: followPause, retry: followRetry}, nil
}

// Lag is how many durable entries the index does not have yet.
func (f *Follower) Lag() uint64 {
	durable, applied := f.log.Durable().Seq, f.applied.Load()
	return durable - min(applied, durable)
}

// Err says why the index does not follow; nil: it does.
func (f *Follower) Err() error {
	if err := f.failure.Load(); err != nil {
		return *err
	}
	return nil
}

// Run follows until the log is closed and all of it is applied (nil), or ctx
// ends. It outlives errors of the index; see Err.
func (f *Follower) Run(ctx context.Context) error {
	var r *Reader
	defer func() { closeReader(r) }()
	for {
		closed := isClosed(f.log.Done())
		if r == nil {
			r = f.start(ctx)
		}
		wait := f.retry
		if r != nil {
			err := f.catchUp(ctx, r)
			f.report(err)
			if err == nil {
				wait = f.pause
			} else {
				closeReader(r)
				r = nil
			}
		}
		if closed {
			return f.Err()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-f.log.Done():
		case <-time.After(wait):
		}
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func closeReader(r *Reader) {
	if r != nil {
		r.Close()
	}
}

// start begins to read where the index is. An index of another log is made
// anew. nil: that failed, see Err.
func (f *Follower) start(ctx context.Context) *Reader {
	p, err := f.index.Applied(ctx)
	if err != nil {
		f.report(err)
		return nil
	}
	r, err := ReadAfter(f.log.dir, p)
	if errors.Is(err, ErrBroken) && p.Seq > 0 {
		f.logger.Warn("index: is not of this log and is made anew", "entry", p.Seq, "error", err)
		if err = f.index.Reset(ctx); err == nil {
			p = Position{}
			r, err = ReadAfter(f.log.dir, p)
		}
	}
	if err != nil {
		f.report(err)
		return nil
	}
	f.applied.Store(p.Seq)
	return r
}

// catchUp applies what is durable.
func (f *Follower) catchUp(ctx context.Context, r *Reader) error {
	if err := r.refresh(); err != nil {
		return err
	}
	durable := f.log.Durable().Seq
	for r.pos.Seq < durable {
		lines, err := r.batch(durable)
		if err != nil {
			return err
		}
		if err := f.index.Apply(ctx, lines); err != nil {
			return err
		}
		f.applied.Store(r.pos.Seq)
	}
	return nil
}

// batch reads some lines up to the entry last, which is there.
func (r *Reader) batch(last uint64) ([]Line, error) {
	var lines []Line
	for r.pos.Seq < last && len(lines) < followBatch {
		l, err := r.Next()
		if err == io.EOF {
			err = fmt.Errorf("reading log %q: it ends before entry %d: %w", r.dir, last, ErrBroken)
		}
		if err != nil {
			return nil, err
		}
		l.Raw = append([]byte(nil), l.Raw...)
		lines = append(lines, l)
	}
	return lines, nil
}

// report makes an outcome known, and logs it when it changes.
func (f *Follower) report(err error) {
	if err == nil {
		if f.failure.Swap(nil) != nil {
			f.logger.Info("index: follows the log again")
		}
		return
	}
	if f.failure.Swap(&err) == nil {
		f.logger.Error("index: does not follow the log", "error", err)
	}
}
