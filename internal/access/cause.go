package access

import (
	"maps"
	"slices"
)

// Cause says in one word, for whoever reads the log, what a request was refused for:
// finer than a Code, and the same however the reason is worded. The empty one is of a
// request that was let go.
type Cause string

// The causes. First those that lie in the request, the rules and the policy.
const (
	CauseRoute              Cause = "route"         // no upstream serves route and path
	CausePolicy             Cause = "policy"        // the policy's answer, with a code of its own
	CausePolicyFailed       Cause = "policy_failed" // the policy did not answer, or not what can be done
	CausePolicyGrant        Cause = "policy_grant"
	CauseUnknownPlaceholder Cause = "unknown_placeholder"
	CauseGroups             Cause = "groups"
	CauseOperation          Cause = "operation"
	CauseTicketAlone        Cause = "ticket_alone" // a ticket came with another credential's named placeholder
	CauseManyPlaceholders   Cause = "many_placeholders"
	CauseManyTickets        Cause = "many_tickets"
	CauseBody               Cause = "body" // is not what its head says, or not read here; with a code of its own
	CauseSession            Cause = "session"
	CauseOverriding         Cause = "overriding" // a header by which a backend takes another operation than the one that was judged
	CauseNothingToApprove   Cause = "nothing_to_approve"
	CauseUnverified         Cause = "unverified" // people cannot be asked for who may be one of them
	CauseUnapproved         Cause = "unapproved" // a ticket of which too few people approved
	CauseHolderAbsent       Cause = "holder_absent"
	CauseToken              Cause = "token"
	CauseNoIdentity         Cause = "no_identity"
)

// Those that lie in how leases stood.
const (
	CauseLeaseEnded      Cause = "lease_ended"
	CauseLeaseRevoked    Cause = "lease_revoked"
	CauseLeaseSpent      Cause = "lease_spent"
	CauseBarred          Cause = "barred"
	CauseApprovalPending Cause = "approval_pending"
	CauseApprovalDenied  Cause = "approval_denied"
)

// Those that lie in the moment, or in whose tickets were sent.
const (
	CauseManyLeases    Cause = "many_leases"
	CauseManyRequests  Cause = "many_requests" // in a minute
	CauseTokenExpired  Cause = "token_expired" // while people were asked
	CauseGivenUp       Cause = "given_up"      // while people were asked
	CauseRulesChanged  Cause = "rules_changed" // while people were asked
	CauseTwoIdentities Cause = "two_identities"
	CauseStolen        Cause = "stolen" // another's ticket that is bound to its holder
	CauseScope         Cause = "scope"  // the lease is good for another operation
	CauseLeases        Cause = "leases" // could not be read, opened or counted
	CauseUnrecorded    Cause = "unrecorded"
	CauseUnlogged      Cause = "unlogged"
	CauseInternal      Cause = "internal"
)

// causes has the code that each cause is refused with, if it has none of its own.
var causes = map[Cause]Code{
	CauseRoute: Denied, CausePolicy: Denied, CausePolicyFailed: Unavailable, CausePolicyGrant: NotGranted,
	CauseUnknownPlaceholder: UnknownPlaceholder, CauseGroups: NotGranted, CauseOperation: NotGranted, CauseTicketAlone: NotGranted,
	CauseManyPlaceholders: TooLarge, CauseManyTickets: TooLarge, CauseBody: Denied, CauseSession: Denied, CauseOverriding: Denied,
	CauseNothingToApprove: ApprovalPending, CauseUnverified: NotGranted, CauseUnapproved: NotGranted,
	CauseHolderAbsent: Unauthenticated, CauseToken: Unauthenticated, CauseNoIdentity: Unauthenticated,

	CauseLeaseEnded: LeaseExpired, CauseLeaseRevoked: LeaseExpired, CauseLeaseSpent: LeaseExpired, CauseBarred: LeaseExpired,
	CauseApprovalPending: ApprovalPending, CauseApprovalDenied: ApprovalDenied,

	CauseManyLeases: Denied, CauseManyRequests: Denied, CauseTokenExpired: Unauthenticated,
	CauseGivenUp: Unavailable, CauseRulesChanged: Unavailable, CauseTwoIdentities: Unauthenticated, CauseStolen: NotGranted,
	CauseScope: NotGranted, CauseLeases: Unavailable, CauseUnrecorded: Unavailable, CauseUnlogged: Unavailable, CauseInternal: Unavailable,
}

// Code is what a request is refused with for this cause; of one that is not known,
// Denied.
func (c Cause) Code() Code {
	if code, known := causes[c]; known {
		return code
	}
	return Denied
}

// Causes are all, sorted.
func Causes() []Cause { return slices.Sorted(maps.Keys(causes)) }
