package checkpoint

import (
	"context"

	"golang.org/x/mod/sumdb/tlog"
)

// Witness keeps checkpoints where whoever can rewrite the log cannot rewrite
// them unseen.
type Witness interface {
	// Name tells it from others, for people too: a folder, a URL.
	Name() string
	// Add gives it a checkpoint, and returns what is to be kept of that: the
	// note, with its own signature if it makes one. last is what it has taken
	// before, as far as is known here; zero: nothing. ErrRewritten: it has taken
	// what the log does not continue.
	Add(ctx context.Context, c Signed, last Checkpoint, log History) ([]byte, error)
}

// History is what a log can say of itself.
type History interface {
	// Continues tells whether the log continues c: nil, or ErrRewritten.
	Continues(c Checkpoint) error
	// Prove proves that c continues its own first old entries.
	Prove(c Checkpoint, old int64) (tlog.TreeProof, error)
}

// Archive is a witness whose checkpoints can be read back.
type Archive interface {
	Witness
	// Logs are the ids of the logs that it has checkpoints of.
	Logs(ctx context.Context) ([]string, error)
	// Read hands over what it has of a log, in the order of its keeping, until
	// take returns an error. Nothing is verified. Nothing of that log is no error.
	Read(ctx context.Context, log string, take func(Kept) error) error
}

// Kept is what should be one note, and where it stands.
type Kept struct {
	File string // a path, or an object's name
	Byte int64  // in it
	Note []byte // valid until take returns
}
