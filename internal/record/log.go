package record

import (
	"context"
	"log/slog"
	"time"

	"cloakroom/internal/access"
)

// Options are what a Log may be told; the zero value is good.
type Options struct {
	// SegmentBytes is the size past which a new segment begins; 0: 64 MiB.
	SegmentBytes int64
	// Queue is how many entries may wait for a commit, Appends and Notes each;
	// 0: 8192.
	Queue int
	// Logger hears of recovery and failures; nil: slog.Default.
	Logger *slog.Logger
	// Now is the clock; nil: time.Now.
	Now func() time.Time
}

// Log is a log that is open for writing. It is safe for concurrent use.
type Log struct{}

// Open opens the log in dir for writing, and makes it if there is none. A last
// line that a crash tore is cut off and kept aside; a broken chain is an error.
func Open(dir string, mask Masker, o Options) (*Log, error) { panic("not yet") }

// Append writes e and returns when it is on disk. An error says that it may
// not be: nothing that depends on the entry may happen then. If ctx ends first
// the entry may still be written.
func (l *Log) Append(ctx context.Context, e Entry) error { panic("not yet") }

// Note writes e with the next commit and does not wait for it. If too many
// wait it blocks for a short time, then gives up and counts (Stats.NotesLost).
func (l *Log) Note(e Entry) { panic("not yet") }

// CountRefusal counts a refusal of a caller without an identity. Counts are
// written together, at most one entry a second. source is the caller's address
// without its port.
func (l *Log) CountRefusal(code access.Code, source string) { panic("not yet") }

// Close writes what waits, and releases the directory.
func (l *Log) Close() error { panic("not yet") }

// Err says why the log cannot be written; nil: it can.
func (l *Log) Err() error { panic("not yet") }

// Durable is the position behind the last entry on disk.
func (l *Log) Durable() Position { panic("not yet") }

// Stats are counters since Open, for metrics.
type Stats struct {
	Entries   uint64        // on disk
	Bytes     uint64        // on disk
	Commits   uint64        // group commits: one write and one fsync each
	SyncTime  time.Duration // spent in fsync, in all
	Failures  uint64        // commits that failed
	NotesLost uint64        // notes that were not written
}

// Stats returns the counters.
func (l *Log) Stats() Stats { panic("not yet") }
