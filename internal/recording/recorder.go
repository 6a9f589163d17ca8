package recording

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"cloakroom/internal/record"
)

// Log is what a Recorder needs of the log. *record.Log is one.
type Log interface {
	Note(e record.Entry)
	Append(ctx context.Context, e record.Entry) error
	Durable() record.Position
	ID() string
}

// Options say how a Recorder works. Dir, Key and Log are required.
type Options struct {
	Dir    string   // the log's directory; packs stand in its folder "packs"
	Key    [32]byte // the recording key: it wraps each pack's own
	Log    Log      // outlives the Recorder
	Strict bool     // no record, no exchange; false: what cannot be written is counted
	// Named tells whether a text is exactly the named placeholder of an existing
	// credential, which stays as it is. Every other is marked as a ticket; nil:
	// all are. It is called by many goroutines.
	Named func(text string) bool
	// Store is the URL of the bucket that closed packs go to (s3, gs, azblob,
	// file, mem); empty: they stay in Dir.
	Store string

	Reserve   int64         // bytes of the disk that stay free; 0: 256 MiB, or a twentieth of a small disk
	Memory    int64         // bytes of all tapes that are not on disk yet; 0: 256 MiB
	Waiting   int64         // bytes of closed packs that may wait for the outside store; 0: 4 GiB
	PackBytes int64         // size at which a pack is closed; 0: 64 MiB
	PackAge   time.Duration // age at which a pack is closed; 0: an hour
	Logger    *slog.Logger  // nil: slog.Default
	Now       func() time.Time
}

// Recorder records exchanges: it is Tapes and Reader. It is safe for concurrent
// use.
type Recorder struct {
	o Options
}

// Open begins to record in o.Dir. Exchanges that an earlier process did not end
// are ended in the log, with what is recorded of them.
func Open(ctx context.Context, o Options) (*Recorder, error) {
	if o.Dir == "" || o.Log == nil || o.Key == [32]byte{} {
		return nil, errors.New("opening the recorder: a directory, a log and a key are required")
	}
	return &Recorder{o: o}, nil
}

// Ready tells why no exchange may begin now, for operators (ErrUnavailable);
// nil: one may. A recorder that is not strict is always ready.
func (r *Recorder) Ready() error { return ErrUnavailable }

// Begin begins the tape of an exchange.
func (r *Recorder) Begin(exchange string, began time.Time, rule Rule) Tape { return nil }

// Read reads the recording that parts name, from local packs and the outside
// store.
func (r *Recorder) Read(ctx context.Context, exchange string, parts []record.Part) (Transcript, error) {
	return Transcript{}, ErrUnavailable
}

// Keep keeps data, for ever, and returns when it is on disk; the log is to name
// the parts.
func (r *Recorder) Keep(ctx context.Context, data []byte) ([]record.Part, error) {
	return nil, ErrUnavailable
}

// Blob reads what Keep kept.
func (r *Recorder) Blob(ctx context.Context, parts []record.Part) ([]byte, error) {
	return nil, ErrUnavailable
}

// Close writes what waits and closes the packs. Tapes that have not ended are
// ended by the next Open.
func (r *Recorder) Close() error { return nil }

// Stats returns what there is to count.
func (r *Recorder) Stats() Stats { return Stats{} }

// Stats are counters since Open, and levels, for metrics.
type Stats struct {
	Exchanges uint64        // ended and noted in the log
	Parts     uint64        // written
	Bytes     uint64        // written, sealed
	Lost      uint64        // parts that could not be written
	Failures  uint64        // writes and syncs that failed
	SyncTime  time.Duration // spent in fsync, in all
	Shipped   uint64        // packs that the outside store has
	Pruned    uint64        // packs whose time was over
	Tapes     int64         // now
	Memory    int64         // bytes that are not on disk now
	Waiting   int64         // bytes of packs that wait for the outside store now
}

// OpenReader reads packs without recording, also while a service records in dir,
// the log's directory. store is as in Options.
func OpenReader(ctx context.Context, dir string, key [32]byte, store string) (*Packs, error) {
	return &Packs{}, nil
}

// Packs reads recordings: it is a Reader.
type Packs struct{}

// Read reads the recording that parts name.
func (p *Packs) Read(ctx context.Context, exchange string, parts []record.Part) (Transcript, error) {
	return Transcript{}, ErrUnavailable
}

// Blob reads what Recorder.Keep kept.
func (p *Packs) Blob(ctx context.Context, parts []record.Part) ([]byte, error) {
	return nil, ErrUnavailable
}

// Close releases what is open.
func (p *Packs) Close() error { return nil }

// TokenMark is what stands in a recording for a token: "[token HEX]", with 16 hex
// digits of a keyed hash, so that who has the recording key can still search for it.
func TokenMark(key [32]byte, token string) string { return "" }

// Found is a part that a pack holds, as it stands there.
type Found struct {
	Part     record.Part
	Exchange string // or the id of what Keep kept
}

// Scan lists what stands in the pack in the file path, in order, without a key,
// and calls found for each part. An error says where the file is not a pack.
func Scan(path string, found func(Found) error) error { return ErrUnavailable }

// Files lists the local packs below dir, the log's directory: path by pack id.
func Files(dir string) (map[string]string, error) { return nil, ErrUnavailable }
