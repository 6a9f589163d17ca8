package notify

import (
	"context"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"
)

// How a destination is tried.
const (
	maxWaiting = 256              // deliveries at a destination; then the oldest is dropped
	maxTries   = 10               // of a delivery
	maxAge     = time.Hour        // of a delivery, after which it is not tried again
	firstPause = 5 * time.Second  // after the first try; it doubles with each
	timeout    = 15 * time.Second // of a try
)

// Causes that a report gives.
const (
	causeGone    = "the receiver is gone"
	causeClosing = "closing"
)

// delivery is one event on its way to one destination.
type delivery struct {
	id    string
	kind  Type
	body  []byte
	tries int
	since time.Time // it was sent
	due   time.Time // it is to be tried
	ends  time.Time // it is pointless; zero: never
}

// line is the queue of one destination. Each delivery has its own pauses, so
// that one which the receiver cannot take does not hold up the others.
type line struct {
	destination Destination
	client      *http.Client
	report      func(Report)
	wake        chan struct{} // has room for one: something changed

	mu      sync.Mutex
	waiting []*delivery
	rest    time.Time // the receiver asked not to be called before
	closed  bool      // nothing more comes in; only what was never tried goes out
	gone    bool      // nothing more goes out
}

// push queues a delivery, in the place of the oldest if there is no room.
func (l *line) push(d *delivery) {
	l.mu.Lock()
	lost, cause := l.place(d)
	l.mu.Unlock()
	if lost != nil {
		l.tell(lost, Dropped, cause)
	}
	l.nudge()
}

// place returns what finds no place, and why.
func (l *line) place(d *delivery) (lost *delivery, cause string) {
	switch {
	case l.gone:
		return d, causeGone
	case l.closed:
		return d, causeClosing
	case len(l.waiting) == maxWaiting:
		lost = slices.MinFunc(l.waiting, func(a, b *delivery) int { return a.since.Compare(b.since) })
		l.waiting[slices.Index(l.waiting, lost)] = d
		return lost, "the queue is full"
	}
	l.waiting = append(l.waiting, d)
	return nil, ""
}

func (l *line) nudge() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// run makes one attempt after the other until ctx ends, or the line is closed
// and empty.
func (l *line) run(ctx context.Context) {
	for ctx.Err() == nil {
		d, pause, more := l.next(time.Now())
		switch {
		case !more:
			return
		case d != nil:
			l.try(ctx, d)
			continue
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
		case <-l.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// next takes the delivery that is due first, or tells how long to wait; more is
// false when there will be none.
func (l *line) next(now time.Time) (d *delivery, pause time.Duration, more bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		i := slices.IndexFunc(l.waiting, func(d *delivery) bool { return d.tries == 0 })
		if i < 0 {
			return nil, 0, false
		}
		return l.take(i), 0, true
	}
	if len(l.waiting) == 0 {
		return nil, time.Hour, true
	}
	first := slices.MinFunc(l.waiting, func(a, b *delivery) int { return a.due.Compare(b.due) })
	due := first.due
	if l.rest.After(due) {
		due = l.rest
	}
	if pause = due.Sub(now); pause > 0 {
		return nil, pause, true
	}
	return l.take(slices.Index(l.waiting, first)), 0, true
}

func (l *line) take(i int) *delivery {
	d := l.waiting[i]
	l.waiting = slices.Delete(l.waiting, i, i+1)
	return d
}

// try makes one attempt, and decides whether there will be another.
func (l *line) try(ctx context.Context, d *delivery) {
	if !d.ends.IsZero() && !time.Now().Before(d.ends) {
		l.tell(d, Expired, "nobody can answer any more")
		return
	}
	d.tries++
	a := l.post(ctx, d)
	now := time.Now()
	d.due = now.Add(pauseAfter(d.tries))
	if rest := now.Add(a.rest); rest.After(d.due) {
		d.due = rest
	}
	switch {
	case a.ok():
		l.tell(d, Delivered, "")
	case a.status == http.StatusGone:
		l.stop(d)
	case d.tries == maxTries || d.due.Sub(d.since) > maxAge:
		l.tell(d, GivenUp, a.cause())
	default:
		l.tell(d, Retrying, a.cause())
		l.mu.Lock()
		l.rest = now.Add(a.rest)
		l.mu.Unlock()
		l.push(d)
	}
}

// pauseAfter is how long to wait after so many tries: half of it is left to
// chance, so that receivers that come back are not met by everybody at once.
func pauseAfter(tries int) time.Duration {
	full := firstPause << (tries - 1)
	return full/2 + rand.N(full/2)
}

// stop ends a line whose receiver wants nothing more.
func (l *line) stop(d *delivery) {
	l.mu.Lock()
	l.gone = true
	l.mu.Unlock()
	l.tell(d, Gone, "status 410")
	l.drop(causeGone)
}

func (l *line) close() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.nudge()
}

// drop empties the queue.
func (l *line) drop(cause string) {
	l.mu.Lock()
	left := l.waiting
	l.waiting = nil
	l.mu.Unlock()
	for _, d := range left {
		l.tell(d, Dropped, cause)
	}
}

func (l *line) tell(d *delivery, r Result, cause string) {
	l.report(Report{Destination: l.destination.Name, ID: d.id, Type: d.kind, Result: r, Cause: cause, Attempts: d.tries})
}
