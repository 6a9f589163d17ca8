// Package notify tells people, through webhooks, that a question waits for them
// and what became of it, and takes the answers that come back from Slack's
// buttons.
//
// Promised: a caller of Send never waits; what leaves went through the masks,
// is plain and bounded; every request in the form "json" is signed (Standard
// Webhooks 1.0.0); a receiver that fails is tried again, a while and with growing
// pauses; an event keeps its id, so that a receiver can tell a repetition. A
// destination's URL may be a secret and stands in no error and no report. A
// click counts only with Slack's signature, once, from a known person.
//
// Not promised: that an event arrives. Queues are in memory, and end with the
// process. The package neither knows who may answer nor keeps a question: Answer
// is called for that.
package notify

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Result is what became of an attempt, or of an event that is not tried again.
type Result string

// The results.
const (
	Delivered Result = "delivered"
	Retrying  Result = "retrying"  // later
	GivenUp   Result = "given_up"  // too many attempts
	Dropped   Result = "dropped"   // the queue was full, or the sender closed
	Expired   Result = "expired"   // the question lapsed before it could be asked
	Gone      Result = "gone"      // the receiver said 410: it gets nothing more
	Malformed Result = "malformed" // the event cannot be written
)

// Report tells what became of one event at one destination.
type Report struct {
	Destination string
	ID          string // of the event
	Type        Type
	Result      Result
	Cause       string // why, if it was not delivered: a fixed text
	Attempts    int
}

// Options are what a Sender needs. All are required but Transport.
type Options struct {
	Destinations []Destination
	Masker       Masker
	Report       func(Report)      // to log and to count; called from several goroutines, must not block
	Transport    http.RoundTripper // nil: net/http's own
}

// Sender sends events to all destinations that want them.
type Sender struct {
	masker Masker
	report func(Report)
	lines  []*line
	cancel context.CancelFunc
	done   sync.WaitGroup
}

// NewSender starts a sender. It reads every URL and secret once, and fails if one
// cannot be used.
func NewSender(o Options) (*Sender, error) {
	if o.Masker == nil || o.Report == nil {
		return nil, errors.New("making sender of webhooks: a dependency is missing")
	}
	var names []string
	for _, d := range o.Destinations {
		if err := d.check(); err != nil {
			return nil, fmt.Errorf("making webhook %q: %w", d.Name, err)
		}
		if slices.Contains(names, d.Name) {
			return nil, fmt.Errorf("making webhook %q: there are two of that name", d.Name)
		}
		names = append(names, d.Name)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &Sender{masker: o.Masker, report: o.Report, cancel: cancel}
	for _, d := range o.Destinations {
		l := &line{destination: d, client: newClient(o.Transport), report: o.Report, wake: make(chan struct{}, 1)}
		s.lines = append(s.lines, l)
		s.done.Go(func() { l.run(ctx) })
	}
	return s, nil
}

// Send queues an event for every destination that wants it, and returns at once.
func (s *Sender) Send(e Event) {
	var out shown
	for _, l := range s.lines {
		if !l.destination.wants(e.Type) {
			continue
		}
		if out.ID == "" {
			out = e.show(s.masker)
		}
		body, err := l.destination.write(out)
		if err != nil {
			s.report(Report{Destination: l.destination.Name, ID: out.ID, Type: e.Type, Result: Malformed})
			continue
		}
		now := time.Now()
		d := &delivery{id: out.ID, kind: e.Type, body: body, since: now, due: now}
		if e.Type == Asked {
			d.ends = e.Expires
		}
		l.push(d)
	}
}

// Close tries once what was never tried, until ctx ends, and drops the rest. It
// returns ctx's error if there was no time for all.
func (s *Sender) Close(ctx context.Context) error {
	for _, l := range s.lines {
		l.close()
	}
	finished := make(chan struct{})
	go func() { s.done.Wait(); close(finished) }()
	var err error
	select {
	case <-finished:
	case <-ctx.Done():
		err = ctx.Err()
	}
	s.cancel()
	<-finished
	for _, l := range s.lines {
		l.drop(causeClosing)
	}
	return err
}
