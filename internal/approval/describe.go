package approval

import (
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/lease"
)

// Describe is a pending lease as the desk shows it, for who tells people that it
// waits; false: its credential is gone. The lease may be newer than its row, whose
// times are to the microsecond: Seen is the row's.
func (d *Desk) Describe(l lease.Lease) (Question, bool) {
	l.Created, l.Ends = l.Created.Truncate(time.Microsecond), l.Ends.Truncate(time.Microsecond)
	return d.show(l, access.Principal{})
}
