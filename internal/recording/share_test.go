package recording

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"cloakroom/internal/record"
)

// stall lets a long word come, and no end of it: none of it can be written.
func stall(tape Tape) error {
	tape.Piece(began, Sent, []byte(strings.Repeat("x", runMax-1)), nil)
	return tape.Flush(began, false)
}

// One principal's stalled exchanges never take all memory: it begins nothing new, what
// it has under way is cut at last, and others go on.
func TestMemoryShare(t *testing.T) {
	for _, strict := range []bool{true, false} {
		t.Run(fmt.Sprintf("strict=%v", strict), func(t *testing.T) {
			dir := newDir(t)
			r := open(t, dir, openLog(t, dir), Options{Strict: strict, Memory: 32 * runMax})
			quiet := r.Begin(record.NewID(began), "quiet", began, full)
			var tapes []Tape
			for range 40 {
				tapes = append(tapes, r.Begin(record.NewID(began), "greedy", began, full))
			}
			cut := 0
			for n, tape := range tapes {
				if err := r.Ready("greedy"); n > 10 && strict != errors.Is(err, ErrShare) { // its share is 8 runs
					t.Fatalf("with %d stalled one may begin: %v", n, err)
				}
				if err := stall(tape); errors.Is(err, ErrShare) {
					cut++
				}
			}
			if goOn := len(tapes) - cut; strict && (goOn < 8 || goOn > 20) || !strict && cut > 0 { // 16 runs, and what the disk took meanwhile
				t.Errorf("%d of %d were cut", cut, len(tapes))
			}
			if s := r.Stats(); s.Memory > 24*runMax || r.OverShare() != 1 || s.Lost == 0 {
				t.Errorf("got %+v", s)
			}
			if err := errors.Join(r.Ready(""), r.Ready("quiet"), ordinary(quiet, jsonBody(1))); err != nil {
				t.Errorf("another: %v", err)
			}
			for _, tape := range append(tapes, quiet) {
				tape.End(began, record.End{})
			}
			eventually(t, "all ends", func() bool { return r.Stats().Memory == 0 })
			if err := r.Ready("greedy"); err != nil || r.OverShare() != 0 {
				t.Errorf("once all ended: %v", err)
			}
		})
	}
}

// Where principals may record so much in a day, one that did begins nothing more, and
// others go on; a day later it may go on too.
func TestDailyShare(t *testing.T) {
	dir := newDir(t)
	c := newClock()
	r := open(t, dir, openLog(t, dir), Options{Strict: true, PerPrincipal: 2000, Now: c.now})
	under := r.Begin(record.NewID(began), "agent", began, full)
	for n := 0; r.Ready("agent") == nil && n < 100; n++ {
		recordOne(t, r, dir, full)
	}
	if err := r.Ready("agent"); !errors.Is(err, ErrShare) || !strings.Contains(err.Error(), "may record 2000") {
		t.Fatalf("got %v", err)
	}
	if err := errors.Join(r.Ready(""), r.Ready("quiet"), ordinary(under, jsonBody(1))); err != nil {
		t.Errorf("others, and what is under way: %v", err)
	}
	under.End(began, record.End{})
	c.set(began.Add(-time.Hour))
	if err := r.Ready("agent"); !errors.Is(err, ErrShare) {
		t.Errorf("with a clock that was set back: %v", err)
	}
	c.set(began.Add(2 * day))
	if err := r.Ready("agent"); err != nil {
		t.Errorf("two days later: %v", err)
	}
}

// What is under way is cut at twice the share.
func TestDailyShareCuts(t *testing.T) {
	dir := newDir(t)
	r := open(t, dir, openLog(t, dir), Options{Strict: true, PerPrincipal: 2000, Now: newClock().now})
	tape := r.Begin(record.NewID(began), "agent", began, Rule{Bodies: Full, Limit: 1 << 20})
	var err error
	for n := 0; err == nil && n < 100; n++ {
		tape.Piece(began, Got, jsonBody(n), nil)
		err = tape.Flush(began, true)
	}
	if !errors.Is(err, ErrShare) || r.Stats().Bytes > 6000 {
		t.Errorf("after %d bytes: %v", r.Stats().Bytes, err)
	}
	tape.End(began, record.End{})
}

// Where nothing waits for the record, less is kept instead: the bodies' hashes.
func TestDailyShareWhereNothingWaits(t *testing.T) {
	dir := newDir(t)
	r := open(t, dir, openLog(t, dir), Options{PerPrincipal: 700, Now: newClock().now})
	if _, e := recordOne(t, r, dir, full); e.Kept != string(Full) || e.Lost {
		t.Fatalf("got %+v", e)
	}
	id, e := recordOne(t, r, dir, full)
	got, err := r.Read(t.Context(), id, e.Recording)
	if err != nil || e.Kept != string(Hash) || e.Lost || got.Got.Kept != 0 || got.Got.SHA256 == (record.Hash{}) {
		t.Errorf("got %+v, %+v, %v", e, got, err)
	}
	if err := r.Ready("agent"); err != nil {
		t.Errorf("it is refused: %v", err)
	}
}

// As the disk is low those who record much stop, before it stops all.
func TestLowDisk(t *testing.T) {
	dir := newDir(t)
	d := &faulty{}
	r := open(t, dir, openLog(t, dir), Options{Strict: true, disk: d, Reserve: 8 << 10, Now: newClock().now})
	for range 10 {
		recordOne(t, r, dir, full)
	}
	if err := r.Ready("agent"); err != nil {
		t.Fatalf("with much room: %v", err)
	}
	d.leave(20 << 10)
	eventually(t, "its share", func() bool { return errors.Is(r.Ready("agent"), ErrShare) })
	if err := errors.Join(r.Ready(""), r.Ready("quiet")); err != nil {
		t.Errorf("others: %v", err)
	}
	d.leave(0)
	eventually(t, "room again", func() bool { return r.Ready("agent") == nil })
}

// As the outside store takes less than there is those who record much stop, before
// that stops all.
func TestLowBacklog(t *testing.T) {
	dir, bucket := newDir(t), t.TempDir()
	r := open(t, dir, openLog(t, dir), Options{Strict: true, PackBytes: 1, Waiting: 64 << 10, Store: "file://" + bucket, Now: newClock().now})
	if err := errors.Join(os.Remove(bucket), os.WriteFile(bucket, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	for range 3 { // more than the share that it will have
		recordOne(t, r, dir, full)
	}
	for i := 0; r.Stats().Waiting <= 32<<10; i++ {
		recordOf(t, r, dir, fmt.Sprint("agent", i), full)
	}
	eventually(t, "its share", func() bool { return errors.Is(r.Ready("agent"), ErrShare) })
	if err := errors.Join(r.Ready(""), r.Ready("quiet")); err != nil {
		t.Errorf("others: %v", err)
	}
	if err := errors.Join(os.Remove(bucket), os.Mkdir(bucket, 0o700)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "going on", func() bool { return r.Ready("agent") == nil })
}

// What is under way comes to its end with what is kept free, and nothing begins.
func TestReserveIsForWhatGoesOn(t *testing.T) {
	dir := newDir(t)
	d := &faulty{}
	r := open(t, dir, openLog(t, dir), Options{Strict: true, disk: d, Reserve: 1 << 20})
	id := record.NewID(began)
	tape := r.Begin(id, "agent", began, full)
	d.leave(1 << 19)
	eventually(t, "refusing new ones", func() bool { return errors.Is(r.Ready(""), ErrUnavailable) })
	if err := ordinary(tape, jsonBody(1)); err != nil {
		t.Errorf("one under way: %v", err)
	}
	tape.End(began, record.End{Status: 200})
	eventually(t, "the end", func() bool { return ends(t, dir)[id].Status == 200 })
	wantWhole(t, r, ends(t, dir)[id], id)
}

// Where there is no issuer nobody calls, and has all that there is.
func TestNobodyHasNoShare(t *testing.T) {
	dir := newDir(t)
	r := open(t, dir, openLog(t, dir), Options{Strict: true, PerPrincipal: 100})
	for range 3 {
		tape := r.Begin(record.NewID(began), "", began, full)
		if err := errors.Join(ordinary(tape, jsonBody(1)), r.Ready("")); err != nil {
			t.Error(err)
		}
		tape.End(began, record.End{})
	}
}

// Who recorded nothing for a day takes no memory, unless an exchange goes on.
func TestIdleSharesAreForgotten(t *testing.T) {
	dir := newDir(t)
	c := newClock()
	r := open(t, dir, openLog(t, dir), Options{Strict: true, Now: c.now})
	recordOne(t, r, dir, full)
	tape := r.Begin(record.NewID(began), "goes on", began, full)
	c.set(began.Add(day + time.Hour))
	eventually(t, "forgetting", func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return len(r.shares) == 1 && r.shares["goes on"] != nil
	})
	tape.End(began, record.End{})
}
