package console

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/lease"
	"cloakroom/internal/record"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// after is a time of the tests.
func after(s float64) time.Time { return noon.Add(time.Duration(s * float64(time.Second))) }

// took is an exchange that used a lease from one second to another; 0: it goes on.
func took(from, to float64, leases ...string) record.Exchange {
	d := &record.Decision{Exchange: "x", Outcome: access.Allow}
	for _, id := range leases {
		d.Uses = append(d.Uses, record.Use{Credential: "pay", Lease: id, LeaseEnds: after(100)})
	}
	x := record.Exchange{Decision: record.Entry{Time: after(from), Decision: d}}
	if to > 0 {
		x.End = &record.Entry{Time: after(to), End: &record.End{Substitutions: []record.Substitution{{Credential: "pay", Location: "path", N: 1}},
			Masks: []record.Count{{Name: "pay", N: 3}}}}
	}
	return x
}

// drawn is a lane in one line.
func drawn(bars []bar, marks []mark) string {
	var all []string
	for _, b := range bars {
		all = append(all, b.Kind+" "+b.X+" +"+b.Width)
	}
	for _, m := range marks {
		all = append(all, m.Kind+" "+m.X)
	}
	return strings.Join(all, ", ")
}

func TestTimeline(t *testing.T) {
	approved := lease.Lease{ID: "l1", Credential: "pay", Session: "s", State: lease.Active, Created: after(0), Starts: after(4), Ends: after(60),
		Terms: lease.Terms{Needs: 1}, Answers: []lease.Answer{{Person: "alice", Approve: true, Time: after(4)}}}
	denied := lease.Lease{ID: "l2", Credential: "pay", Session: "s", State: lease.Ended, Ending: lease.Denied, Created: after(5), Ends: after(60), Ended: after(7),
		Terms: lease.Terms{Needs: 1}, Answers: []lease.Answer{{Person: "bob", Time: after(7)}}}
	revoked := lease.Lease{ID: "l3", Credential: "read", Session: "other", State: lease.Ended, Ending: lease.Revoked, Created: after(-50), Starts: after(-50), Ends: after(60), Ended: after(9)}
	xs := []record.Exchange{took(5, 6, "l1", "l3"), took(8, 0, "gone"), took(10, 10)}
	xs[1].Decision.Decision.Outcome = access.Deny
	got := newTimeline(xs, []lease.Lease{approved, denied, revoked}, "s", after(20))
	if got.Began != after(0) || got.Length != 10*time.Second {
		t.Errorf("from %v, %v long", got.Began, got.Length)
	}
	var leases, exchanges []string
	for _, l := range got.Leases {
		leases = append(leases, l.ID+": "+drawn(l.Bars, l.Marks))
	}
	for _, x := range got.Exchanges {
		exchanges = append(exchanges, fmt.Sprint(x.At, ": ", drawn([]bar{x.Bar}, x.Marks)))
	}
	wantLeases := []string{
		"l1: pending 0.00% +40.00%, active 40.00% +60.00%, yes 40.00%",
		"l3: active 0.00% +90.00%, no 90.00%",
		"l2: pending 50.00% +20.00%, no 70.00%",
		"gone: active 80.00% +20.00%",
	}
	wantExchanges := []string{
		"5s: took 50.00% +10.00%, allow 50.00%, used 50.00%, masked 60.00%",
		"8s: open 80.00% +0.00%, refused 80.00%",
		"10s: took 100.00% +0.00%, allow 100.00%, used 100.00%, masked 100.00%",
	}
	if !slices.Equal(leases, wantLeases) || !slices.Equal(exchanges, wantExchanges) {
		t.Errorf("leases:\n%s\nexchanges:\n%s", strings.Join(leases, "\n"), strings.Join(exchanges, "\n"))
	}
}

// TestTimelineOfAMoment has room for what took no time, and no more than a few
// ticks whatever the length.
func TestTimelineOfAMoment(t *testing.T) {
	for _, length := range []float64{0, 0.05, 0.3, 1, 7, 59, 3601, 90_000, 40_000_000} {
		got := newTimeline([]record.Exchange{took(0, 0), took(length, length)}, nil, "s", after(1e9))
		if n := len(got.Ticks); got.Length < shortest || n < 2 || n > mostTicks+1 || got.Ticks[0].X != "0.00%" {
			t.Errorf("%v s: %v long, ticks %v", length, got.Length, got.Ticks)
		}
	}
}

func TestOffset(t *testing.T) {
	for d, want := range map[time.Duration]string{0: "0", 900 * time.Microsecond: "0", 12 * time.Millisecond: "12 ms", 1250 * time.Millisecond: "1.25 s",
		59 * time.Second: "59 s", 61 * time.Second: "1 min 1 s"} {
		if got := offset(d); got != want {
			t.Errorf("offset(%v) = %q, want %q", d, got, want)
		}
	}
}
