package lease

import (
	"context"
	"time"
)

// Row is a lease as a Store keeps it.
type Row struct {
	Lease Lease // times to the microsecond, UTC
	MAC   [32]byte
}

// Store keeps rows. It does not judge them: that is the Keeper's. It must be
// safe for concurrent use. leasetest.TestStore is its contract.
//
// Each write gets a change number, larger than every one before it.
type Store interface {
	// Insert adds a row. A row with this id, or with this ticket (unless that
	// is zero), is ErrExists.
	Insert(ctx context.Context, r Row) error
	// Update replaces the row with r's id if it is in the state from. Another
	// state is ErrConflict, no row ErrUnknown.
	Update(ctx context.Context, r Row, from State) error
	// ByID and ByTicket find one row, or ErrUnknown. No row has a zero ticket.
	ByID(ctx context.Context, id string) (Row, error)
	ByTicket(ctx context.Context, ticket [32]byte) (Row, error)
	// Unended lists pending and active rows, and the latest change number.
	Unended(ctx context.Context) ([]Row, int64, error)
	// Changes lists rows written after the change number, and the latest one.
	Changes(ctx context.Context, after int64) ([]Row, int64, error)
	// List lists rows, the latest created first.
	List(ctx context.Context, f Filter) ([]Row, error)
	// Forget removes rows that ended before t.
	Forget(ctx context.Context, t time.Time) error
	// Mark remembers t as the latest time known; an earlier t changes nothing.
	Mark(ctx context.Context, t time.Time) error
	// Marked is the latest time known, zero if there is none.
	Marked(ctx context.Context) (time.Time, error)
}

// Filter says which leases are wanted. The zero value: the latest 100.
type Filter struct {
	Principal  string // empty: everyone's
	Credential string // empty: every one
	State      State  // as stored; 0: every one
	Limit      int    // 0: 100
}
