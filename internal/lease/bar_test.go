package lease_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"cloakroom/internal/lease"
	"cloakroom/internal/lease/leasetest"
)

func bar(t testing.TB, k *lease.Keeper, b lease.Bar, now time.Time) (lease.Bar, []string) {
	t.Helper()
	b, ended, err := k.Bar(context.Background(), b, now)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, l := range ended {
		ids = append(ids, l.ID)
	}
	return b, ids
}

func TestBar(t *testing.T) {
	for _, c := range []struct {
		name string
		bar  lease.Bar
		want []bool // of alice's c and d, bob's c
	}{
		{"everything", lease.Bar{}, []bool{true, true, true}},
		{"a principal", lease.Bar{Principal: alice.ID()}, []bool{true, true, false}},
		{"a credential", lease.Bar{Credential: "c"}, []bool{true, false, true}},
		{"both together", lease.Bar{Principal: alice.ID(), Credential: "c"}, []bool{true, false, false}},
		{"somebody else", lease.Bar{Principal: "x"}, []bool{false, false, false}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := new(leasetest.Memory)
			k, other := keeper(t, m, lease.Options{}, at(0)), keeper(t, m, lease.Options{}, at(0))
			asks := []lease.Ask{asked(alice, "c", time.Hour), asked(alice, "d", time.Hour), asked(bob, "c", time.Hour)}
			var live, waiting []lease.Lease
			for _, a := range asks {
				live = append(live, use(t, k, a.Principal, a.Credential, time.Hour, at(0)))
				a.Terms.Needs, a.Stands, a.Ticket = 1, time.Hour, lease.Digest{byte(len(live))}
				waiting = append(waiting, pose(t, k, a, at(0)))
			}
			sweep(t, other, at(0))
			c.bar.By, c.bar.Reason = "sre", "a leak"
			b, ended := bar(t, k, c.bar, at(1))
			sweep(t, other, at(1))
			for i, a := range asks {
				if got := slices.Contains(ended, live[i].ID); got != c.want[i] {
					t.Errorf("lease %d: ended %v", i, got)
				}
				for _, k := range []*lease.Keeper{k, other, keeper(t, m, lease.Options{}, at(1))} {
					judgeBarred(t, k, a, b, live[i].ID, waiting[i].ID, c.want[i])
				}
			}
		})
	}
}

// judgeBarred wants everything of an ask to be stopped by the bar, or nothing.
func judgeBarred(t *testing.T, k *lease.Keeper, a lease.Ask, b lease.Bar, live, waiting string, stopped bool) {
	t.Helper()
	if k.Live(live, at(2)) == stopped {
		t.Errorf("live: %v", !stopped)
	}
	_, err := k.Use(context.Background(), a, at(2))
	var barred *lease.Barred
	if errors.As(err, &barred) != stopped || stopped && (barred.Bar.ID != b.ID || barred.Bar.Reason != "a leak") {
		t.Errorf("using: %v", err)
	}
	if l, err := k.ByID(context.Background(), waiting, at(2)); err != nil || (l.Ending == lease.Revoked) != stopped {
		t.Errorf("the question is %s %s, %v", l.State, l.Ending, err)
	}
}

func TestABarFallsAndIsLifted(t *testing.T) {
	m := new(leasetest.Memory)
	k, other := keeper(t, m, lease.Options{}, at(0)), keeper(t, m, lease.Options{}, at(0))
	was := use(t, k, alice, "c", time.Hour, at(0))
	b, _ := bar(t, k, lease.Bar{Credential: "c", Until: at(10)}, at(1))
	var barred *lease.Barred
	if _, err := k.Use(context.Background(), asked(alice, "c", time.Hour), at(9)); !errors.As(err, &barred) {
		t.Errorf("before its end: %v", err)
	}
	if now := use(t, k, alice, "c", time.Hour, at(10)); now.ID == was.ID || k.Live(was.ID, at(10)) {
		t.Error("what it ended lives again")
	}
	sweep(t, k, at(11))
	sweep(t, k, at(12))
	if got := k.Bars(); len(got) != 0 {
		t.Errorf("it stands: %+v", got)
	}
	wantErr(t, k.Lift(context.Background(), b.ID, at(12)), lease.ErrUnknown)
	b, _ = bar(t, k, lease.Bar{}, at(13))
	sweep(t, other, at(13))
	if got := other.Bars(); len(got) != 1 || got[0].ID != b.ID {
		t.Errorf("the other knows %+v", got)
	}
	if err := other.Lift(context.Background(), b.ID, at(14)); err != nil {
		t.Fatal(err)
	}
	use(t, other, alice, "c", time.Hour, at(14))
	sweep(t, k, at(15))
	use(t, k, bob, "c", time.Hour, at(15))
}

// Questions asked by a replica that has not heard of the bar end at its next look.
func TestAQuestionAskedBesideABar(t *testing.T) {
	m := new(leasetest.Memory)
	k, late := keeper(t, m, lease.Options{}, at(0)), keeper(t, m, lease.Options{}, at(0))
	bar(t, k, lease.Bar{Principal: alice.ID(), By: "sre"}, at(0))
	l := pose(t, late, question(alice, "c"), at(0))
	got, err := late.Answer(context.Background(), l.ID, yes("carol", lease.ScopeCredential), at(0))
	if err != nil { // it does not know better yet
		t.Fatal(err)
	}
	sweep(t, late, at(1))
	sweep(t, k, at(1))
	if k.Live(got.ID, at(1)) || late.Live(got.ID, at(1)) {
		t.Error("it lives beside the bar")
	}
	l = pose(t, keeperAt(t, m), question(bob, "c"), at(2))
	bar(t, k, lease.Bar{Principal: bob.ID(), By: "sre"}, at(2))
	if r, err := m.ByID(context.Background(), l.ID); err != nil || unsealed(t, r).Ending != lease.Revoked || unsealed(t, r).EndedBy != "sre" {
		t.Errorf("stored %+v, %v", r, err)
	}
}

func keeperAt(t *testing.T, s lease.Store) *lease.Keeper { return keeper(t, s, lease.Options{}, at(0)) }

func TestABarThatTheStoreDoesNotTake(t *testing.T) {
	m := new(leasetest.Memory)
	k := keeper(t, m, lease.Options{}, at(0))
	l := use(t, k, alice, "c", time.Hour, at(0))
	m.Fail = func() error { return errors.New("disk is full") }
	_, ended, err := k.Bar(context.Background(), lease.Bar{}, at(1))
	wantErr(t, err, lease.ErrUnavailable)
	if len(ended) != 1 || k.Live(l.ID, at(1)) {
		t.Error("it lives on")
	}
	m.Fail = nil
	sweep(t, k, at(2))
	if r, err := m.ByID(context.Background(), l.ID); err != nil || unsealed(t, r).Ending != lease.Revoked {
		t.Errorf("stored %+v, %v", r, err)
	}
}

func TestABarWrittenByHand(t *testing.T) {
	m := new(leasetest.Memory)
	k := keeper(t, m, lease.Options{}, at(0))
	forged := lease.SealBar([32]byte{9}, lease.NewBar(lease.Bar{}, at(0)))
	if err := m.PutBar(context.Background(), forged); err != nil {
		t.Fatal(err)
	}
	sweep(t, k, at(1))
	use(t, k, alice, "c", time.Hour, at(1))
	if len(k.Bars()) != 0 || len(keeper(t, m, lease.Options{}, at(1)).Bars()) != 0 {
		t.Error("it stands")
	}
}

// A bar stands for as long as was meant where the clock was ahead once, and is set
// right: time here does not go back.
func TestABarUnderAClockThatWasAhead(t *testing.T) {
	k := keeper(t, new(leasetest.Memory), lease.Options{}, at(0))
	sweep(t, k, at(7200))
	l := use(t, k, alice, "c", time.Hour, at(10))
	b, ended, err := k.Bar(context.Background(), lease.Bar{By: "sre", Until: at(70)}, at(10))
	if err != nil || len(ended) != 1 || k.Live(l.ID, at(11)) {
		t.Fatalf("ended %d leases, %v", len(ended), err)
	}
	if stands := b.Until.Sub(b.Since); stands != time.Minute {
		t.Errorf("it stands for %s", stands)
	}
	var barred *lease.Barred
	if _, err := k.Use(context.Background(), asked(alice, "c", time.Minute), at(12)); !errors.As(err, &barred) {
		t.Errorf("opening a lease: %v", err)
	}
}
