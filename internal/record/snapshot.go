package record

import (
	"context"
	"time"
)

// Snapshot is an index as it stands at one moment, row by row, for whoever
// compares it with the logs that it was made of. Nothing of it is believed.
type Snapshot interface {
	// Applied tells of each log how far it is applied. An index of one log does not
	// know which: "".
	Applied(ctx context.Context) (map[string]Position, error)
	// Rows hands over the rows made of a log's lines, until take returns an error.
	Rows(ctx context.Context, log string, take func(Row) error) error
	// Totals hands over what the index has of a log's sessions.
	Totals(ctx context.Context, log string, take func(Session) error) error
	// Touches hands over what the index has of what they were about.
	Touches(ctx context.Context, log string, take func(Touched) error) error
	Close() error
}

// Touched is what an index has of what a session was about.
type Touched struct {
	Principal, Session string
	Touch
	First, Last time.Time
}

// Row is what an index has of one line: a decision's, or an end's.
type Row struct {
	Table     string // for people
	Seq       uint64 // 0: the table does not say
	Exchange  string
	Principal string // these three of a decision
	Session   string
	Refused   bool
	Line      []byte // valid until take returns
}
