package lease_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cloakroom/internal/lease"
	"cloakroom/internal/lease/leasetest"
)

// limited asks for leases of so many uses.
func limited(uses int) lease.Ask {
	a := asked(alice, "c", time.Minute)
	a.Terms.Uses = uses
	return a
}

func TestSpend(t *testing.T) {
	m := new(leasetest.Memory)
	a, b := keeper(t, m, lease.Options{}, at(0)), keeper(t, m, lease.Options{}, at(0))
	l, err := a.Use(context.Background(), limited(3), at(0))
	if err != nil {
		t.Fatal(err)
	}
	for i, k := range []*lease.Keeper{a, b, a} {
		if err := k.Spend(context.Background(), l.ID, at(1)); err != nil {
			t.Errorf("use %d: %v", i, err)
		}
	}
	for _, k := range []*lease.Keeper{a, b} {
		wantErr(t, k.Spend(context.Background(), l.ID, at(2)), lease.ErrSpent)
		if !k.Live(l.ID, at(2)) {
			t.Error("what began under the last use is cut")
		}
	}
	spent, err := a.Use(context.Background(), limited(3), at(2))
	wantErr(t, err, lease.ErrSpent) // until its end
	if spent.ID != l.ID || !spent.Ends.Equal(at(60)) {
		t.Errorf("spent is %+v", spent)
	}
	if next, err := a.Use(context.Background(), limited(3), at(60)); err != nil || next.ID == l.ID {
		t.Errorf("got %+v, %v", next, err)
	}
	wantErr(t, a.Spend(context.Background(), l.ID, at(61)), lease.ErrEnded)
	wantErr(t, a.Spend(context.Background(), "nobody", at(61)), lease.ErrUnknown)
	k := keeper(t, m, lease.Options{}, at(2))
	wantErr(t, k.Spend(context.Background(), l.ID, at(2)), lease.ErrEnded) // the mark says that it is later
}

func TestManySpendAtOnce(t *testing.T) {
	m := new(leasetest.Memory)
	ks := []*lease.Keeper{keeper(t, m, lease.Options{}, at(0)), keeper(t, m, lease.Options{}, at(0)), keeper(t, m, lease.Options{}, at(0))}
	l, err := ks[0].Use(context.Background(), limited(30), at(0))
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var n atomic.Int32
	for i := range 90 {
		wg.Go(func() {
			switch err := ks[i%3].Spend(context.Background(), l.ID, at(1)); {
			case err == nil:
				n.Add(1)
			case !errors.Is(err, lease.ErrSpent):
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got, err := ks[0].ByID(context.Background(), l.ID, at(1)); n.Load() != 30 || err != nil {
		t.Errorf("%d uses, counted %d, %v", n.Load(), got.Used, err)
	}
}

// A use that the store has and does not confirm is not allowed, and is counted.
func TestSpendThatIsNotConfirmed(t *testing.T) {
	s := &lossy{Store: new(leasetest.Memory)}
	k := keeper(t, s, lease.Options{}, at(0))
	l, err := k.Use(context.Background(), limited(2), at(0))
	if err != nil {
		t.Fatal(err)
	}
	s.lose = true
	wantErr(t, k.Spend(context.Background(), l.ID, at(1)), lease.ErrUnavailable)
	s.lose = false
	if err := k.Spend(context.Background(), l.ID, at(1)); err != nil {
		t.Error(err)
	}
	wantErr(t, k.Spend(context.Background(), l.ID, at(1)), lease.ErrSpent)
}

// lossy is a store whose answers to updates get lost.
type lossy struct {
	lease.Store
	lose bool
}

func (s *lossy) Update(ctx context.Context, r lease.Row) (int64, error) {
	n, err := s.Store.Update(ctx, r)
	if s.lose && err == nil {
		return 0, errors.New("connection reset")
	}
	return n, err
}

// A lease that has no use left does not stand before one that has.
func TestASpentLeaseBesideAnother(t *testing.T) {
	m := new(leasetest.Memory)
	a, b := keeper(t, m, lease.Options{}, at(0)), keeper(t, m, lease.Options{}, at(0))
	first, err := a.Use(context.Background(), limited(1), at(0))
	if err != nil {
		t.Fatal(err)
	}
	second, err := b.Use(context.Background(), limited(1), at(0)) // at the same time, by the other
	if err != nil || second.ID == first.ID {
		t.Fatalf("got %+v, %v", second, err)
	}
	sweep(t, a, at(1))
	if err := a.Spend(context.Background(), first.ID, at(1)); err != nil {
		t.Fatal(err)
	}
	if got, err := a.Use(context.Background(), limited(1), at(1)); err != nil || got.ID != second.ID {
		t.Errorf("got %q, %v, want %q", got.ID, err, second.ID)
	}
}

func TestAdmit(t *testing.T) {
	m := new(leasetest.Memory)
	a, b := keeper(t, m, lease.Options{}, at(0)), keeper(t, m, lease.Options{}, at(0))
	ask := asked(alice, "c", time.Hour)
	ask.Terms.Requests = 3
	l, err := a.Use(context.Background(), ask, at(0))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []bool{true, true, true, false, false} {
		if ok, err := []*lease.Keeper{a, b}[i%2].Admit(context.Background(), l, at(1)); ok != want || err != nil {
			t.Errorf("request %d: %v, %v", i, ok, err)
		}
	}
	if ok, err := b.Admit(context.Background(), l, at(60)); !ok || err != nil {
		t.Errorf("in the next minute: %v, %v", ok, err)
	}
	if ok, err := a.Admit(context.Background(), lease.Lease{ID: "x"}, at(1)); !ok || err != nil {
		t.Errorf("without a limit: %v, %v", ok, err)
	}
	m.Fail = func() error { return errors.New("gone") }
	_, err = b.Admit(context.Background(), l, at(120))
	wantErr(t, err, lease.ErrUnavailable)
}

func TestExtend(t *testing.T) {
	m := new(leasetest.Memory)
	a, b := keeper(t, m, lease.Options{}, at(0)), keeper(t, m, lease.Options{}, at(0))
	ask := asked(alice, "c", time.Minute)
	ask.Terms.Extend = 30 * time.Second
	l, err := a.Use(context.Background(), ask, at(0))
	if err != nil {
		t.Fatal(err)
	}
	for _, by := range []time.Duration{0, -time.Second, 31 * time.Second, 1 << 62} {
		_, err := a.Extend(context.Background(), l.ID, by, at(1))
		wantErr(t, err, lease.ErrExtend)
	}
	if l, err = a.Extend(context.Background(), l.ID, 20*time.Second, at(59)); err != nil || !l.Ends.Equal(at(80)) {
		t.Errorf("got %+v, %v", l, err)
	}
	sweep(t, b, at(60))
	if !a.Live(l.ID, at(79)) || !b.Live(l.ID, at(79)) {
		t.Error("it ended too early")
	}
	_, err = b.Extend(context.Background(), l.ID, 11*time.Second, at(79))
	wantErr(t, err, lease.ErrExtend)
	if _, err = b.Extend(context.Background(), l.ID, 10*time.Second, at(79)); err != nil {
		t.Error(err)
	}
	sweep(t, a, at(80))
	for _, k := range []*lease.Keeper{a, b, keeper(t, m, lease.Options{}, at(80))} {
		if !k.Live(l.ID, at(89)) || k.Live(l.ID, at(90)) {
			t.Error("it does not end when it should")
		}
	}
	_, err = a.Extend(context.Background(), l.ID, time.Second, at(90))
	wantErr(t, err, lease.ErrEnded)
}

// However late the store's times say that it is to end, a lease does not live
// for longer than it is long; extending it does not bring it back.
func TestAClockThatIsBehind(t *testing.T) {
	m := new(leasetest.Memory)
	ask := asked(alice, "c", time.Minute)
	ask.Terms.Extend = time.Hour
	behind, right := keeper(t, m, lease.Options{}, at(0)), keeper(t, m, lease.Options{}, at(3600))
	l, err := right.Use(context.Background(), ask, at(3600))
	if err != nil {
		t.Fatal(err)
	}
	sweep(t, behind, at(0))
	if !behind.Live(l.ID, at(0)) || behind.Live(l.ID, at(60)) {
		t.Error("the hour between the clocks became a part of it")
	}
	_, err = behind.Extend(context.Background(), l.ID, time.Minute, at(61))
	wantErr(t, err, lease.ErrEnded)
	if behind.Live(l.ID, at(61)) {
		t.Error("it lives again")
	}
}

// A hand in the database that puts an earlier row back, which the service wrote
// itself, gives no use back.
func TestAnEarlierRowCountsForNothing(t *testing.T) {
	m := new(leasetest.Memory)
	k := keeper(t, m, lease.Options{}, at(0))
	l, err := k.Use(context.Background(), limited(2), at(0))
	if err != nil {
		t.Fatal(err)
	}
	was, err := m.ByID(t.Context(), l.ID)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := k.Spend(context.Background(), l.ID, at(1)); err != nil {
			t.Fatal(err)
		}
	}
	m.Tamper(func(r *lease.Row) { r.Body, r.MAC = was.Body, was.MAC })
	if err := k.Spend(context.Background(), l.ID, at(2)); err == nil {
		t.Error("used a third time")
	}
	sweep(t, k, at(3))
	if err := k.Spend(context.Background(), l.ID, at(3)); err == nil {
		t.Error("used a third time")
	}
}

// A use that was counted before the revoke, and is answered after it, is none.
func TestRevokedWhileItIsSpent(t *testing.T) {
	m := new(leasetest.Memory)
	s := &late{Store: m}
	k, other := keeper(t, s, lease.Options{}, at(0)), keeper(t, m, lease.Options{}, at(0))
	ask := limited(3)
	ask.Terms.Extend = time.Hour
	for name, do := range map[string]func(id string) error{
		"spend": func(id string) error { return k.Spend(context.Background(), id, at(1)) },
		"extend": func(id string) error {
			_, err := k.Extend(context.Background(), id, time.Minute, at(1))
			return err
		},
	} {
		l, err := k.Use(context.Background(), ask, at(1))
		if err != nil {
			t.Fatal(err)
		}
		s.after = func() {
			if _, err := other.Revoke(context.Background(), l.ID, "sre", at(1)); err != nil {
				t.Error(err)
			}
			sweep(t, k, at(1))
		}
		if err := do(l.ID); !errors.Is(err, lease.ErrEnded) || k.Live(l.ID, at(1)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// late is a store in which something happens once between an update and its
// answer.
type late struct {
	lease.Store
	after func()
}

func (s *late) Update(ctx context.Context, r lease.Row) (int64, error) {
	n, err := s.Store.Update(ctx, r)
	if do := s.after; do != nil {
		s.after = nil
		do()
	}
	return n, err
}
