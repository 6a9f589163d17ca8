package recording

import (
	"errors"
	"time"

	"cloakroom/internal/record"
)

const (
	flushBytes = 64 << 10    // more than that is written
	flushAge   = time.Second // what is older is
	// growEvery is after how many parts both double, so that an exchange has
	// fewer than record.PartsMax in weeks; growMost is how often at most.
	growEvery = 64
	growBytes = 7 // how often flushBytes doubles at most: a part is far from plainMax
)

var errParts = errors.New("the exchange has too many parts")

// skip counts what is not kept, and not hashed.
func (w *writer) skip(k Kind, n int64) {
	if w.failed != nil {
		return
	}
	s := w.side(k)
	s.bytes += n
	s.skipped, w.changed = true, true
}

// flush writes what there is, or only what is much or old.
func (w *writer) flush(at time.Time, all bool) error {
	if err := w.r.over(w.share, cutAt); err != nil && w.failed == nil {
		return w.fail(err)
	}
	switch {
	case w.failed != nil:
		return w.refusal()
	case all && w.changed:
		w.finish(at)
	case !all && !w.due(at):
		return nil
	}
	return w.write()
}

// refusal is what the exchange hears of a failure: nothing, unless no exchange may
// go on that is not recorded.
func (w *writer) refusal() error {
	if w.r.o.Strict {
		return w.failed
	}
	return nil
}

func (w *writer) due(at time.Time) bool {
	grown := len(w.parts) / growEvery
	return w.oldest >= 0 && (len(w.line.buf) > flushBytes<<min(grown, growBytes) || at.Sub(w.began)-w.oldest > flushAge<<grown)
}

// write writes a part.
func (w *writer) write() error {
	if len(w.line.buf) == 0 {
		return nil
	}
	err := errParts
	p := newPart(w.share, w.exchange, len(w.parts), w.line.buf)
	if len(w.parts) < record.PartsMax {
		err = w.r.put(p, w.rule.Retention)
	}
	if err == nil {
		w.plain.Write(w.line.buf)
	}
	w.drop()
	if err != nil {
		return w.fail(err)
	}
	w.parts = append(w.parts, p)
	return nil
}

// fail lets the tape take no more, in memory neither: what is recorded has no hole.
func (w *writer) fail(err error) error {
	w.failed = err
	w.sent.stream, w.got.stream = stream{}, stream{}
	w.drop()
	w.r.stats.lost.Add(1)
	return w.refusal()
}

// drop forgets what is not written.
func (w *writer) drop() {
	w.line.buf, w.oldest = w.line.buf[:0], -1
	w.account()
}

// end ends the tape, and leaves the rest to the committer.
func (w *writer) end(at time.Time, e record.End) {
	_ = w.flush(at, true) // it is over either way, and the entry tells
	r := w.r
	r.take(w.share, -w.counted)
	e.Kept = string(w.rule.Bodies)
	if len(w.parts) > 0 {
		w.plain.Sum(e.Tape[:0])
	}
	r.mu.Lock()
	delete(r.tapes, w)
	w.share.tapes--
	r.endings = append(r.endings, ending{at: at, end: e, exchange: w.exchange, parts: w.parts, lost: w.failed != nil})
	r.mu.Unlock()
	w.parts, w.counted = nil, 0
	r.pool.Put(w)
	r.wakeUp()
}
