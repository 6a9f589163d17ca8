package export

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cloakroom/internal/record"
	"cloakroom/internal/record/recordtest"
)

// taken is a sink that keeps the UIDs that it was given, and fails when told to.
type taken struct {
	uids  []string
	fails int // so many times
}

func (s *taken) Deliver(_ context.Context, events []Event) error {
	for _, e := range events {
		s.uids = append(s.uids, e.UID) // also of what fails: it may have arrived
	}
	if s.fails > 0 {
		s.fails--
		return errors.New("not now")
	}
	return nil
}
func (*taken) Close() error { return nil }

// world is a log that is being written.
type world struct {
	t   *testing.T
	dir string
	log *record.Log
	job Job
	to  *taken
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, dir: filepath.Join(t.TempDir(), "log"), to: &taken{}}
	l, err := record.Open(w.dir, recordtest.Masker(t), record.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	w.log = l
	m, err := NewMapper(OCSF, l.ID(), "1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	w.job = Job{Dir: w.dir, Mapper: m, Sink: w.to, State: filepath.Join(t.TempDir(), "state")}
	return w
}

// write appends n entries that were made at a time.
func (w *world) write(n int, made time.Time) {
	w.t.Helper()
	for range n {
		if err := w.log.Append(context.Background(), record.Entry{Time: made, Act: &record.Act{Name: "backup"}}); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *world) run() (Summary, error) { return Run(context.Background(), w.job) }

// want compares what arrived since the last call, by the entries' numbers.
func (w *world) want(seqs ...string) {
	w.t.Helper()
	var got []string
	for _, uid := range w.to.uids {
		got = append(got, strings.TrimPrefix(uid, w.log.ID()+":"))
	}
	if !slices.Equal(got, seqs) {
		w.t.Errorf("got entries %v, want %v", got, seqs)
	}
	w.to.uids = nil
}

func TestTheStateGoesOn(t *testing.T) {
	w := newWorld(t)
	w.write(2, at)
	if done, err := w.run(); err != nil || done.Entries != 2 || done.Events != 2 || done.Last != 2 {
		t.Errorf("got %+v, %v", done, err)
	}
	w.want("1", "2")
	w.write(1, at)
	for range 2 {
		if _, err := w.run(); err != nil {
			t.Fatal(err)
		}
	}
	w.want("3")
}

func TestWhatFailedComesAgain(t *testing.T) {
	w := newWorld(t)
	w.write(2, at)
	w.to.fails = 1
	if _, err := w.run(); err == nil {
		t.Error("no error")
	}
	w.want("1", "2")
	if _, err := w.run(); err != nil {
		t.Fatal(err)
	}
	w.want("1", "2")
}

func TestSinceLeavesOutWhatIsEarlier(t *testing.T) {
	w := newWorld(t)
	w.write(1, at)
	w.write(1, at.Add(time.Hour))
	w.job.Since = at.Add(time.Minute)
	if done, err := w.run(); err != nil || done.Entries != 1 || done.Last != 2 {
		t.Errorf("got %+v, %v", done, err)
	}
	w.want("2")
}

func TestMoreThanABatch(t *testing.T) {
	w := newWorld(t)
	for i := range batch + 1 {
		w.log.Note(record.Entry{Act: &record.Act{Name: "backup", N: i}})
	}
	if err := w.log.Close(); err != nil {
		t.Fatal(err)
	}
	if done, err := w.run(); err != nil || done.Entries != batch+1 {
		t.Errorf("got %+v, %v", done, err)
	}
}

// TestABatchIsBounded has entries of which few make more than a collector takes.
func TestABatchIsBounded(t *testing.T) {
	w := newWorld(t)
	long := &record.Approval{Lease: record.NewID(at), Shown: strings.Repeat("long ", record.ShownMax/5)}
	const n = 3 * bulk / record.ShownMax
	for range n {
		w.log.Note(record.Entry{Approval: long})
	}
	if err := w.log.Close(); err != nil {
		t.Fatal(err)
	}
	most := &largest{}
	w.job.Sink = most
	if done, err := w.run(); err != nil || done.Entries != n || most.n > n/2 {
		t.Errorf("got %+v, of them %d in a batch, %v", done, most.n, err)
	}
}

// largest is a sink that counts the events of its largest batch.
type largest struct{ n int }

func (s *largest) Deliver(_ context.Context, events []Event) error {
	s.n = max(s.n, len(events))
	return nil
}
func (*largest) Close() error { return nil }

// TestFollowing delivers what is written later, over a sink that fails, until it
// is told to stop.
func TestFollowing(t *testing.T) {
	w := newWorld(t)
	w.write(1, at)
	w.to.fails = 1
	failed, arrived := make(chan error, 10), make(chan struct{}, 10)
	w.job.Follow, w.job.retry, w.job.Failed = true, time.Millisecond, func(err error) { failed <- err }
	w.job.Sink = telling{w.to, arrived}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() {
		_, err := Run(ctx, w.job)
		ended <- err
	}()
	<-failed
	<-arrived
	w.write(1, at)
	<-arrived
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	w.want("1", "1", "2")
}

// telling tells of what was delivered.
type telling struct {
	Sink
	arrived chan struct{}
}

func (s telling) Deliver(ctx context.Context, events []Event) error {
	err := s.Sink.Deliver(ctx, events)
	if err == nil {
		s.arrived <- struct{}{}
	}
	return err
}

func TestAStateOfAnotherLogIsRefused(t *testing.T) {
	w, another := newWorld(t), newWorld(t)
	w.write(2, at)
	another.write(2, at.Add(time.Second))
	if _, err := w.run(); err != nil {
		t.Fatal(err)
	}
	another.job.State = w.job.State
	if _, err := another.run(); err == nil || !strings.Contains(err.Error(), "a state of its own") {
		t.Errorf("got %v", err)
	}
	text, err := os.ReadFile(w.job.State)
	if err != nil {
		t.Fatal(err)
	}
	other := strings.Replace(string(text), w.log.ID(), another.log.ID(), 1)
	if err := os.WriteFile(w.job.State, []byte(other), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := another.run(); !errors.Is(err, record.ErrBroken) {
		t.Errorf("an entry with another hash: got %v", err)
	}
	another.want()
}

func TestAStateThatIsNoneIsRefused(t *testing.T) {
	w := newWorld(t)
	for _, text := range []string{"", "x", `{"log":1}`, `{"log":"` + w.log.ID() + `","seq":1,"hash":"00"}`} {
		if err := os.WriteFile(w.job.State, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := w.run(); err == nil {
			t.Errorf("%q: no error", text)
		}
	}
}
