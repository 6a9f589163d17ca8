package export

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"cloakroom/internal/record"
)

// Sink takes events.
type Sink interface {
	// Deliver returns nil once the events are where they should be; of several
	// that are delivered together, all or it is not known which. What would come to
	// nothing at any time is a Rejection.
	Deliver(ctx context.Context, events []Event) error
	Close() error
}

const (
	batch = 500             // entries that are delivered together, at most
	bulk  = 1 << 20         // bytes of entries, of which less are delivered with the next
	pause = time.Second     // between two looks at a log that is followed
	retry = 5 * time.Second // behind a delivery that failed
)

// Job is what is to be exported.
type Job struct {
	Dir    string // of the log
	Mapper *Mapper
	Sink   Sink
	State  string    // file that keeps the position; empty: none does
	Since  time.Time // earlier entries are left out
	// Follow goes on until the context ends, and over failures of the sink: these
	// are told to Failed, and what was not taken is delivered again.
	Follow bool
	Failed func(error) // nil: nobody is told
	Aside  string      // file that events which the sink rejects are put at the end of, as JSON lines; empty: they are left out
	retry  time.Duration
}

// Summary tells what was exported.
type Summary struct {
	Log      string `json:"log"`
	Entries  int    `json:"entries"`
	Events   int    `json:"events"`
	Rejected int    `json:"rejected"` // of the events
	Last     uint64 `json:"last"`     // entry up to which the log was read
}

// Run exports a log from where the state is: to its end as it is now or, where
// the job says so, until ctx ends. A log that is not the one whose position the
// state has is an error, and nothing is exported.
func Run(ctx context.Context, j Job) (Summary, error) {
	done := Summary{Log: j.Mapper.Log}
	if j.retry == 0 {
		j.retry = retry
	}
	from, err := readState(j.State, j.Mapper.Log)
	if err != nil {
		return done, err
	}
	done.Last = from.Seq
	r, err := record.ReadAfter(j.Dir, from)
	if err != nil {
		return done, fmt.Errorf("going on behind entry %d: %w", from.Seq, err)
	}
	defer r.Close()
	c := &courier{Job: j, took: from.Seq > 0}
	for {
		n, err := c.step(ctx, r, &done)
		switch {
		case err != nil && j.Follow && ctx.Err() != nil: // asked to stop: what was not delivered is, the next time
			return done, nil
		case err != nil:
			return done, err
		case n == 0 && !j.Follow:
			return done, nil
		case n > 0:
			continue
		}
		select {
		case <-ctx.Done():
			return done, nil
		case <-time.After(pause):
		}
	}
}

// step exports some entries, up to one that cannot be read, and says how many it has
// read.
func (c *courier) step(ctx context.Context, r *record.Reader, done *Summary) (int, error) {
	var events []Event
	var behind record.Position
	var unread error
	entries, n, size := 0, 0, 0
	for ; n < batch && size < bulk; n++ {
		l, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			unread = err
			break
		}
		made, err := c.Mapper.Events(l)
		if err != nil {
			return n, err
		}
		behind, size = l.Position(), size+len(l.Raw)
		if made[0].Time.Before(c.Since) {
			continue
		}
		events = append(events, made...)
		entries++
	}
	if n == 0 {
		return 0, unread
	}
	if len(events) > 0 {
		err := c.deliver(ctx, events)
		done.Rejected = c.rejected
		if err != nil {
			return n, fmt.Errorf("delivering %d events up to entry %d: %w", len(events), behind.Seq, err)
		}
	}
	done.Entries, done.Events, done.Last = done.Entries+entries, done.Events+len(events), behind.Seq
	return n, errors.Join(writeState(c.State, c.Mapper.Log, behind), unread)
}
