package main

import (
	"strings"
	"testing"
	"time"

	"cloakroom/internal/approval"
)

// TestQuestionOfElsewhere prints what a service sends that does not clean its
// texts: a terminal obeys none of it.
func TestQuestionOfElsewhere(t *testing.T) {
	const evil = "\x1b[2Jx\ry\n\u202ez"
	q := approval.Question{ID: evil, Credential: evil, Tier: evil, Description: evil, Principal: evil, Person: evil, Groups: []string{evil}, Session: evil,
		Reason: evil, Scopes: []string{evil}, Rules: []approval.Rule{{Hosts: []string{evil}}}, Given: []approval.Given{{Name: evil, Scope: evil}}}
	q.Operation.Method, q.Operation.Path = evil, evil
	var out strings.Builder
	if err := printQuestion(&out, q, time.Now()); err != nil {
		t.Fatal(err)
	}
	listed := shownFrom(q)
	for _, text := range []string{out.String(), listed.ID, listed.Reason, listed.Principal, listed.Answers[0].Name} {
		if strings.ContainsAny(text, "\x1b\r\u202e") {
			t.Errorf("it prints %q", text)
		}
	}
}
