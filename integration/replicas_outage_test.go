package integration

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"
)

// recovers waits until a path is served by every replica.
func (a *answering) recovers(path string, headers ...string) {
	a.t.Helper()
	a.again(path, http.StatusOK, "", headers...)
}

// again waits until every replica is well, which Envoy hears of a little later than
// they do, and answers alike.
func (a *answering) again(path string, status int, code string, headers ...string) {
	a.t.Helper()
	for i, r := range a.replicas {
		a.eventually(fmt.Sprintf("replica %d is ready", i), func() bool { return a.ready(r) })
	}
	a.eventually(path+" is answered by all", func() bool {
		for range 4 * len(a.replicas) {
			if got := a.try(path, headers...); got.status() != status || errorCode(got.body) != code {
				return false
			}
		}
		return true
	})
}

// unavailable waits until the replicas cannot confirm leases, and then checks that
// nothing is substituted.
func (a *answering) unavailable(path string, headers ...string) {
	a.t.Helper()
	a.eventually(path+" is refused by all", func() bool {
		before := a.count()
		for range 4 * len(a.replicas) {
			if got := a.try(path, headers...); errorCode(got.body) != "unavailable" {
				return false
			}
		}
		return a.count() == before
	})
}

// approvals is how many people approved what is active over a credential.
func (a *answering) approvals(r *rig, credential string) (n int) {
	a.t.Helper()
	var got struct{ Leases []anyLease }
	if status, text := a.call(r, "GET", "/leases?state=active&credential="+credential, a.bob.bearer, nil, &got); status != http.StatusOK {
		a.t.Errorf("listing leases: %d %s", status, text)
	}
	for _, l := range got.Leases {
		n += len(l.Answers)
	}
	return n
}

// TestReplicasOutage: an approval that was acknowledged outlives a crash of the
// store right behind it, and of every replica; while the store is away nothing is
// substituted, and all is well again by itself afterwards.
func TestReplicasOutage(t *testing.T) {
	t.Parallel()
	a := newAnswering(t)
	headers := a.with("asked")
	a.everywhere("/api/v1/x", http.StatusForbidden, "approval_pending", headers...)
	a.approves(a.bob, a.replicas[0], a.replicas[1], a.waiting(a.replicas[0], a.bob, "asked"), "path")
	for _, end := range []func(){a.store.Kill, a.store.Stop} {
		end()
		a.unavailable("/api/v1/x", headers...)
		a.store.Start()
		a.recovers("/api/v1/x", headers...)
	}
	for _, r := range a.replicas {
		r.service.kill()
		a.eventually("the others serve", func() bool { return a.try("/api/v1/x", headers...).status() == http.StatusOK })
		r.serve()
	}
	a.recovers("/api/v1/x", headers...)
	for i, r := range a.replicas {
		if n := a.approvals(r, "asked"); n != 1 {
			t.Errorf("replica %d knows of %d approvals, want the one", i, n)
		}
	}
}

// TestReplicasHoldThroughOutage: a request that is held waits on while the store
// restarts; where its replica is killed its client is told, and the question is the
// same at the others.
func TestReplicasHoldThroughOutage(t *testing.T) {
	t.Parallel()
	a := newAnswering(t)
	headers := a.with("held")
	hold := func(path string) (<-chan outcome, int) {
		held := make(chan outcome, 1)
		go func() { held <- a.try(path, headers...) }()
		return held, a.holder()
	}
	held, at := hold("/api/v1/x")
	a.store.Stop()
	a.store.Start()
	a.again("/api/v1/x", http.StatusForbidden, "approval_pending", a.with("asked")...)
	q := a.waiting(a.nth(at+1), a.bob, "held")
	a.approves(a.bob, a.nth(at+1), a.nth(at+2), q, "operation")
	if got := <-held; got.status() != http.StatusOK {
		t.Errorf("held through a restart of the store: %d %s %v", got.status(), got.body, got.err)
	}
	held, at = hold("/api/v1/y")
	q = a.waiting(a.nth(at+1), a.bob, "held")
	a.nth(at).service.kill()
	if got := <-held; got.hung || got.status() == http.StatusOK {
		t.Errorf("held by a replica that was killed: %d %s %v", got.status(), got.body, got.err)
	}
	if again := a.waiting(a.nth(at+1), a.bob, "held"); again.ID != q.ID {
		t.Errorf("the question is %s, and was %s", again.ID, q.ID)
	}
	a.approves(a.bob, a.nth(at+1), a.nth(at+2), q, "operation")
	a.nth(at).serve()
	a.recovers("/api/v1/y", headers...)
}

// TestReplicasHoldForLong: Envoy waits for people behind several replicas too, for
// longer than it waits for any other decision.
func TestReplicasHoldForLong(t *testing.T) {
	t.Parallel()
	a := newAnswering(t)
	headers := a.with("held")
	held := make(chan outcome, 1)
	go func() { held <- a.try("/api/v1/x", headers...) }()
	at := a.holder()
	select {
	case got := <-held:
		t.Fatalf("held no longer: %d %s %v", got.status(), got.body, got.err)
	case <-time.After(12 * time.Second):
	}
	a.approves(a.bob, a.nth(at+1), a.nth(at+2), a.waiting(a.nth(at+1), a.bob, "held"), "operation")
	if got := <-held; got.status() != http.StatusOK {
		t.Errorf("approved after long: %d %s %v", got.status(), got.body, got.err)
	}
}

// TestReplicaKilled: while Envoy does not know yet that a replica is gone, requests
// of many clients at once go on by the others.
func TestReplicaKilled(t *testing.T) {
	t.Parallel()
	a := newAnswering(t)
	headers := a.with("asked")
	a.everywhere("/api/v1/x", http.StatusForbidden, "approval_pending", headers...)
	a.approves(a.bob, a.replicas[0], a.replicas[1], a.waiting(a.replicas[0], a.bob, "asked"), "path")
	a.recovers("/api/v1/x", headers...)
	a.replicas[0].service.kill()
	var clients sync.WaitGroup
	for range 8 {
		clients.Go(func() {
			for range 6 {
				if got := a.try("/api/v1/x", headers...); got.status() != http.StatusOK {
					t.Errorf("with a replica gone: %d %s %v", got.status(), got.body, got.err)
				}
			}
		})
	}
	clients.Wait()
}
