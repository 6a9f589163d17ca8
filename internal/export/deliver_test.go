package export

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// picky is a sink that takes no delivery with an event of some entries.
type picky struct {
	taken
	bad   map[string]bool // by the entry's number
	down  bool            // now
	asked int
}

func (s *picky) Deliver(ctx context.Context, events []Event) error {
	s.asked++
	if s.down {
		return errors.New("it is not there")
	}
	for _, e := range events {
		if _, seq, _ := strings.Cut(e.UID, ":"); s.bad[seq] {
			return Rejection{errors.New("of no use")}
		}
	}
	return s.taken.Deliver(ctx, events)
}

// pick has a world's job deliver to a sink that rejects the events of some entries.
func (w *world) pick(bad ...string) (s *picky, told *[]string) {
	s, told = &picky{bad: map[string]bool{}}, &[]string{}
	for _, seq := range bad {
		s.bad[seq] = true
	}
	w.to, w.job.Sink, w.job.Aside = &s.taken, s, filepath.Join(w.t.TempDir(), "rejected")
	w.job.Failed = func(err error) { *told = append(*told, err.Error()) }
	return s, told
}

// aside is what was put aside.
func (w *world) aside() string {
	w.t.Helper()
	text, err := os.ReadFile(w.job.Aside)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		w.t.Fatal(err)
	}
	return string(text)
}

// TestWhatIsRejectedIsPutAside, and what stands before and behind it is delivered.
func TestWhatIsRejectedIsPutAside(t *testing.T) {
	for _, follow := range []bool{false, true} {
		w := newWorld(t)
		_, told := w.pick("3", "7")
		w.write(9, at)
		done, err := w.some(follow, 9)
		if err != nil || done.Events != 9 || done.Rejected != 2 || done.Last != 9 {
			t.Errorf("got %+v, %v", done, err)
		}
		w.want("1", "2", "4", "5", "6", "8", "9")
		if text := w.aside(); strings.Count(text, "\n") != 2 || !strings.Contains(text, w.log.ID()+`:3"`) || !strings.Contains(text, w.log.ID()+`:7"`) {
			t.Errorf("put aside: %s", text)
		}
		if n := len(*told); n < 2 || !strings.Contains((*told)[n-1], ":7 is rejected: of no use") {
			t.Errorf("told %q", *told)
		}
		if again, err := w.run(); err != nil || again.Entries != 0 {
			t.Errorf("again: %+v, %v", again, err)
		}
	}
}

// some runs the job, and where it follows stops it once so many entries were read.
func (w *world) some(follow bool, n uint64) (Summary, error) {
	w.t.Helper()
	if !follow {
		return w.run()
	}
	j := w.job
	j.Follow, j.retry = true, time.Millisecond
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go func() {
		defer stop()
		for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
			if p, err := readState(j.State, w.log.ID()); err == nil && p.Seq >= n {
				return
			}
		}
	}()
	return Run(ctx, j)
}

// TestASinkThatTookBeforeIsBelieved about the only event that comes.
func TestASinkThatTookBeforeIsBelieved(t *testing.T) {
	w := newWorld(t)
	w.pick("2")
	for range 2 {
		w.write(1, at)
		if _, err := w.run(); err != nil {
			t.Fatal(err)
		}
	}
	w.want("1")
}

// TestASinkThatTakesNothingIsDown: what it says is about itself.
func TestASinkThatTakesNothingIsDown(t *testing.T) {
	w := newWorld(t)
	const n = 200
	var all []string
	for i := range n {
		all = append(all, strconv.Itoa(i+1))
	}
	s, _ := w.pick(all...)
	w.write(n, at)
	if done, err := w.run(); !errors.Is(err, errNothing) || done.Rejected != 0 || done.Last != 0 || w.aside() != "" {
		t.Errorf("got %+v, %v, put aside %q", done, err, w.aside())
	}
	if s.asked > 2*mostVain {
		t.Errorf("it was asked %d times", s.asked)
	}
}

// TestASinkThatTakesNothingAnyMore is not asked about each event for ever.
func TestASinkThatTakesNothingAnyMore(t *testing.T) {
	w := newWorld(t)
	s, _ := w.pick()
	w.write(1, at)
	if _, err := w.run(); err != nil {
		t.Fatal(err)
	}
	c := &courier{Job: w.job, took: true}
	var all []Event
	for i := range mostDoubt {
		s.bad[strconv.Itoa(i)] = true
		all = append(all, Event{UID: "log:" + strconv.Itoa(i)})
	}
	if err := c.deliver(t.Context(), all); !errors.Is(err, errNothing) || w.aside() != "" || s.asked > mostDoubt+9 {
		t.Errorf("%v, asked %d times", err, s.asked)
	}
	before := s.asked
	if err := c.deliver(t.Context(), all); !errors.Is(err, errNothing) || s.asked != before+1 {
		t.Errorf("again: %v, asked %d times", err, s.asked-before)
	}
	clear(s.bad)
	if err := c.deliver(t.Context(), all); err != nil {
		t.Error(err)
	}
}

// failing is a sink that is down once something was rejected.
type failing struct{ *picky }

func (s failing) Deliver(ctx context.Context, events []Event) error {
	err := s.picky.Deliver(ctx, events)
	s.down = s.down || errors.As(err, new(Rejection)) && len(events) < 3
	return err
}

// TestAFailureWhileDividingPutsNothingAside, and nothing is lost.
func TestAFailureWhileDividingPutsNothingAside(t *testing.T) {
	w := newWorld(t)
	s, _ := w.pick("2")
	w.job.Sink = failing{s}
	w.write(8, at)
	if done, err := w.run(); err == nil || done.Rejected != 0 || done.Last != 0 || w.aside() != "" {
		t.Errorf("got %+v, %v, put aside %q", done, err, w.aside())
	}
	s.down, w.job.Sink, s.uids = false, s, nil
	if done, err := w.run(); err != nil || done.Rejected != 1 {
		t.Errorf("got %+v, %v", done, err)
	}
	w.want("1", "3", "4", "5", "6", "7", "8")
}

// TestWhatCannotBePutAsideStays until it can.
func TestWhatCannotBePutAsideStays(t *testing.T) {
	w := newWorld(t)
	w.pick("2")
	w.job.Aside = w.t.TempDir() // no file
	w.write(3, at)
	if done, err := w.run(); err == nil || done.Last != 0 {
		t.Errorf("got %+v, %v", done, err)
	}
}

// TestWhatIsPutAsideBelongsToTheFolder, also where root exports: whoever owns it goes on
// with it. A link in its place leads nobody to write elsewhere.
func TestWhatIsPutAsideBelongsToTheFolder(t *testing.T) {
	dir := t.TempDir()
	const nobody = 65534
	if err := os.Chown(dir, nobody, nobody); err != nil && os.Geteuid() == 0 {
		t.Fatal(err)
	}
	path, elsewhere := filepath.Join(dir, "aside"), filepath.Join(dir, "elsewhere")
	for range 2 {
		if err := toEnd(t.Context(), path, []Event{{Fields: Fields{"a": 1}}}); err != nil {
			t.Fatal(err)
		}
	}
	file, err := os.Stat(path)
	folder, other := os.Stat(dir)
	if err := errors.Join(err, other); err != nil {
		t.Fatal(err)
	}
	if file.Sys().(*syscall.Stat_t).Uid != folder.Sys().(*syscall.Stat_t).Uid || file.Mode().Perm() != 0o600 || file.Size() != 16 {
		t.Errorf("got %+v", file.Sys())
	}
	if err := errors.Join(os.WriteFile(elsewhere, nil, 0o600), os.Remove(path), os.Symlink(elsewhere, path)); err != nil {
		t.Fatal(err)
	}
	if err := toEnd(t.Context(), path, []Event{{Fields: Fields{"a": 1}}}); err == nil {
		t.Error("a link was followed")
	}
}
