package export

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Rejection is the error of a sink that got the events, and says that it will take
// some of them, or all, at no other time.
type Rejection struct{ Err error }

func (r Rejection) Error() string { return r.Err.Error() }
func (r Rejection) Unwrap() error { return r.Err }

// tries is how often events are delivered before a rejection is believed, where a log
// is followed.
const tries = 3

// courier delivers for a job.
type courier struct {
	Job
	took     bool // the sink has taken something, now or earlier
	vain     int  // deliveries that were rejected since one was taken
	rejected int  // events, so far
}

// How many deliveries in a row may be rejected: more speak of the sink, and not of the
// events.
const (
	mostVain  = 32        // of a sink that never took anything
	mostDoubt = 2 * batch // of one that did
)

var errNothing = errors.New("it takes nothing")

// doubts tells whether a sink that rejects is not believed any more.
func (c *courier) doubts() bool { return c.vain > mostDoubt || !c.took && c.vain > mostVain }

// deliver hands events to the sink, as often as it takes where a log is followed, but
// for those that it rejects.
func (c *courier) deliver(ctx context.Context, events []Event) error {
	for try := 1; ; try++ {
		err := c.hand(ctx, events)
		if errors.As(err, new(Rejection)) && (try >= tries || !c.Follow) {
			err = c.divide(ctx, events, err)
		}
		if err == nil {
			return nil
		}
		if !c.Follow {
			return err
		}
		if c.Failed != nil && ctx.Err() == nil {
			c.Failed(err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(c.retry):
		}
	}
}

// hand delivers events once.
func (c *courier) hand(ctx context.Context, events []Event) error {
	err := c.Sink.Deliver(ctx, events)
	switch {
	case err == nil:
		c.took, c.vain = true, 0
	case errors.As(err, new(Rejection)):
		c.vain++
	}
	return err
}

// divide finds which of the events the sink rejects, puts those aside, and delivers the
// others. A sink that has never taken anything may reject all that comes, whatever it
// is: that is a failure like any other.
func (c *courier) divide(ctx context.Context, events []Event, why error) error {
	found, err := c.find(ctx, events, why)
	if err != nil {
		return err
	}
	if !c.took {
		return errors.Join(errNothing, why)
	}
	return c.putAside(ctx, found)
}

// rejectedEvent is an event that a sink rejects by itself.
type rejectedEvent struct {
	Event
	why error
}

// find delivers events, which were rejected together, in halves.
func (c *courier) find(ctx context.Context, events []Event, why error) (found []rejectedEvent, err error) {
	switch {
	case c.doubts():
		return nil, errors.Join(errNothing, why)
	case len(events) == 1:
		return []rejectedEvent{{events[0], why}}, nil
	}
	middle := len(events) / 2
	for _, half := range [][]Event{events[:middle], events[middle:]} {
		switch err := c.hand(ctx, half); {
		case err == nil:
		case errors.As(err, new(Rejection)):
			more, err := c.find(ctx, half, err)
			if err != nil {
				return nil, err
			}
			found = append(found, more...)
		default:
			return nil, err
		}
	}
	return found, nil
}

// putAside keeps what the sink rejects where the job says, and tells of it.
func (c *courier) putAside(ctx context.Context, found []rejectedEvent) error {
	events := make([]Event, len(found))
	for i, r := range found {
		events[i] = r.Event
	}
	if c.Aside != "" {
		if err := toEnd(ctx, c.Aside, events); err != nil {
			return fmt.Errorf("keeping what was rejected: %w", err)
		}
	}
	c.rejected += len(found)
	for _, r := range found {
		if c.Failed != nil {
			c.Failed(fmt.Errorf("event %s is rejected: %w", r.UID, r.why))
		}
	}
	return nil
}

// toEnd puts events at the end of a file.
func toEnd(ctx context.Context, path string, events []Event) error {
	file, err := toAside(path)
	if err != nil {
		return err
	}
	return errors.Join(file.Deliver(ctx, events), file.Close())
}
