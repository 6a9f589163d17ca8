package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"cloakroom/internal/config"
	"cloakroom/internal/lease"
	"cloakroom/internal/notify"
)

// TestEveryEventHasAName: what a webhook can be told of is what the configuration
// takes.
func TestEveryEventHasAName(t *testing.T) {
	text := "policy: {dir: .}\nwebhooks: [{name: a, url: \"https://a.test/\", form: slack, events: ["
	for _, kind := range notify.Types {
		text += string(kind) + ","
	}
	file := filepath.Join(t.TempDir(), "cloakroom.yaml")
	if err := os.WriteFile(file, []byte(text+"]}, {name: b, url: \"https://b.test/\", form: slack}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, _, err := config.Load(file, os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	all := cfg.Resolved(nil).Webhooks
	if len(all[0].Events) != len(notify.Types) || len(all[1].Events) != len(notify.Types) {
		t.Errorf("one has events %q, and the other without a list %q", all[0].Events, all[1].Events)
	}
}

// TestAQuestionIsToldOnce: an agent that asks again, or a first answer of two,
// changes a pending lease.
func TestAQuestionIsToldOnce(t *testing.T) {
	var a announced
	pending, other := lease.Lease{ID: "a", State: lease.Pending}, lease.Lease{ID: "b", State: lease.Pending}
	if !a.first(pending) || a.first(pending) || !a.first(other) || a.first(pending) {
		t.Error("a question is told twice, or not at all")
	}
	pending.State = lease.Ended
	if a.first(pending) || len(a.ids) != 1 {
		t.Error("one that is over is told, or remembered")
	}
}

// TestHandingBackIsNoNews, but a question that nobody needs to answer any more is.
func TestHandingBackIsNoNews(t *testing.T) {
	was := lease.Lease{ID: "a", Principal: "https://i#agent", State: lease.Ended, Ending: lease.Revoked, EndedBy: "https://i#agent"}
	if handedBack(was) {
		t.Error("nobody is told of a question that was taken back")
	}
	was.Starts = time.Unix(1, 0)
	if !handedBack(was) {
		t.Error("people are told whenever an agent hands a lease back")
	}
	if was.EndedBy = "https://h#bob"; handedBack(was) {
		t.Error("nobody is told of a lease that an operator revoked")
	}
}

func TestRecent(t *testing.T) {
	var r recent
	now := time.Now()
	if !r.first("p", "a", now) || r.first("p", "a", now) || !r.first("p", "b", now.Add(recently)) || !r.first("p", "a", now.Add(recently+1)) || len(r.of["p"]) != 2 {
		t.Error("the same is new twice, or never again")
	}
	for i := range 2 * mostRecent {
		r.first("q", fmt.Sprint(i), now)
	}
	if len(r.of["q"]) != mostRecent || !r.first("p", "c", now.Add(recently)) {
		t.Error("one principal is told of without end, or in the way of another")
	}
}
