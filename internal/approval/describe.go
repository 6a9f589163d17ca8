package approval

import (
	"cloakroom/internal/access"
	"cloakroom/internal/lease"
)

// Describe is a pending lease as the desk shows it, for who tells people that it
// waits; false: its credential is gone.
func (d *Desk) Describe(l lease.Lease) (Question, bool) { return d.show(l, access.Principal{}) }
