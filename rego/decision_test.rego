package cloakroom_test

import data.cloakroom

base := {
	"principal": {"id": "https://dex.example.com#a", "ticket": false},
	"target": {"host": "api.example.com", "method": "GET", "path": "/x"},
	"strict": false,
	"placeholders": [good],
	"operations": [],
}

good := {
	"text": "ckr_gh_00000000000000000000000000",
	"name": "gh",
	"kind": "named",
	"location": "header:authorization",
	"counts": true,
	"open": true,
	"permitted": true,
	"approval": false,
}

with_placeholder(change) := object.union(base, {"placeholders": [object.union(good, change)]})

idle(operations) := object.union(base, {"placeholders": [], "operations": operations})

test_allows_what_may_be_used if {
	cloakroom.decision == {"allowed": true} with input as base
}

test_denies_nothing_at_all if {
	answer := cloakroom.decision with input as {}
	answer.allowed == false
	answer.code == "unauthenticated"
}

test_denies_nobody if {
	answer := cloakroom.decision with input as object.remove(base, ["principal"])
	answer.allowed == false
	answer.code == "unauthenticated"
}

test_denies_without_a_target if {
	answer := cloakroom.decision with input as object.remove(base, ["target"])
	answer.allowed == false
	answer.code == "denied"
}

test_denies_each_unfit_placeholder if {
	cases := [
		{"change": {"kind": "unknown"}, "code": "unknown_placeholder"},
		{"change": {"kind": "ended"}, "code": "lease_expired"},
		{"change": {"open": false}, "code": "not_granted"},
		{"change": {"permitted": false}, "code": "not_granted"},
		{"change": {"approval": true}, "code": "approval_pending"},
	]
	every c in cases {
		answer := cloakroom.decision with input as with_placeholder(c.change)
		answer.allowed == false
		answer.code == c.code
		answer.placeholder == good.text
	}
}

test_asks_for_approval if {
	answer := cloakroom.decision with input as with_placeholder({"approval": true})
	answer.approval == true
}

test_a_ticket_was_approved_before if {
	cloakroom.decision.allowed with input as with_placeholder({"approval": true, "kind": "ticket"})
}

test_a_ticket_opens_its_own_credential_only if {
	answer := cloakroom.decision with input as object.union(base, {"principal": {"id": "a", "ticket": true}})
	answer.allowed == false
	answer.code == "not_granted"
}

test_inert_text_passes_unless_strict if {
	inert := object.union(good, {"counts": false, "kind": "unknown"})
	lax := object.union(base, {"placeholders": [good, inert]})
	cloakroom.decision.allowed with input as lax
	answer := cloakroom.decision with input as object.union(lax, {"strict": true})
	answer.allowed == false
	answer.code == "denied"
}

test_without_placeholder_needs_an_open_operation if {
	not cloakroom.decision.allowed with input as idle([])
	not cloakroom.decision.allowed with input as idle([{"open": false}])
	cloakroom.decision.allowed with input as idle([{"open": true}])
}

test_an_author_adds_denials if {
	answer := cloakroom.decision with input as base with data.cloakroom.author.deny as {"not today"}
	answer.allowed == false
	answer.reason == "not today"
}
