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

// leaseChanged writes down what became of a lease that people have to do with:
// one that they approve, that has a ticket, or that was revoked. Another
// replica writes down its own; what a command did, whoever hears of it.
func (s *service) leaseChanged(l lease.Lease, here bool) {
	s.notices.changed(l, here)
	if !here && !strings.HasPrefix(l.EndedBy, "cli:") {
		return
	}
	if l.Terms.Needs == 0 && l.Ticketless() && l.Ending != lease.Revoked || l.State == lease.Active && l.Terms.Needs == 0 {
		return
	}
	s.log.Note(record.Entry{Time: time.Now(), Lease: record.OfLease(l, l.EndedBy)})
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
