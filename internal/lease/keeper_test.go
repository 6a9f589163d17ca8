package lease_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/lease"
	"cloakroom/internal/lease/leasetest"
)

var (
	key   = [32]byte{1, 2, 3}
	alice = leasetest.Alice
	bob   = access.Principal{Issuer: alice.Issuer, Subject: "bob"}
)

func at(seconds int) time.Time { return leasetest.Epoch.Add(time.Duration(seconds) * time.Second) }

func keeper(t testing.TB, s lease.Store, o lease.Options, now time.Time) *lease.Keeper {
	t.Helper()
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Confirm == 0 {
		o.Confirm = -1 // the tests' clocks leap
	}
	k, err := lease.NewKeeper(context.Background(), s, key, o, now)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// asked is what these tests ask for.
func asked(p access.Principal, credential string, length time.Duration) lease.Ask {
	return lease.Ask{Principal: p, Credential: credential, Session: "s", Terms: lease.Terms{Length: length, Reuse: true}}
}

func use(t testing.TB, k *lease.Keeper, p access.Principal, credential string, length time.Duration, now time.Time) lease.Lease {
	t.Helper()
	l, err := k.Use(context.Background(), asked(p, credential, length), now)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func request(t testing.TB, k *lease.Keeper, n byte, length time.Duration, now time.Time) lease.Lease {
	t.Helper()
	a := asked(alice, "c", length)
	a.Reason, a.Ticket = "r", lease.Digest{n}
	l, err := k.Request(context.Background(), a, now)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func sweep(t testing.TB, k *lease.Keeper, now time.Time) {
	t.Helper()
	if err := k.Sweep(context.Background(), now); err != nil {
		t.Fatal(err)
	}
}

func wantErr(t testing.TB, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("got error %v, want %v", got, want)
	}
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func TestUse(t *testing.T) {
	k := keeper(t, new(leasetest.Memory), lease.Options{}, at(0))
	l := use(t, k, alice, "c", time.Minute, at(0))
	if !l.Ends.Equal(at(60)) || l.State != lease.Active || l.Session != "s" || l.Principal != alice.ID() {
		t.Errorf("got %+v", l)
	}
	if again := use(t, k, alice, "c", time.Hour, at(59)); again.ID != l.ID || !again.Ends.Equal(at(60)) {
		t.Errorf("another lease while the first lives: %+v", again)
	}
	for name, other := range map[string]lease.Lease{
		"another principal":  use(t, k, bob, "c", time.Minute, at(0)),
		"another credential": use(t, k, alice, "d", time.Minute, at(0)),
		"after its end":      use(t, k, alice, "c", time.Minute, at(60)),
	} {
		if other.ID == l.ID {
			t.Errorf("%s: the same lease", name)
		}
	}
	if k.Live(l.ID, at(60)) || k.Live(l.ID, at(0)) {
		t.Error("live past its end")
	}
	if k.Live("", at(0)) || k.Live("nobody", at(0)) {
		t.Error("a lease that is not there lives")
	}
	if _, err := k.Use(context.Background(), asked(access.Principal{}, "c", time.Minute), at(0)); err == nil {
		t.Error("nobody has a lease")
	}
}

func TestABurstOpensOne(t *testing.T) {
	m, gate, inserts := new(leasetest.Memory), make(chan struct{}), atomic.Int32{}
	k := keeper(t, m, lease.Options{}, at(0))
	m.Fail = func() error { inserts.Add(1); <-gate; return nil }
	gone, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	ids := make([]string, 50)
	for i := range ids {
		wg.Go(func() { ids[i] = use(t, k, alice, "c", time.Minute, at(0)).ID })
		wg.Go(func() { // who gives up harms nobody
			_, err := k.Use(gone, asked(alice, "c", time.Minute), at(0))
			if err != nil && !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
	}
	cancel()
	close(gate)
	wg.Wait()
	for _, id := range ids {
		if id == "" || id != ids[0] {
			t.Fatalf("got leases %q", ids)
		}
	}
	if inserts.Load() != 1 {
		t.Errorf("%d inserts", inserts.Load())
	}
}

func TestALeaseCountsOnlyOnceStored(t *testing.T) {
	m, broken := new(leasetest.Memory), errors.New("disk is full")
	k := keeper(t, m, lease.Options{PerPrincipal: 1}, at(0))
	m.Fail = func() error { return broken }
	for range 3 {
		_, err := k.Use(context.Background(), asked(alice, "c", time.Minute), at(0))
		wantErr(t, err, lease.ErrUnavailable)
		wantErr(t, err, broken)
	}
	if k.Active() != 0 {
		t.Errorf("%d are active", k.Active())
	}
	m.Fail = nil
	use(t, k, alice, "c", time.Minute, at(0))
}

func TestTickets(t *testing.T) {
	m := new(leasetest.Memory)
	k := keeper(t, m, lease.Options{}, at(0))
	l := request(t, k, 1, time.Minute, at(0))
	if got, err := k.ByTicket(context.Background(), lease.Digest{1}, at(59)); err != nil || got.ID != l.ID {
		t.Errorf("got %+v, %v", got, err)
	}
	if mine := use(t, k, alice, "c", time.Minute, at(0)); mine.ID == l.ID {
		t.Error("a use took a ticket's lease")
	}
	for _, c := range []struct {
		name   string
		ticket [32]byte
		at     int
		want   error
	}{
		{"unknown", [32]byte{9}, 1, lease.ErrUnknown},
		{"zero", [32]byte{}, 1, lease.ErrUnknown},
		{"over", [32]byte{1}, 60, lease.ErrEnded},
	} {
		_, err := k.ByTicket(context.Background(), c.ticket, at(c.at))
		if !errors.Is(err, c.want) {
			t.Errorf("%s: got %v", c.name, err)
		}
	}
	sweep(t, k, at(61)) // out of memory: the store answers
	got, err := k.ByTicket(context.Background(), lease.Digest{1}, at(62))
	wantErr(t, err, lease.ErrEnded)
	if got.Ending != lease.Expired || got.ID != l.ID {
		t.Errorf("got %+v", got)
	}
	sweep(t, k, at(61).Add(31*24*time.Hour))
	_, err = k.ByTicket(context.Background(), lease.Digest{1}, at(62))
	wantErr(t, err, lease.ErrUnknown)
	if _, err := k.Request(context.Background(), asked(alice, "c", time.Minute), at(0)); err == nil {
		t.Error("opened a lease for no ticket")
	}
	request(t, k, 2, time.Minute, at(0))
	twice := asked(bob, "c", time.Minute)
	twice.Ticket = lease.Digest{2}
	_, err = k.Request(context.Background(), twice, at(0))
	wantErr(t, err, lease.ErrExists)
}

func TestRevoke(t *testing.T) {
	m := new(leasetest.Memory)
	var ended []lease.Lease
	k := keeper(t, m, lease.Options{Changed: func(l lease.Lease, _ bool) {
		if l.State == lease.Ended {
			ended = append(ended, l)
		}
	}}, at(0))
	l := request(t, k, 1, time.Minute, at(0))
	done := k.Done(l.ID)
	if closed(done) || !closed(k.Done("nobody")) {
		t.Fatal("done before its time, or never")
	}
	m.Fail = func() error { return errors.New("disk is full") }
	got, err := k.Revoke(context.Background(), l.ID, "sre", at(1))
	wantErr(t, err, lease.ErrUnavailable)
	if k.Live(l.ID, at(1)) || !closed(done) || got.Ending != lease.Revoked {
		t.Error("it lives on")
	}
	_, err = k.ByTicket(context.Background(), lease.Digest{1}, at(1))
	wantErr(t, err, lease.ErrEnded)
	_, err = k.Revoke(context.Background(), l.ID, "sre", at(2))
	wantErr(t, err, lease.ErrEnded)
	m.Fail = nil
	sweep(t, k, at(3))
	if r, err := m.ByID(context.Background(), l.ID); err != nil || r.State != lease.Ended || unsealed(t, r).Ending != lease.Revoked {
		t.Errorf("stored %+v, %v", r, err)
	}
	_, err = k.Revoke(context.Background(), l.ID, "sre", at(4))
	wantErr(t, err, lease.ErrEnded)
	_, err = k.Revoke(context.Background(), "nobody", "sre", at(4))
	wantErr(t, err, lease.ErrUnknown)
	if len(ended) != 1 || ended[0].ID != l.ID || k.Active() != 0 {
		t.Errorf("told of %+v, %d are active", ended, k.Active())
	}
}

func TestExpiryClosesDone(t *testing.T) {
	k := keeper(t, new(leasetest.Memory), lease.Options{}, at(0))
	l := use(t, k, alice, "c", time.Minute, at(0))
	sweep(t, k, at(59))
	if closed(k.Done(l.ID)) {
		t.Error("done before its end")
	}
	done := k.Done(l.ID)
	sweep(t, k, at(60))
	if !closed(done) || k.Active() != 0 {
		t.Error("not done at its end")
	}
}

func TestRestart(t *testing.T) {
	m := new(leasetest.Memory)
	k := keeper(t, m, lease.Options{}, at(0))
	lives, over := use(t, k, alice, "c", time.Hour, at(0)), use(t, k, alice, "d", time.Minute, at(0))
	gone, ticket := use(t, k, alice, "e", time.Hour, at(0)), request(t, k, 1, time.Hour, at(0))
	if _, err := k.Revoke(context.Background(), gone.ID, "sre", at(1)); err != nil {
		t.Fatal(err)
	}
	k = keeper(t, m, lease.Options{}, at(100))
	for _, c := range []struct {
		name string
		l    lease.Lease
		want bool
	}{{"active", lives, true}, {"expired", over, false}, {"revoked", gone, false}, {"with a ticket", ticket, true}} {
		if k.Live(c.l.ID, at(100)) != c.want {
			t.Errorf("%s: live is %v", c.name, !c.want)
		}
	}
	if l := use(t, k, alice, "c", time.Hour, at(100)); l.ID != lives.ID {
		t.Error("a new lease after the restart")
	}
	if l, err := k.ByTicket(context.Background(), lease.Digest{1}, at(100)); err != nil || l.ID != ticket.ID {
		t.Errorf("the ticket: %+v, %v", l, err)
	}
	if k.Live(lives.ID, at(3600)) {
		t.Error("it lives past its end")
	}
	sweep(t, k, at(3600))
	if k.Active() != 0 {
		t.Errorf("%d are active", k.Active())
	}
}

func TestAClockSetBackWhileTheProcessWasDown(t *testing.T) {
	m := new(leasetest.Memory)
	k := keeper(t, m, lease.Options{}, at(0))
	l := use(t, k, alice, "c", time.Hour, at(0))
	sweep(t, k, at(3000)) // marks how late it is
	// The clock comes back an hour early. Ten minutes are left, by any clock.
	k = keeper(t, m, lease.Options{}, at(-600))
	if !k.Live(l.ID, at(-600)) || !k.Live(l.ID, at(-1)) {
		t.Error("it ended too early")
	}
	if k.Live(l.ID, at(0)) {
		t.Error("it got time back")
	}
}

func TestMonotonicReadings(t *testing.T) {
	now := time.Now()
	k := keeper(t, new(leasetest.Memory), lease.Options{}, now)
	l := use(t, k, alice, "c", time.Minute, now)
	// A time with a monotonic reading past the end, though the wall clock may
	// say anything: Add moves both, so the wall is the later Keeper's matter.
	if k.Live(l.ID, now.Add(time.Minute)) || k.Live(l.ID, now) {
		t.Error("live past its end")
	}
	l = use(t, k, alice, "c", time.Minute, now)
	// While the machine sleeps only the wall clock goes on.
	if k.Live(l.ID, now.Add(2*time.Minute).Round(0)) {
		t.Error("live after a sleep")
	}
}

func unsealed(t *testing.T, r lease.Row) lease.Lease {
	t.Helper()
	l, ok := lease.Unseal(key, r)
	if !ok {
		t.Fatal("the MAC does not hold")
	}
	return l
}

// edit changes the text of a row's body, as a hand would.
func edit(from, to string) func(*lease.Row) {
	return func(r *lease.Row) {
		text := strings.ReplaceAll(string(r.Body), from, to)
		if text == string(r.Body) {
			panic("no " + from + " in " + text)
		}
		r.Body = []byte(text)
	}
}

func TestRowsWrittenByHand(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*lease.Row)
	}{
		{"a later end", edit(`"length":60000000000`, `"length":90000000000`)},
		{"another principal", edit(`#alice"`, `#carol"`)},
		{"another credential", edit(`"credential":"c"`, `"credential":"r"`)},
		{"another ticket", func(r *lease.Row) {
			edit(`"ticket":"01`, `"ticket":"07`)(r)
			r.Ticket = lease.Digest{7}
		}},
		{"no MAC", func(r *lease.Row) { r.MAC = [32]byte{} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := new(leasetest.Memory)
			l := request(t, keeper(t, m, lease.Options{}, at(0)), 1, time.Minute, at(0))
			m.Tamper(c.change)
			k := keeper(t, m, lease.Options{}, at(1))
			if k.Live(l.ID, at(1)) {
				t.Error("it lives")
			}
			for _, ticket := range [][32]byte{{1}, {7}} {
				_, err := k.ByTicket(context.Background(), ticket, at(1))
				wantErr(t, err, lease.ErrUnknown)
			}
			_, err := k.Revoke(context.Background(), l.ID, "sre", at(1))
			wantErr(t, err, lease.ErrUnknown)
			if ls, err := k.List(context.Background(), lease.Filter{}, at(1)); err != nil || len(ls) != 0 {
				t.Errorf("listed %+v, %v", ls, err)
			}
		})
	}
}

// What is not believed stays where it is, and is not told of every second.
func TestARowByHandIsToldOfOnce(t *testing.T) {
	m := new(leasetest.Memory)
	request(t, keeper(t, m, lease.Options{}, at(0)), 1, time.Minute, at(0))
	m.Tamper(func(r *lease.Row) { r.MAC = [32]byte{} })
	var log strings.Builder
	k := keeper(t, m, lease.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))}, at(1))
	for i := range 10 {
		sweep(t, k, at(100+i))
	}
	if n := strings.Count(log.String(), "MAC"); n != 1 {
		t.Errorf("told %d times:\n%s", n, log.String())
	}
}

// An old row, whose MAC is good, is put back after the lease was revoked.
func TestARowPutBack(t *testing.T) {
	m := new(leasetest.Memory)
	k := keeper(t, m, lease.Options{}, at(0))
	l := request(t, k, 1, time.Hour, at(0))
	old, err := m.ByID(context.Background(), l.ID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.Revoke(context.Background(), l.ID, "sre", at(1)); err != nil {
		t.Fatal(err)
	}
	now, err := m.ByID(context.Background(), l.ID)
	if err != nil {
		t.Fatal(err)
	}
	old.Change = now.Change
	if _, err := m.Update(context.Background(), old); err != nil {
		t.Fatal(err)
	}
	sweep(t, k, at(2))
	_, err = k.ByTicket(context.Background(), lease.Digest{1}, at(2))
	wantErr(t, err, lease.ErrEnded)
	if k.Live(l.ID, at(2)) {
		t.Error("it lives again")
	}
}

func TestTwoKeepersOverOneStore(t *testing.T) {
	m := new(leasetest.Memory)
	a, b := keeper(t, m, lease.Options{}, at(0)), keeper(t, m, lease.Options{}, at(0))
	l := request(t, a, 1, time.Hour, at(0))
	if got, err := b.ByTicket(context.Background(), lease.Digest{1}, at(1)); err != nil || got.ID != l.ID || !b.Live(l.ID, at(1)) {
		t.Errorf("the other does not know it: %+v, %v", got, err)
	}
	other := use(t, a, alice, "c", time.Hour, at(1))
	sweep(t, b, at(2))
	if !b.Live(other.ID, at(2)) {
		t.Error("the other did not hear of it")
	}
	done := b.Done(l.ID)
	if _, err := a.Revoke(context.Background(), l.ID, "sre", at(2)); err != nil {
		t.Fatal(err)
	}
	sweep(t, b, at(3))
	if b.Live(l.ID, at(3)) || !closed(done) {
		t.Error("the other did not hear of its end")
	}
	if a.Active() != 1 || b.Active() != 1 {
		t.Errorf("%d and %d are active", a.Active(), b.Active())
	}
}

func TestCaps(t *testing.T) {
	k := keeper(t, new(leasetest.Memory), lease.Options{PerPrincipal: 2, InAll: 3}, at(0))
	use(t, k, alice, "a", time.Minute, at(0))
	use(t, k, alice, "b", time.Minute, at(0))
	_, err := k.Use(context.Background(), asked(alice, "c", time.Minute), at(0))
	wantErr(t, err, lease.ErrTooMany)
	use(t, k, bob, "a", time.Minute, at(0))
	_, err = k.Use(context.Background(), asked(bob, "b", time.Minute), at(0))
	wantErr(t, err, lease.ErrTooMany)
	use(t, k, alice, "c", time.Minute, at(60)) // the others are over
}

func TestList(t *testing.T) {
	m := new(leasetest.Memory)
	k := keeper(t, m, lease.Options{}, at(0))
	for i := range 3 {
		use(t, k, alice, fmt.Sprint(i), time.Duration(i+1)*time.Minute, at(i))
	}
	ls, err := k.List(context.Background(), lease.Filter{State: lease.Active}, at(60))
	if err != nil || len(ls) != 2 || ls[0].Credential != "2" {
		t.Errorf("got %+v, %v", ls, err)
	}
	if ls, err = lease.List(context.Background(), m, key, lease.Filter{}, at(60)); err != nil || len(ls) != 3 ||
		ls[2].State != lease.Ended {
		t.Errorf("without a keeper: %+v, %v", ls, err)
	}
}

func TestNewKeeperWantsAll(t *testing.T) {
	for name, f := range map[string]func() (*lease.Keeper, error){
		"no store": func() (*lease.Keeper, error) {
			return lease.NewKeeper(context.Background(), nil, key, lease.Options{}, at(0))
		},
		"no key": func() (*lease.Keeper, error) {
			return lease.NewKeeper(context.Background(), new(leasetest.Memory), [32]byte{}, lease.Options{}, at(0))
		},
	} {
		if _, err := f(); err == nil {
			t.Errorf("%s: made one", name)
		}
	}
}
