package record

import (
	"sync/atomic"
	"time"
)

// Stats are counters since Open, for metrics.
type Stats struct {
	Entries   uint64        // on disk
	Bytes     uint64        // on disk
	Commits   uint64        // group commits: one write and one fsync each
	SyncTime  time.Duration // spent in fsync, in all
	Failures  uint64        // commits that failed
	NotesLost uint64        // notes that were not written
}

// stats are the same while they are counted.
type stats struct {
	entries, bytes, commits, failures, notesLost atomic.Uint64
	syncTime                                     atomic.Int64
}

func (s *stats) lost(notes int) { s.notesLost.Add(uint64(notes)) }

// Stats returns the counters.
func (l *Log) Stats() Stats {
	return Stats{
		Entries:   l.stats.entries.Load(),
		Bytes:     l.stats.bytes.Load(),
		Commits:   l.stats.commits.Load(),
		SyncTime:  time.Duration(l.stats.syncTime.Load()),
		Failures:  l.stats.failures.Load(),
		NotesLost: l.stats.notesLost.Load(),
	}
}
