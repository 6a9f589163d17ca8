package recording

import (
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// memoryShare is which part of the memory of all tapes those of one principal
	// may take.
	memoryShare = 4
	// cutAt is at how many times its share what a principal has under way is cut.
	cutAt = 2
	day   = 24 * time.Hour
)

// share is what one principal takes of the recorder, so that the others go on
// whatever it does.
type share struct {
	memory atomic.Int64 // bytes of its tapes that are not on disk yet
	tapes  int          // that have not ended; guarded by the recorder's mu

	mu     sync.Mutex // guards the fields below
	recent float64    // bytes of its recordings, each of which fades: after a day 1/e of it counts
	at     time.Time  // when it was so many
}

// wrote counts bytes of recordings.
func (s *share) wrote(n int64, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.recent, s.at = s.faded(now)+float64(n), now
}

// faded is recent as of now. A clock that was set back changes nothing.
func (s *share) faded(now time.Time) float64 {
	return s.recent * math.Exp(-float64(max(0, now.Sub(s.at)))/float64(day))
}

// lastDay is how many bytes were recorded in about the last day.
func (s *share) lastDay(now time.Time) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return int64(s.faded(now))
}

// idle tells whether nothing was recorded for a day.
func (s *share) idle(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tapes == 0 && s.memory.Load() == 0 && now.Sub(s.at) > day
}

// take takes bytes of memory for a share, or gives them back.
func (r *Recorder) take(s *share, n int64) {
	r.memory.Add(n)
	s.memory.Add(n)
}

// share returns the principal's, with one tape more; nobody's, where there is no
// issuer, is the house's. r.mu is held.
func (r *Recorder) share(principal string) *share {
	s := r.shares[principal]
	if principal == "" {
		s = &r.house
	}
	if s == nil {
		s = &share{at: r.o.Now()}
		r.shares[principal] = s
	}
	s.tapes++
	return s
}

// daily is how many bytes a principal may record in about a day; 0: any number.
func (r *Recorder) daily() int64 {
	most := r.o.PerPrincipal
	if low := r.low.Load(); low > 0 && (most == 0 || low < most) {
		return low
	}
	return most
}

// over tells why a principal takes more than so many times its share; nil: it does
// not. The house has all that there is.
func (r *Recorder) over(s *share, times int64) error {
	if s == &r.house {
		return nil
	}
	if n, most := s.memory.Load(), r.o.Memory/memoryShare; n > times*most {
		return fmt.Errorf("%w: %d bytes of one principal's recordings wait, and %d may", ErrShare, n, most)
	}
	most := r.daily()
	if most == 0 {
		return nil
	}
	if n := s.lastDay(r.o.Now()); n > times*most {
		return fmt.Errorf("%w: one principal recorded %d bytes in a day, and may record %d", ErrShare, n, most)
	}
	return nil
}

// readyFor tells why a principal may begin nothing now; nil: it may, as may nobody.
func (r *Recorder) readyFor(principal string) error {
	r.mu.Lock()
	s := r.shares[principal]
	r.mu.Unlock()
	if s == nil {
		return nil
	}
	return r.over(s, 1)
}

// OverShare counts the principals that have used up their share now. It looks at each of
// them, while nothing begins.
func (r *Recorder) OverShare() (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.shares {
		if errors.Is(r.over(s, 1), ErrShare) {
			n++
		}
	}
	return n
}

// forgetIdle forgets the principals that recorded nothing for a day.
func (r *Recorder) forgetIdle() {
	now := r.o.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	for principal, s := range r.shares {
		if s.idle(now) {
			delete(r.shares, principal)
		}
	}
}
