package recording

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"testing"
	"time"

	"cloakroom/internal/record"

	"golang.org/x/sys/unix"
)

var errDisk = errors.New("the disk says no")

// faulty is the operating system's disk, which fails where it is told to.
type faulty struct {
	osDisk
	mu       sync.Mutex
	failing  map[string]bool // by what is done
	writable int             // bytes of a failing write that reach the disk
	left     int64           // bytes that are free; 0: as many as are
	held     chan struct{}   // a sync waits until it is closed
}

func (d *faulty) fail(writable int, doing ...string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.failing, d.writable = map[string]bool{}, writable
	for _, what := range doing {
		d.failing[what] = true
	}
}

// leave lets so many bytes be free; 0: as many as are.
func (d *faulty) leave(n int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.left = n
}

func (d *faulty) err(doing string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.failing[doing] {
		return errDisk
	}
	return nil
}

func (d *faulty) create(path string) (file, error) {
	if err := d.err("create"); err != nil {
		return nil, err
	}
	f, err := d.osDisk.create(path)
	if err != nil {
		return nil, err
	}
	return &faultyFile{f, d}, nil
}

func (d *faulty) truncate(path string, size int64) error {
	return errors.Join(d.err("truncate"), d.osDisk.truncate(path, size))
}

func (d *faulty) rename(from, to string) error {
	if err := d.err("rename"); err != nil {
		return err
	}
	return d.osDisk.rename(from, to)
}

func (d *faulty) free(dir string) (int64, int64, error) {
	free, all, err := d.osDisk.free(dir)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.left > 0 {
		free = d.left
	}
	return free, all, err
}

type faultyFile struct {
	file
	d *faulty
}

func (f *faultyFile) Write(p []byte) (int, error) {
	if err := f.d.err("write"); err != nil {
		f.d.mu.Lock()
		n := f.d.writable
		f.d.mu.Unlock()
		n, _ = f.file.Write(p[:min(n, len(p))])
		return n, err
	}
	return f.file.Write(p)
}

func (f *faultyFile) Sync() error {
	f.d.mu.Lock()
	held := f.d.held
	f.d.mu.Unlock()
	if held != nil {
		<-held
	}
	if err := f.d.err("sync"); err != nil {
		return err
	}
	return f.file.Sync()
}

// What a failing disk did never shows: what Flush said is written is there, with
// one end, every part is named, and recording goes on.
func TestFailingDisk(t *testing.T) {
	for _, c := range []struct {
		name     string
		failing  []string
		writable int
		refused  bool // Flush tells at once
	}{
		{"nothing is written", []string{"write"}, 0, true},
		{"half a part is written", []string{"write"}, 100, true},
		{"a write fails, and no pack is made", []string{"write", "create"}, 10, true},
		{"the sync fails", []string{"sync"}, 0, false},
		{"nothing works", []string{"write", "sync", "create", "truncate"}, 50, true},
		{"the sync fails, and nothing can be cut off", []string{"sync", "truncate"}, 0, false},
	} {
		for _, before := range []int{0, 3} { // with no pack, with an open one
			t.Run(fmt.Sprintf("%s after %d", c.name, before), func(t *testing.T) {
				failAndHeal(t, before, c.failing, c.writable, c.refused)
			})
		}
	}
}

func failAndHeal(t *testing.T, before int, failing []string, writable int, refused bool) {
	dir := newDir(t)
	d := &faulty{}
	k := &keeper{r: open(t, dir, openLog(t, dir), Options{Strict: true, disk: d})}
	k.keep(t, before)
	d.fail(writable, failing...)
	for range 3 {
		if err := k.keepOne(); refused != (err != nil) || err != nil && !errors.Is(err, ErrUnavailable) {
			t.Errorf("while it fails: %v", err)
		}
	}
	eventually(t, "refusing", func() bool { return errors.Is(k.r.Ready(""), ErrUnavailable) })
	time.Sleep(2 * commitEvery)
	d.fail(0)
	eventually(t, "healing", func() bool { return k.r.Ready("") == nil })
	k.keep(t, 2)
	eventually(t, "the ends", func() bool { return len(ends(t, dir)) == len(k.all) })
	for _, id := range k.whole {
		wantWhole(t, k.r, ends(t, dir)[id], id)
	}
	if lost := ends(t, dir)[k.all[before]].Lost; lost != refused {
		t.Errorf("lost: %v", lost)
	}
	if err := k.r.Close(); err != nil {
		t.Error(err)
	}
	wantNamed(t, dir)
}

// keeper records exchanges, and knows of which all is written.
type keeper struct {
	r          *Recorder
	whole, all []string
}

func (k *keeper) keepOne() error {
	id := record.NewID(began)
	tape := k.r.Begin(id, "agent", began, full)
	err := ordinary(tape, jsonBody(len(k.all)))
	tape.End(began.Add(time.Second), record.End{Status: 200})
	if err == nil {
		k.whole = append(k.whole, id)
	}
	k.all = append(k.all, id)
	return err
}

func (k *keeper) keep(t *testing.T, n int) {
	t.Helper()
	for range n {
		if err := k.keepOne(); err != nil {
			t.Fatal(err)
		}
	}
}

// A pack that cannot be closed is open until it can, and the log says once that it
// is closed.
func TestClosingFails(t *testing.T) {
	dir := newDir(t)
	d := &faulty{}
	k := &keeper{r: open(t, dir, openLog(t, dir), Options{Strict: true, PackBytes: 1, disk: d})}
	for _, failing := range []string{"rename", "create"} {
		k.keep(t, 1)
		eventually(t, "the end", func() bool { return len(ends(t, dir)) == len(k.all) })
		d.fail(0, failing)
		_ = k.keepOne() // closes the pack before
		time.Sleep(4 * commitEvery)
		d.fail(0)
		eventually(t, "healing", func() bool { return k.r.Ready("") == nil })
	}
	k.keep(t, 1)
	eventually(t, "closing", func() bool { return len(closed(t, dir)) == len(k.whole)-1 })
	k.r.Close()
	if n := len(acts(t, dir, "pack")); n != len(closed(t, dir)) || n != len(k.whole) {
		t.Errorf("%d of %d packs are said to be closed, of %d", n, len(closed(t, dir)), len(k.whole))
	}
	wantNamed(t, dir)
}

// Where recording is not strict, nothing that the disk does is felt.
func TestRelaxedGoesOn(t *testing.T) {
	dir := newDir(t)
	l := openLog(t, dir)
	d := &faulty{}
	r := open(t, dir, l, Options{disk: d})
	d.fail(0, "write", "create", "sync")
	id := record.NewID(began)
	tape := r.Begin(id, "agent", began, full)
	if err := ordinary(tape, jsonBody(1)); err != nil || r.Ready("") != nil {
		t.Fatalf("got %v, %v", err, r.Ready(""))
	}
	tape.End(began.Add(time.Second), record.End{Status: 200})
	eventually(t, "the end", func() bool { return len(ends(t, dir)) == 1 })
	if e := ends(t, dir)[id]; !e.Lost || len(e.Recording) != 0 || e.Kept != "" {
		t.Errorf("got %+v", e)
	}
	if r.Stats().Lost != 1 {
		t.Errorf("got %+v", r.Stats())
	}
	d.fail(0)
}

func TestScarcity(t *testing.T) {
	dir := newDir(t)
	d := &faulty{left: 1000}
	r := open(t, dir, openLog(t, dir), Options{Strict: true, disk: d})
	if err := r.Ready(""); !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "1000 bytes left") {
		t.Errorf("got %v", err)
	}
	d.leave(0)
	r.watch()
	if err := r.Ready(""); err != nil {
		t.Errorf("with room: %v", err)
	}
}

// What is kept free is not for recordings, strict or not: the log and the store need it.
func TestScarcityWhereNothingWaits(t *testing.T) {
	dir := newDir(t)
	d := &faulty{left: 1000}
	r := open(t, dir, openLog(t, dir), Options{disk: d})
	_, e := recordOne(t, r, dir, full)
	if !e.Lost || len(e.Recording) != 0 || r.Ready("") != nil {
		t.Errorf("got %+v, %v", e, r.Ready(""))
	}
}

// A tape that can be written no more takes no memory for what would follow.
func TestTakesNothingAfterAFailure(t *testing.T) {
	dir := newDir(t)
	r := open(t, dir, openLog(t, dir), Options{disk: &faulty{left: 1000}})
	tp := r.Begin(record.NewID(began), "agent", began, Rule{Bodies: Full, Limit: 1 << 30}).(*tape)
	piece := []byte(strings.Repeat("a body ", 16<<10))
	for range 100 {
		tp.Piece(began, Got, piece, nil)
		if err := tp.Flush(began, false); err != nil {
			t.Fatal(err)
		}
	}
	if n := r.Stats().Memory; n > 1<<20 {
		t.Errorf("it holds %d bytes", n)
	}
	tp.End(began, record.End{})
}

// A disk that hangs stops new exchanges of all before it takes all memory.
func TestHangingDisk(t *testing.T) {
	dir := newDir(t)
	d := &faulty{held: make(chan struct{})}
	r := open(t, dir, openLog(t, dir), Options{Strict: true, disk: d, Memory: 1 << 20})
	n := 0
	for ; r.Ready("") == nil && n < 10000; n++ {
		tape := r.Begin(record.NewID(began), fmt.Sprint("agent", n%64), began, full)
		if err := ordinary(tape, jsonBody(n)); err != nil {
			t.Fatal(err)
		}
		tape.End(began, record.End{})
	}
	if err := r.Ready(""); !errors.Is(err, ErrUnavailable) {
		t.Fatalf("after %d: %v", n, err)
	}
	d.mu.Lock()
	close(d.held)
	d.held = nil
	d.mu.Unlock()
	eventually(t, "all ends", func() bool { return r.Ready("") == nil && len(ends(t, dir)) == n })
	if m := r.Stats().Memory; m != 0 {
		t.Errorf("%d bytes are said to wait", m)
	}
}

// The kernel's own refusal, in a child whose files may not grow past a limit.
func TestFileSizeLimit(t *testing.T) {
	if dir := os.Getenv("RECORDING_TEST_LIMIT"); dir != "" {
		limitedChild(t, dir)
		return
	}
	dir := newDir(t)
	child := exec.Command(os.Args[0], "-test.run=^TestFileSizeLimit$", "-test.v")
	child.Env = append(os.Environ(), "RECORDING_TEST_LIMIT="+dir)
	out, err := child.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "healed") {
		t.Fatalf("child: %v\n%s", err, out)
	}
	wantNamed(t, dir)
}

func limitedChild(t *testing.T, dir string) {
	signal.Ignore(unix.SIGXFSZ)
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	l := openLog(t, dir)
	r := open(t, dir, l, Options{Strict: true})
	keep := func() error {
		tape := r.Begin(record.NewID(time.Now()), "agent", began, full)
		defer tape.End(began, record.End{})
		return ordinary(tape, jsonBody(1))
	}
	if err := keep(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the end", func() bool { return len(ends(t, dir)) == 1 })
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 500, Max: limit.Max}); err != nil {
		t.Fatal(err)
	}
	if err := keep(); !errors.Is(err, unix.EFBIG) || !errors.Is(r.Ready(""), ErrUnavailable) {
		t.Fatalf("got %v, %v", err, r.Ready(""))
	}
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	eventually(t, "healing", func() bool { return r.Ready("") == nil })
	if err := keep(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the ends", func() bool { return len(ends(t, dir)) == 3 })
	if err := errors.Join(r.Close(), l.Append(context.Background(), record.Entry{Act: &record.Act{Name: "stop"}})); err != nil {
		t.Fatal(err)
	}
	fmt.Println("healed")
}
