package recording

import (
	"sync/atomic"
	"time"
)

// Stats are counters since Open, and levels, for metrics.
type Stats struct {
	Exchanges uint64        // ended, and noted in the log
	Parts     uint64        // written
	Bytes     uint64        // written, sealed
	Lost      uint64        // parts that could not be written
	Failures  uint64        // writes and syncs that failed
	SyncTime  time.Duration // spent in fsync, in all
	Shipped   uint64        // packs that the outside store has
	Refused   uint64        // times that the outside store did not take a pack
	Pruned    uint64        // packs whose time was over
	Tapes     int           // now
	Memory    int64         // bytes that are not on disk now
	Waiting   int64         // bytes of packs that wait for the outside store now
	Stuck     int64         // packs of these that it did not take when they were last tried
}

// counters are the same while they are counted.
type counters struct {
	exchanges, parts, bytes, lost, failures, shipped, refused, pruned atomic.Uint64
	syncTime                                                          atomic.Int64
}

// Stats returns what there is to count.
func (r *Recorder) Stats() Stats {
	r.mu.Lock()
	tapes := len(r.tapes)
	r.mu.Unlock()
	return Stats{
		Exchanges: r.stats.exchanges.Load(),
		Parts:     r.stats.parts.Load(),
		Bytes:     r.stats.bytes.Load(),
		Lost:      r.stats.lost.Load(),
		Failures:  r.stats.failures.Load(),
		SyncTime:  time.Duration(r.stats.syncTime.Load()),
		Shipped:   r.stats.shipped.Load(),
		Refused:   r.stats.refused.Load(),
		Pruned:    r.stats.pruned.Load(),
		Tapes:     tapes,
		Memory:    r.memory.Load(),
		Waiting:   r.waiting.Load(),
		Stuck:     r.stuck.Load(),
	}
}
