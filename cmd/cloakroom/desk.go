package main

import (
	"strings"
	"time"

	"cloakroom/internal/approval"
	"cloakroom/internal/inventory"
	"cloakroom/internal/lease"
	"cloakroom/internal/metrics"
	"cloakroom/internal/record"
)

// openDesk makes the desk at which people answer, by the rules in force.
func (s *service) openDesk() (*approval.Desk, error) {
	return approval.New(approval.Deps{
		Inventory: func() *inventory.Set { return s.rules.Load().set },
		Groups:    func() approval.Groups { return adminGroups(s.rules.Load().config) },
		Leases:    s.keeper, Log: s.log, Now: time.Now, Told: func(a approval.Answered) { s.notices.answered(a) },
	})
}

// leaseChanged writes down what became of a lease. Another replica writes down its
// own; what a command did, whoever hears of it.
func (s *service) leaseChanged(l lease.Lease, here bool) {
	s.notices.changed(l, here)
	if (here || strings.HasPrefix(l.EndedBy, "cli:")) && !known(l) {
		s.log.Note(record.Entry{Time: time.Now(), Lease: record.OfLease(l, l.EndedBy)})
	}
}

// known tells whether the log has it already, or will: that a lease began which nobody
// approved, see leaseLog; or that one without a ticket ends at the time that was told
// when it began.
func known(l lease.Lease) bool {
	switch {
	case l.Terms.Needs > 0:
		return false
	case l.State == lease.Active:
		return l.Extended == 0
	}
	return l.Ticketless() && l.Ending == lease.Expired
}

// observer counts what a decider sees, and raises its alarms.
type observer struct {
	*metrics.Metrics
	s *service
}

// Stolen is told of a ticket in the wrong hands.
func (o observer) Stolen(id, principal string) {
	o.Metrics.Stolen()
	o.s.notices.stolen(id, principal)
	o.s.logger.Error("a ticket was sent by another than its holder", "lease", id, "principal", principal)
}
