package recording

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"time"
)

const (
	reserveMost  = 256 << 20
	reserveShare = 20 // a twentieth of a small disk
	// Where less is free than lowAt times the reserve, principals may record only the
	// reserve's lowShare-th part in a day: who records much stops before all do. Where
	// half of the packs wait that may, it is a waitingShare-th part of these.
	lowAt        = 4
	lowShare     = 4
	waitingShare = 64
)

// Ready tells why no exchange of the principal may begin now, for operators
// (ErrUnavailable; ErrShare, where others may); nil: one may. Of nobody's, "", it
// tells why none may. A recorder that is not strict is always ready.
func (r *Recorder) Ready(principal string) error {
	if !r.o.Strict {
		return nil
	}
	if err := r.failure.Load(); err != nil {
		return fmt.Errorf("%w: the last write failed: %w", ErrUnavailable, *err)
	}
	if err := r.scarce.Load(); err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, *err)
	}
	if n := r.memory.Load(); n > r.o.Memory {
		return fmt.Errorf("%w: %d bytes wait for the disk, and %d may", ErrUnavailable, n, r.o.Memory)
	}
	return r.readyFor(principal)
}

// fail remembers that the disk refused, until it works again.
func (r *Recorder) fail(err error) {
	if r.failure.Swap(&err) == nil {
		r.o.Logger.Error("recording: cannot be written", "dir", r.dir, "error", err)
	}
}

// watch looks at what may go wrong, and whether what went wrong is over.
func (r *Recorder) watch() {
	if r.failure.Load() != nil && r.probe() == nil {
		r.failure.Store(nil)
		r.o.Logger.Info("recording: can be written again", "dir", r.dir)
	}
	r.weigh()
	err := r.scarcity()
	if err == nil {
		if r.scarce.Swap(nil) != nil {
			r.o.Logger.Info("recording: there is room again", "dir", r.dir)
		}
		return
	}
	if r.scarce.Swap(&err) == nil {
		r.o.Logger.Error("recording: there is no room", "dir", r.dir, "error", err)
	}
}

// scarcity tells what there is too little or too much of.
func (r *Recorder) scarcity() error {
	free, all, err := r.o.disk.free(r.dir)
	if err != nil {
		return fmt.Errorf("asking how full the disk of %q is: %w", r.dir, err)
	}
	reserve := r.o.Reserve
	if reserve <= 0 {
		reserve = min(reserveMost, all/reserveShare)
	}
	r.low.Store(r.scarceShare(free, reserve))
	if need := reserve + r.memory.Load(); free < need {
		return fmt.Errorf("the disk of %q has %d bytes left, and %d are kept free", r.dir, free, need)
	}
	if n := r.waiting.Load(); n > r.o.Waiting {
		return fmt.Errorf("packs of %d bytes wait for the outside store, and %d may", n, r.o.Waiting)
	}
	return nil
}

// scarceShare is how many bytes a principal may record in a day, as little of the disk is
// free, or the outside store does not take what there is; 0: neither is so.
func (r *Recorder) scarceShare(free, reserve int64) (low int64) {
	if free < lowAt*reserve {
		low = reserve / lowShare
	}
	if most := r.o.Waiting / waitingShare; r.waiting.Load() > r.o.Waiting/2 && (low == 0 || most < low) {
		low = most
	}
	return low
}

// probe tells whether the disk takes a write and a sync again.
func (r *Recorder) probe() error {
	return writeWhole(r.o.disk, filepath.Join(r.dir, "probe"), make([]byte, 4<<10))
}

// writeOld writes what grew old on tapes on which nothing happens.
func (r *Recorder) writeOld() {
	r.mu.Lock()
	writers := slices.Collect(maps.Keys(r.tapes))
	r.mu.Unlock()
	now := r.o.Now()
	for _, w := range writers {
		w.writeOld(now)
	}
}

func (w *writer) writeOld(now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.r != nil {
		_ = w.flush(now, false) // the next Flush tells
	}
}

// retireAll closes the open packs that were created before then.
func (r *Recorder) retireAll(then time.Time) {
	r.mu.Lock()
	classes := slices.Collect(maps.Values(r.classes))
	r.mu.Unlock()
	for _, c := range classes {
		c.mu.Lock()
		if c.pack != nil && c.pack.header.Created.Before(then) {
			r.retire(c)
		}
		c.mu.Unlock()
	}
}
