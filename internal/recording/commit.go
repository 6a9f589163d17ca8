package recording

import (
	"maps"
	"slices"
	"time"

	"cloakroom/internal/record"
)

// commitEvery is how long parts wait for a sync that they share.
const commitEvery = 25 * time.Millisecond

// ending is an exchange that ended, and whose parts are to be on disk before the
// log says so. Or it is what Keep waits for.
type ending struct {
	at       time.Time
	end      record.End
	exchange string
	parts    []*part
	lost     bool
	kept     chan<- []record.Part // nil: it is an exchange
}

// run is the committer's goroutine. It alone syncs and closes packs, and notes
// ends.
func (r *Recorder) run() {
	tick := time.NewTicker(r.o.tick)
	defer tick.Stop()
	for {
		select {
		case <-r.wake:
			select {
			case <-time.After(commitEvery):
			case <-r.closing:
			}
		case <-tick.C:
			r.writeOld()
			r.retireAll(r.o.Now().Add(-r.o.PackAge))
			r.watch()
			r.forgetIdle()
		case <-r.closing:
			r.commit()
			r.retireAll(r.o.Now().Add(time.Hour)) // all
			r.commit()
			return
		}
		r.commit()
	}
}

// commit makes durable what was written, and then notes what ended before.
func (r *Recorder) commit() {
	r.mu.Lock()
	endings, retired, queue := r.endings, r.retired, r.queue
	r.endings, r.retired, r.queue = nil, nil, nil
	classes := slices.Collect(maps.Values(r.classes))
	r.mu.Unlock()
	for _, p := range queue {
		if err := r.append(p.class, p); err != nil {
			r.lose(p)
		}
	}
	for _, c := range classes {
		r.sync(c)
	}
	var again []*pack
	for _, p := range retired {
		if !r.settle(p) {
			again = append(again, p)
		}
	}
	waiting := r.note(endings)
	r.mu.Lock()
	r.endings = append(waiting, r.endings...)
	r.mu.Unlock()
	again = r.finishAll(retired, again)
	r.mu.Lock()
	r.retired = append(again, r.retired...)
	r.mu.Unlock()
}

// lose gives a part up.
func (r *Recorder) lose(p *part) {
	p.lost = true
	r.take(p.share, -int64(cap(p.payload)))
	p.payload = nil
	r.stats.lost.Add(1)
}

// sync makes durable what stands in the class's open pack.
func (r *Recorder) sync(c *class) {
	c.mu.Lock()
	p := c.pack
	if p == nil || len(p.unsynced) == 0 {
		c.mu.Unlock()
		return
	}
	parts, size := p.unsynced, p.size
	p.unsynced = nil
	c.mu.Unlock()
	err := r.syncFile(p)
	if err == nil {
		p.synced = size
		r.settled(parts)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	p.broken = true
	p.unsynced = append(parts, p.unsynced...)
	if c.pack == p {
		r.retire(c)
	}
}

func (r *Recorder) syncFile(p *pack) error {
	began := time.Now()
	err := p.file.Sync()
	r.stats.syncTime.Add(int64(time.Since(began)))
	if err != nil {
		r.stats.failures.Add(1)
		r.fail(err)
	}
	return err
}

// settled frees the parts' memory.
func (r *Recorder) settled(parts []*part) {
	for _, p := range parts {
		r.take(p.share, -int64(cap(p.payload)))
		p.settled()
	}
}

// settle makes durable all that stands in a pack that takes no more, elsewhere
// where it cannot be here. false: it is to be tried again.
func (r *Recorder) settle(p *pack) bool {
	if p.torn && !p.broken {
		if err := r.o.disk.truncate(p.path, p.size); err != nil {
			r.fail(err)
			return false
		}
		p.torn = false
	}
	if !p.broken {
		if r.syncFile(p) == nil {
			r.settled(p.unsynced)
			p.synced, p.unsynced = p.size, nil
			return true
		}
		p.broken = true
	}
	return r.move(p)
}

// move writes anew what a failed sync may have lost: nobody knows what the pages
// of the file hold.
func (r *Recorder) move(p *pack) bool {
	if p.size != p.synced {
		if err := r.o.disk.truncate(p.path, p.synced); err != nil {
			r.fail(err)
			return false
		}
		p.size = p.synced
		p.count -= len(p.unsynced)
	}
	for len(p.unsynced) > 0 {
		if err := r.append(p.unsynced[0].class, p.unsynced[0]); err != nil {
			return false
		}
		p.unsynced = p.unsynced[1:]
	}
	return true
}

// note notes the endings whose parts are all on disk, and returns the others.
func (r *Recorder) note(endings []ending) (waiting []ending) {
	for _, e := range endings {
		parts, until, durable := e.recorded()
		switch {
		case !durable:
			waiting = append(waiting, e)
		case e.kept != nil:
			e.kept <- parts
		default:
			e.end.Exchange, e.end.Recording, e.end.Until = e.exchange, parts, until
			e.end.Lost = e.lost || len(parts) < len(e.parts)
			if len(parts) < len(e.parts) {
				e.end.Tape = record.Hash{} // of what is not there
			}
			if len(parts) == 0 {
				e.end.Kept = ""
			}
			r.o.Log.Note(record.Entry{Time: e.at, End: &e.end})
			r.stats.exchanges.Add(1)
		}
	}
	return waiting
}

// recorded is what the log is to name, and when the first of it may be deleted.
func (e *ending) recorded() (parts []record.Part, until time.Time, durable bool) {
	for _, p := range e.parts {
		if p.payload != nil {
			return nil, time.Time{}, false
		}
		if p.lost {
			continue
		}
		parts = append(parts, p.Part)
		if until.IsZero() || p.expires.Before(until) {
			until = p.expires
		}
	}
	return parts, until, true
}
