package grant

import (
	"sync"
	"time"
)

// nonces remembers which grants were opened, for as long as they would open.
// Two generations keep it bounded without a timer: a nonce is dropped only
// after every grant of its generation has ended.
type nonces struct {
	mu         sync.Mutex
	young, old map[[nonceSize]byte]struct{}
	youngEnds  time.Time // the latest end in young
	oldEnds    time.Time
}

// add reports whether n is new, and remembers it until ends.
func (s *nonces) add(n [nonceSize]byte, ends, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, seen := s.young[n]; seen {
		return false
	}
	if _, seen := s.old[n]; seen {
		return false
	}
	if s.young == nil || !now.Before(s.oldEnds) {
		s.old, s.oldEnds = s.young, s.youngEnds
		s.young, s.youngEnds = make(map[[nonceSize]byte]struct{}), time.Time{}
	}
	s.young[n] = struct{}{}
	if ends.After(s.youngEnds) {
		s.youngEnds = ends
	}
	return true
}
