package record

import (
	"slices"
	"time"

	"cloakroom/internal/access"
)

const (
	// batchMax is how many bytes one commit writes at most, but for a longer
	// line.
	batchMax = 1 << 20
	// spacing is the time from the beginning of one commit to that of the next
	// while several entries come at once. On a fast disk every entry would else
	// have a sync of its own, which costs more CPU than all that is done for it
	// besides. Entries that come one by one do not wait.
	spacing = 2 * time.Millisecond
)

// run is the writer's goroutine: it commits what has queued up.
func (l *Log) run(every time.Duration) {
	defer close(l.done)
	tick := time.NewTicker(every)
	defer tick.Stop()
	var again []*waiting // notes of a commit that failed
	var next time.Time   // before which no commit begins
	for {
		ticked := false
		select {
		case <-l.wake:
			time.Sleep(time.Until(next))
		case <-tick.C:
			ticked = true
		}
		batch, closed := l.take()
		batch = append(again, batch...)
		if ticked || closed {
			batch = l.addRefusals(batch)
		}
		if awaited(batch) > 1 {
			next = time.Now().Add(spacing)
		}
		again = l.commit(batch)
		if closed {
			l.stats.lost(len(again))
			return
		}
	}
}

// awaited counts the entries for which somebody waits.
func awaited(batch []*waiting) (n int) {
	for _, w := range batch {
		if w.ack != nil {
			n++
		}
	}
	return n
}

// take takes the queue.
func (l *Log) take() (batch []*waiting, closed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	batch, l.queue = l.queue, nil
	return batch, l.closed
}

// addRefusals adds an entry of the refusals, unless one still waits for the
// disk: then they are counted on.
func (l *Log) addRefusals(batch []*waiting) []*waiting {
	if slices.ContainsFunc(batch, func(w *waiting) bool { return w.room == nil }) {
		return batch
	}
	e, some := l.refusals.take(l.now())
	if !some {
		return batch
	}
	rest, err := l.encode(e)
	if err != nil {
		l.stats.lost(1)
		return batch
	}
	return append(batch, &waiting{rest: rest})
}

// commit writes the batch, answers who waits, and returns the notes that are
// to be tried again.
func (l *Log) commit(batch []*waiting) (again []*waiting) {
	for len(batch) > 0 {
		n, size := 0, 0
		for n < len(batch) && (n == 0 || size+len(batch[n].rest)+prefixMax <= batchMax) {
			size += len(batch[n].rest) + prefixMax
			n++
		}
		err := l.writer.commit(batch[:n], size)
		l.report(err)
		if err != nil {
			return l.fail(batch, err)
		}
		for _, w := range batch[:n] {
			w.answer(nil)
		}
		batch = batch[n:]
	}
	return nil
}

// fail answers who waits, counts them as refused, and returns the notes.
func (l *Log) fail(batch []*waiting, err error) (again []*waiting) {
	for _, w := range batch {
		if w.ack == nil {
			again = append(again, w)
			continue
		}
		w.answer(err)
		l.CountRefusal(access.Unavailable, "")
	}
	return again
}

// report makes a commit's outcome known.
func (l *Log) report(err error) {
	if err == nil {
		pos := l.writer.pos
		l.durable.Store(&pos)
		if l.failure.Swap(nil) != nil {
			l.logger.Info("log: can be written again", "dir", l.dir)
		}
		return
	}
	l.stats.failures.Add(1)
	if l.failure.Swap(&err) == nil {
		l.logger.Error("log: cannot be written, refusing what must be recorded", "dir", l.dir, "error", err)
	}
}
