# METADATA
# title: Cloakroom's built-in policy
# description: >-
#   Serves the inventory. A request goes if its caller is known, its destination
#   is declared, every placeholder that counts may be used by this caller, for
#   this operation, at the place where it stands, and, where no placeholder
#   counts, some credential of the caller's permits the operation. An author
#   adds refusals as data.cloakroom.author.deny, a set of reasons.
package cloakroom

# METADATA
# title: The answer
# description: What internal/decide is told; of several faults the one with the lowest rank.
# entrypoint: true
default decision := {
	"allowed": false,
	"code": "denied",
	"reason": "the built-in policy could not judge this request",
}

decision := {"allowed": true} if count(faults) == 0

decision := answer if {
	[_, code, placeholder, credential, reason] := min(faults)
	answer := {
		"allowed": false,
		"approval": code == "approval_pending",
		"code": code,
		"placeholder": placeholder,
		"credential": credential,
		"reason": reason,
	}
}

# METADATA
# title: Everything that stands in the way
# description: Each as [rank, code, placeholder, credential, reason].
# scope: document
faults contains [1, "unauthenticated", "", "", "no identity: send a bearer token of a trusted issuer, or a ticket"] if {
	not input.principal
}

faults contains [2, "denied", "", "", "no declared upstream serves this route and path; see the upstreams of the configuration"] if {
	not input.target
}

faults contains fault(placeholder) if {
	some placeholder in input.placeholders
	placeholder.counts
}

faults contains [7, "denied", placeholder.text, placeholder.name, reason] if {
	input.strict == true
	some placeholder in input.placeholders
	not placeholder.counts
	reason := sprintf("a placeholder stands at %s, where none is replaced; take it out, or send it at a location of its rule", [placeholder.location])
}

faults contains [8, "denied", "", "", reason] if {
	not any_counts
	not any_open
	reason := idle_reason
}

faults contains [9, "denied", "", "", reason] if {
	some found in data.cloakroom.author.deny
	reason := sprintf("%v", [found])
}

any_counts if {
	some placeholder in input.placeholders
	placeholder.counts
}

any_open if {
	some operation in input.operations
	operation.open
}

default idle_reason := "no rule of the inventory permits this operation"

idle_reason := "the credentials that permit this operation are for other groups; ask for membership, or for another credential" if {
	count(input.operations) > 0
}

# fault is what is wrong with a placeholder that counts; undefined: nothing. That
# people must approve has the highest rank: they are asked only about what
# nothing else stands in the way of.
fault(p) := [3, "unknown_placeholder", p.text, p.name, "this placeholder is not in the inventory; GET /.well-known/cloakroom lists those you may use"] if {
	p.kind == "unknown"
} else := [3, "lease_expired", p.text, p.name, "the lease of this ticket has ended; ask for a new ticket"] if {
	p.kind == "ended"
} else := [3, "not_granted", p.text, p.name, "a ticket vouches for its own credential only; send a bearer token too"] if {
	p.kind == "named"
	input.principal.ticket
} else := [4, "not_granted", p.text, p.name, sprintf("credential %s is for other groups; GET /.well-known/cloakroom lists those you may use", [p.name])] if {
	not p.open
} else := [5, "not_granted", p.text, p.name, sprintf("credential %s does not permit this operation with the placeholder at %s; GET /.well-known/cloakroom lists what it permits, and where", [p.name, p.location])] if {
	not p.permitted
} else := [10, "approval_pending", p.text, p.name, sprintf("credential %s needs a person's approval", [p.name])] if {
	p.approval
	p.kind != "ticket"
}
