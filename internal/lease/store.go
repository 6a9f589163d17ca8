package lease

import (
	"context"
	"errors"
	"time"
)

// Errors of a Store, to be told apart with errors.Is.
var (
	ErrUnknown = errors.New("no such lease")
	ErrExists  = errors.New("the lease exists")
	// ErrTooMany means that the principal, or everyone together, holds as many
	// leases as can be.
	ErrTooMany = errors.New("too many leases at once")
)

// Row is a lease as a Store keeps it. A Store finds rows by the columns, and
// reads neither Body nor MAC. Times are to the microsecond, UTC.
type Row struct {
	ID, Principal, Credential string
	Ticket                    Digest // zero: none; else no two rows have it
	Question                  Digest // see Insert; of a row that is ended, what Filter.Question finds it by
	State                     State
	Open                      bool // counts among those that its principal holds at once
	Created, Ends, Ended      time.Time
	Body                      []byte
	MAC                       [32]byte
	Change                    int64 // number of the write that made it
}

// BarRow is a Bar as a Store keeps it.
type BarRow struct {
	ID   string
	Body []byte
	MAC  [32]byte
}

// Store keeps rows. It does not judge them: that is the Keeper's. It must be
// safe for concurrent use, by several processes too. leasetest.TestStore is its
// contract.
//
// Each write of a row or a bar gets a change number, larger than every one
// before it; who has seen a number has seen all that have smaller ones.
type Store interface {
	// Insert adds a row, and returns its change number. In one step with it: a
	// row with this id or ticket, or a pending one with this question whose Ends
	// is after r.Created, is ErrExists (but a row that is not pending asks no
	// question); atOnce (unless 0) open rows of this principal and credential
	// whose Ends is after r.Created are ErrTooMany.
	Insert(ctx context.Context, r Row, atOnce int) (int64, error)
	// Update replaces the row with r.ID if its change number still is r.Change,
	// and returns the new one. Another number is ErrConflict, no row ErrUnknown.
	Update(ctx context.Context, r Row) (int64, error)
	// ByID and ByTicket find one row, or ErrUnknown. No row has a zero ticket.
	ByID(ctx context.Context, id string) (Row, error)
	ByTicket(ctx context.Context, ticket Digest) (Row, error)
	// ByQuestion finds the pending row with this question that was created last,
	// or ErrUnknown.
	ByQuestion(ctx context.Context, question Digest) (Row, error)
	// Unended lists pending and active rows, and the latest change number.
	Unended(ctx context.Context) ([]Row, int64, error)
	// Changes lists rows written after the change number, in the order of theirs,
	// and the latest one; where there are more than most, so many, and the last
	// one's number.
	Changes(ctx context.Context, after int64, most int) ([]Row, int64, error)
	// List lists rows, the latest created first.
	List(ctx context.Context, f Filter) ([]Row, error)
	// PutBar adds a bar, DropBar removes one (none: ErrUnknown), Bars lists them.
	PutBar(ctx context.Context, b BarRow) error
	DropBar(ctx context.Context, id string) error
	Bars(ctx context.Context) ([]BarRow, error)
	// Tally counts one more request under the lease in this minute (minutes
	// since 1970) and returns how many there were in it. What it counts may be
	// lost in a crash; counts of earlier minutes are forgotten.
	Tally(ctx context.Context, lease string, minute int64) (int, error)
	// Forget removes rows that ended before t, and what was counted for them.
	Forget(ctx context.Context, t time.Time) error
	// Mark remembers t as the latest time known; an earlier t changes nothing.
	Mark(ctx context.Context, t time.Time) error
	// Marked is the latest time known, zero if there is none.
	Marked(ctx context.Context) (time.Time, error)
	// Watch calls changed whenever another process may have written, as far as
	// the store can tell, until ctx ends. A store that cannot tell only waits:
	// callers ask for Changes now and then all the same.
	Watch(ctx context.Context, changed func())
}

// Filter says which leases are wanted. The zero value: the latest 100.
type Filter struct {
	Principal  string    // empty: everyone's
	Credential string    // empty: every one
	State      State     // as stored; 0: every one
	Over       time.Time // only rows not stored as ended whose Ends is not after it; zero: every one
	Open       bool      // only rows that are open
	Question   Digest    // only ended rows that have it; zero: every row
	Limit      int       // 0: 100
}
