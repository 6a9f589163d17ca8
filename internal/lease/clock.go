package lease

import (
	"sync/atomic"
	"time"
)

// clock is time that never goes back. It keeps two readings apart: the wall
// clock's, which an operator can set, and the monotonic one, which stands
// still while the machine sleeps. A lease is over when either says so. A wall
// clock that was set back is taken to go on from where it was.
type clock struct {
	base  time.Time
	floor int64 // the wall reading at the base
	high  struct{ mono, wall atomic.Int64 }
}

// instant is a reading: nanoseconds since the clock's base (mono; taken from
// the wall where a time has no monotonic reading) and since 1970 (wall).
type instant struct{ mono, wall int64 }

// start begins with now; the wall reading is at least floor.
func (c *clock) start(now, floor time.Time) {
	c.base, c.floor = now, now.UnixNano()
	if !floor.IsZero() {
		c.floor = max(c.floor, floor.UnixNano())
	}
	c.high.wall.Store(c.floor)
}

// see takes note of now, and returns the highest readings there were.
func (c *clock) see(now time.Time) instant {
	mono := raise(&c.high.mono, int64(now.Sub(c.base)))
	return instant{mono, raise(&c.high.wall, max(now.UnixNano(), c.floor+mono))}
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

func (i instant) add(d time.Duration) instant {
	return instant{i.mono + int64(d), i.wall + int64(d)}
}

// before tells whether both readings are before end's.
func (i instant) before(end instant) bool { return i.mono < end.mono && i.wall < end.wall }

// time is the wall reading.
func (i instant) time() time.Time { return time.Unix(0, i.wall).UTC() }
