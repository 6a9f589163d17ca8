package whatif

import (
	"cloakroom/internal/access"
	"cloakroom/internal/record"
)

// unknowable says what the log lacks of a decision to make it again; empty: nothing.
func unknowable(d *record.Decision) string {
	switch {
	case d.Issuer != "" && d.Outcome == access.Allow && len(d.Uses) > 0 && len(d.Groups) == 0:
		return "the groups of its principal are not in the log"
	case d.GroupsCut():
		return "its principal may be in more groups than the log keeps"
	case d.Outcome != access.Allow && causes[d.Cause] == nowhere:
		return "what it was refused for is not in the log, or not known to this version"
	case d.UsesCut > 0 || d.SeenCut > 0:
		return "it held more placeholders than the log keeps"
	}
	return ""
}

// lies says in what a refusal lies.
type lies int

const (
	nowhere     lies = iota // that is known here
	inRules                 // in the request, the rules, the policy, or in how leases stood, which is the past here too
	inTheMoment             // in what rules say nothing of: how much there was, what failed, or whose tickets they were
)

var causes = map[access.Cause]lies{
	access.CauseRoute: inRules, access.CausePolicy: inRules, access.CausePolicyFailed: inRules, access.CausePolicyGrant: inRules,
	access.CauseUnknownPlaceholder: inRules, access.CauseGroups: inRules, access.CauseOperation: inRules, access.CauseTicketAlone: inRules,
	access.CauseManyPlaceholders: inRules, access.CauseManyTickets: inRules, access.CauseBody: inRules, access.CauseSession: inRules,
	access.CauseOverriding: inRules, access.CauseNothingToApprove: inRules, access.CauseUnverified: inRules, access.CauseUnapproved: inRules,
	access.CauseHolderAbsent: inRules, access.CauseToken: inRules, access.CauseNoIdentity: inRules,
	access.CauseLeaseEnded: inRules, access.CauseLeaseRevoked: inRules, access.CauseLeaseSpent: inRules, access.CauseBarred: inRules,
	access.CauseApprovalPending: inRules, access.CauseApprovalDenied: inRules,

	access.CauseManyLeases: inTheMoment, access.CauseManyRequests: inTheMoment, access.CauseTokenExpired: inTheMoment,
	access.CauseGivenUp: inTheMoment, access.CauseRulesChanged: inTheMoment, access.CauseTwoIdentities: inTheMoment,
	access.CauseStolen: inTheMoment, access.CauseScope: inTheMoment, access.CauseLeases: inTheMoment,
	access.CauseUnrecorded: inTheMoment, access.CauseUnlogged: inTheMoment, access.CauseInternal: inTheMoment,
}

// circumstance tells whether a request was refused for what rules say nothing of.
func circumstance(d *record.Decision) bool { return causes[d.Cause] == inTheMoment }

// ended tells whether a request was refused because a lease was over.
func ended(d *record.Decision) bool {
	switch d.Cause {
	case access.CauseLeaseEnded, access.CauseLeaseRevoked, access.CauseLeaseSpent, access.CauseBarred:
		return true
	}
	return false
}
