package lease_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/lease"
	"cloakroom/internal/lease/leasetest"
)

// model is what leases should do, without any of the machinery. There are two
// clocks that never go back: the latest wall time, and the time that the
// keeper has run. A lease lives until either has moved by its length, or until
// it is revoked.
type model struct {
	t      *testing.T
	store  *leasetest.Memory
	k      *lease.Keeper
	now    time.Time // what the wall clock says
	latest time.Time // the latest time that anyone passed in
	base   time.Time // when the keeper began to run
	ran    time.Duration
	floor  time.Time // latest, when it began
	leases map[string]*modelled
	log    []string
}

type modelled struct {
	lease   lease.Lease
	ends    time.Time     // by the wall
	runs    time.Duration // until the keeper has run so long
	stored  time.Time     // its end as it was told and stored
	revoked bool
}

func (m *model) live(x *modelled) bool {
	return !x.revoked && m.latest.Before(x.ends) && m.ran < x.runs
}

// tick passes a time to the keeper, and so lets the model know it.
func (m *model) tick() time.Time {
	m.ran = max(m.ran, m.now.Sub(m.base))
	for _, t := range []time.Time{m.now, m.floor.Add(m.ran)} {
		if t.After(m.latest) {
			m.latest = t
		}
	}
	return m.now
}

func (m *model) fatalf(format string, args ...any) {
	m.t.Helper()
	for _, l := range m.log[max(0, len(m.log)-30):] {
		m.t.Log(l)
	}
	m.t.Fatalf(format, args...)
}

func TestKeeperAgainstAModel(t *testing.T) {
	for seed := range uint64(60) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 1))
			m := &model{t: t, store: new(leasetest.Memory), now: at(0), latest: at(0), base: at(0), floor: at(0), leases: make(map[string]*modelled)}
			m.k = keeper(t, m.store, lease.Options{}, m.now)
			for range 300 {
				m.step(r)
				m.check()
			}
		})
	}
}

func (m *model) step(r *rand.Rand) {
	who := []access.Principal{alice, bob}[r.IntN(2)]
	credential := fmt.Sprint("c", r.IntN(2))
	length := time.Duration(1+r.IntN(100)) * time.Second
	switch n := r.IntN(20); {
	case n < 6:
		m.now = m.now.Add(time.Duration(r.IntN(30)) * time.Second)
		m.note("forward")
	case n < 8:
		m.now = m.now.Add(-time.Duration(r.IntN(200)) * time.Second)
		m.note("back")
	case n < 12:
		m.use(who, credential, length)
	case n < 15:
		m.request(r, who, credential, length)
	case n < 17:
		m.revoke(r)
	case n < 19:
		m.note("sweep")
		if err := m.k.Sweep(context.Background(), m.tick()); err != nil {
			m.fatalf("sweeping: %v", err)
		}
	default:
		m.restart()
	}
}

func (m *model) note(format string, args ...any) {
	m.log = append(m.log, fmt.Sprintf("%s (latest %s): ", m.now.Format("15:04:05"), m.latest.Format("15:04:05"))+
		fmt.Sprintf(format, args...))
}

func (m *model) opened(l lease.Lease, length time.Duration) {
	m.leases[l.ID] = &modelled{lease: l, ends: m.latest.Add(length), runs: m.ran + length, stored: m.now.Add(length)}
}

func (m *model) use(p access.Principal, credential string, length time.Duration) {
	var want *modelled
	now := m.tick()
	for _, x := range m.leases {
		if x.lease.Ticketless() && x.lease.Principal == p.ID() && x.lease.Credential == credential && m.live(x) {
			want = x
		}
	}
	l, err := m.k.Use(context.Background(), asked(p, credential, length), now)
	m.note("use %s %s %s: %s %v", p.Subject, credential, length, l.ID, err)
	switch {
	case err != nil:
		m.fatalf("using: %v", err)
	case want != nil && l.ID != want.lease.ID:
		m.fatalf("got lease %q, want the live %q", l.ID, want.lease.ID)
	case want == nil:
		if m.leases[l.ID] != nil {
			m.fatalf("got lease %q, which is over", l.ID)
		}
		m.opened(l, length)
	}
}

func (m *model) request(r *rand.Rand, p access.Principal, credential string, length time.Duration) {
	var ticket lease.Digest
	for i := range ticket {
		ticket[i] = byte(r.Uint32())
	}
	a := asked(p, credential, length)
	a.Ticket = ticket
	l, err := m.k.Request(context.Background(), a, m.tick())
	m.note("request %s %s %s: %s %v", p.Subject, credential, length, l.ID, err)
	if err != nil {
		m.fatalf("requesting: %v", err)
	}
	m.opened(l, length)
}

func (m *model) revoke(r *rand.Rand) {
	for id, x := range m.leases {
		if r.IntN(3) > 0 {
			continue
		}
		now := m.tick()
		want := m.live(x)
		_, err := m.k.Revoke(context.Background(), id, "sre", now)
		m.note("revoke %s: %v", id, err)
		if (err == nil) != want || err != nil && !errors.Is(err, lease.ErrEnded) {
			m.fatalf("revoking %q, live %v: %v", id, want, err)
		}
		x.revoked = true
		return
	}
}

// restart takes the keeper away, and sets the clock back meanwhile. The keeper
// marks the time every few seconds; here it has just done so.
func (m *model) restart() {
	m.tick()
	if err := m.store.Mark(context.Background(), m.latest); err != nil {
		m.fatalf("marking: %v", err)
	}
	m.now = m.now.Add(-10 * time.Minute)
	m.note("restart")
	for _, x := range m.leases {
		if !m.live(x) {
			x.revoked = true
		}
		x.ends, x.runs = x.stored, min(x.stored.Sub(m.latest), x.lease.Terms.Length)
	}
	m.base, m.ran, m.floor = m.now, 0, m.latest
	m.k = keeper(m.t, m.store, lease.Options{}, m.now)
}

// check asks the keeper about every lease that there ever was.
func (m *model) check() {
	now := m.tick()
	if m.k.Live("nobody", now) { // with no lease to ask about, the keeper hears the time here
		m.fatalf("nobody's lease lives")
	}
	for id, x := range m.leases {
		want := m.live(x)
		if got := m.k.Live(id, now); got != want {
			m.fatalf("lease %q, ends %s: live is %v, want %v", id, x.ends.Format("15:04:05"), got, want)
		}
		if x.lease.Ticketless() {
			continue
		}
		l, err := m.k.ByTicket(context.Background(), x.lease.Ticket, now)
		if (err == nil) != want || l.ID != id || err != nil && !errors.Is(err, lease.ErrEnded) {
			m.fatalf("ticket of lease %q, live %v: %+v, %v", id, want, l, err)
		}
	}
}
