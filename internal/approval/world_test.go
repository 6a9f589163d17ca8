package approval_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/approval"
	"cloakroom/internal/inventory"
	"cloakroom/internal/lease"
	"cloakroom/internal/lease/leasetest"
	"cloakroom/internal/record"
)

const (
	people = "https://login.test" // the issuer of humans
	agents = "https://agents.test"
)

// world is a desk over a real keeper, and the log that it writes.
type world struct {
	t *testing.T
	*approval.Desk
	keeper *lease.Keeper
	now    time.Time
	log    []record.Entry
}

// Append implements approval.Log.
func (w *world) Append(_ context.Context, e record.Entry) error {
	w.log = append(w.log, e)
	return nil
}

// credential is one that people of group "oncall" approve, by a click too.
func credential(name string) inventory.Credential {
	return inventory.Credential{Name: name, Groups: []access.Group{{Issuer: agents, Name: "bots"}},
		Tier: inventory.Tier{Name: "high", Lease: 5 * time.Minute, Approval: &inventory.Approval{Count: 1, Expires: 15 * time.Minute,
			Approvers: []access.Group{{Issuer: people, Name: "oncall"}}, Buttons: true}},
		Rules: []inventory.Rule{{Hosts: []string{"api.test"}, Methods: []string{"GET"}, Paths: []string{"/**"}}}}
}

func newWorld(t *testing.T, credentials ...inventory.Credential) *world {
	t.Helper()
	set, err := inventory.New(inventory.Key{1}, credentials, nil, false)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, now: time.Now()}
	w.keeper, err = lease.NewKeeper(t.Context(), &leasetest.Memory{}, [32]byte{1},
		lease.Options{Confirm: -1, Logger: slog.New(slog.DiscardHandler)}, w.now)
	if err != nil {
		t.Fatal(err)
	}
	group := func(name string) []access.Group { return []access.Group{{Issuer: people, Name: name}} }
	w.Desk, err = approval.New(approval.Deps{Inventory: func() *inventory.Set { return set },
		Groups: func() approval.Groups { return approval.Groups{Operators: group("sre"), Auditors: group("security")} },
		Leases: w.keeper, Log: w, Now: func() time.Time { return w.now }})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// human is a person as the issuer of humans knows them.
func human(name string, groups ...string) access.Principal {
	return access.Principal{Issuer: people, Subject: name, Person: name + "@example.com", Groups: groups, Human: true}
}

// bot is an agent that works for somebody.
func bot(name, person string) access.Principal {
	return access.Principal{Issuer: agents, Subject: name, Person: person, Groups: []string{"bots"}}
}

// ask has who ask for GET of a path with a credential, and returns the question.
func (w *world) ask(who access.Principal, credential, path string) lease.Lease {
	w.t.Helper()
	return w.request(lease.Ask{Principal: who, Credential: credential, Session: "s", Stands: 15 * time.Minute,
		Terms: lease.Terms{Length: 5 * time.Minute, Needs: 1}, Operation: lease.Operation{Method: "GET", Host: "api.test", Path: path}})
}

func (w *world) request(a lease.Ask) lease.Lease {
	w.t.Helper()
	l, err := w.keeper.Use(w.t.Context(), a, w.now)
	if l.ID == "" {
		w.t.Fatal(err)
	}
	return l
}

// answer has who answer a question that they were shown, by a login made now.
func (w *world) answer(who access.Principal, id, via string) (lease.Lease, error) {
	w.t.Helper()
	q, err := w.Question(w.t.Context(), id, who)
	if err != nil {
		return lease.Lease{}, err
	}
	return w.Answer(w.t.Context(), id, approval.Answer{By: who, Asked: w.now, LoggedIn: w.now, Approve: true,
		Scope: lease.ScopeOperation, Seen: q.Seen, Via: via})
}
