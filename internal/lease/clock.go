package lease

import (
	"sync/atomic"
	"time"
)

// clock is time that never goes back. It goes on with the monotonic reading, and
// leaps forward with the wall clock, which an operator can set and which alone
// knows how long the machine has slept; by how much the wall clock is set back
// makes no difference.
type clock struct {
	base time.Time
	ran  atomic.Int64 // the highest monotonic reading: nanoseconds since base
	skew atomic.Int64 // the highest wall reading less the monotonic one of the same time
}

// instant is a reading of the clock: nanoseconds since 1970.
type instant int64

// start begins with now, and not before floor.
func (c *clock) start(now, floor time.Time) {
	c.base = now
	from := now.UnixNano()
	if !floor.IsZero() {
		from = max(from, floor.UnixNano())
	}
	c.ran.Store(0)
	c.skew.Store(from)
}

// see takes note of now, and says how late it is.
func (c *clock) see(now time.Time) instant {
	ran := int64(now.Sub(c.base)) // by the wall, where now has no monotonic reading
	skew := raise(&c.skew, now.UnixNano()-ran)
	return instant(raise(&c.ran, ran) + skew)
}

func raise(high *atomic.Int64, to int64) int64 {
	for {
		was := high.Load()
		if to <= was {
			return was
		}
		if high.CompareAndSwap(was, to) {
			return to
		}
	}
}

func (i instant) add(d time.Duration) instant { return i + instant(d) }

func (i instant) time() time.Time { return time.Unix(0, int64(i)).UTC() }
