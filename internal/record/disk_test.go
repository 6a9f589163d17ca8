package record

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"cloakroom/internal/access"

	"golang.org/x/sys/unix"
)

// faulty is the operating system's disk, which fails where it is told to.
type faulty struct {
	osDisk
	mu       sync.Mutex
	failing  map[string]error // by what is done: create, write, sync, truncate, remove, syncDir
	writable int              // bytes of a failing write that reach the disk
	held     chan struct{}    // a sync waits until it is closed
}

func (d *faulty) fail(errs map[string]error, writable int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.failing, d.writable = errs, writable
}

// hold lets every sync wait until release is called.
func (d *faulty) hold() (release func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	held := make(chan struct{})
	d.held = held
	return func() { close(held) }
}

func (d *faulty) err(doing string) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.writable, d.failing[doing]
}

func (d *faulty) create(path string) (file, error) {
	if _, err := d.err("create"); err != nil {
		return nil, err
	}
	f, err := d.osDisk.create(path)
	return &faultyFile{f, d}, err
}

func (d *faulty) open(path string) (file, error) {
	f, err := d.osDisk.open(path)
	return &faultyFile{f, d}, err
}

func (d *faulty) truncate(path string, size int64) error {
	if _, err := d.err("truncate"); err != nil {
		return err
	}
	return d.osDisk.truncate(path, size)
}

func (d *faulty) remove(path string) error {
	if _, err := d.err("remove"); err != nil {
		return err
	}
	return d.osDisk.remove(path)
}

func (d *faulty) syncDir(dir string) error {
	if _, err := d.err("syncDir"); err != nil {
		return err
	}
	return d.osDisk.syncDir(dir)
}

type faultyFile struct {
	file
	d *faulty
}

func (f *faultyFile) Write(p []byte) (int, error) {
	if n, err := f.d.err("write"); err != nil {
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
	if _, err := f.d.err("sync"); err != nil {
		return err
	}
	return f.file.Sync()
}

// What a failing disk did never shows: nothing acknowledged is lost, no number
// comes twice, and the log heals.
func TestFailingDisk(t *testing.T) {
	for _, c := range []struct {
		name     string
		failing  []string
		writable int
	}{
		{"nothing is written", []string{"write"}, 0},
		{"half a line is written", []string{"write"}, 100},
		{"a line and a half is written", []string{"write"}, 400},
		{"the sync fails", []string{"sync"}, 0},
		{"nothing works", []string{"write", "sync", "create", "truncate", "remove", "syncDir"}, 50},
		{"the sync fails, and nothing can be cut off", []string{"sync", "truncate", "remove"}, 0},
		{"no new segment", []string{"write", "create"}, 10},
		{"a new segment cannot be synced", []string{"write", "syncDir"}, 10},
	} {
		for _, acked := range []int{0, 3} { // with an empty segment, with a filled one
			t.Run(fmt.Sprintf("%s after %d", c.name, acked), func(t *testing.T) {
				failAndHeal(t, c.failing, c.writable, acked)
			})
		}
	}
}

func failAndHeal(t *testing.T, failing []string, writable, acked int) {
	dir := newDir(t)
	d := &faulty{}
	l := openLog(t, dir, Options{disk: d})
	var want []string
	for i := range acked {
		want = append(want, fmt.Sprint("before ", i))
		mustAppend(t, l, want[i])
	}
	errs := map[string]error{}
	for _, f := range failing {
		errs[f] = errDisk
	}
	d.fail(errs, writable)
	for range 3 {
		wantRefused(t, l)
	}
	l.Note(reload("noted"))
	d.fail(nil, 0)
	mustAppend(t, l, "after")
	mustAppend(t, l, "then")
	if l.Err() != nil {
		t.Errorf("after healing: %v", l.Err())
	}
	want = append(want, "noted", "after", "then")
	wantEntries(t, dir, want...)
	if err := l.Close(); err != nil { // writes how many were refused
		t.Fatal(err)
	}
	openLog(t, dir, Options{}).Close()
	wantEntries(t, dir, want...)
	lines := readLines(t, dir)
	e, err := lines[len(lines)-1].Entry()
	if err != nil || e.Refusals == nil || !slices.Equal(e.Refusals.Counts, []RefusalCount{{access.Unavailable, "", 3}}) {
		t.Errorf("the last entry is %+v, %v", e, err)
	}
}

func wantRefused(t *testing.T, l *Log) {
	t.Helper()
	err := l.Append(context.Background(), reload("refused"))
	if !errors.Is(err, ErrUnavailable) || !errors.Is(err, errDisk) {
		t.Fatalf("got %v", err)
	}
	if l.Err() == nil {
		t.Error("the log says that it can be written")
	}
}

// A cut that a failing disk took back leaves lines that were never
// acknowledged behind a segment's end. They do not count.
func TestLeftoversDoNotCount(t *testing.T) {
	dir := newDir(t)
	d := &faulty{}
	l := openLog(t, dir, Options{disk: d})
	mustAppend(t, l, "a")
	d.fail(map[string]error{"sync": errDisk}, 0)
	if err := l.Append(context.Background(), reload("lost")); err == nil {
		t.Fatal("appended")
	}
	first := segmentPath(dir, 1)
	uncut, err := os.ReadFile(first)
	if err != nil {
		t.Fatal(err)
	}
	d.fail(nil, 0)
	mustAppend(t, l, "b")
	l.Close()
	if err := os.WriteFile(first, append(uncut, "half a li"...), 0o600); err != nil {
		t.Fatal(err)
	}
	wantEntries(t, dir, "a", "b")
	l = openLog(t, dir, Options{})
	mustAppend(t, l, "c")
	wantEntries(t, dir, "a", "b", "c")
}

// The kernel's own refusal, in a child whose files may not grow past a limit.
func TestFileSizeLimit(t *testing.T) {
	if dir := os.Getenv("RECORD_TEST_LIMIT"); dir != "" {
		limitedChild(t, dir)
		return
	}
	dir := newDir(t)
	child := exec.Command(os.Args[0], "-test.run=^TestFileSizeLimit$", "-test.v")
	child.Env = append(os.Environ(), "RECORD_TEST_LIMIT="+dir)
	out, err := child.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "healed") {
		t.Fatalf("child: %v\n%s", err, out)
	}
	got := entries(t, dir)
	if len(got) < 2 || got[len(got)-1] != "healed" || slices.Contains(got, "refused") {
		t.Errorf("got %q", got)
	}
}

func limitedChild(t *testing.T, dir string) {
	signal.Ignore(unix.SIGXFSZ)
	limit := unix.Rlimit{}
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	l := openLog(t, dir, Options{})
	mustAppend(t, l, "first")
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 300, Max: limit.Max}); err != nil {
		t.Fatal(err)
	}
	if err := l.Append(context.Background(), reload("refused")); !errors.Is(err, unix.EFBIG) {
		t.Fatalf("got %v", err)
	}
	// One entry fits into a new segment: the log goes on where it can.
	mustAppend(t, l, "second")
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	mustAppend(t, l, "healed")
	l.Close()
	fmt.Println("healed")
}

// A full disk, as /dev/full plays it.
func TestDevFull(t *testing.T) {
	full, err := osDisk{}.open("/dev/full")
	if err != nil {
		t.Fatal(err)
	}
	w := writer{dir: t.TempDir(), disk: osDisk{}, most: 1 << 20, stats: new(stats), file: full, first: 1}
	rest, err := encode(reload("x"), masks(t))
	if err != nil {
		t.Fatal(err)
	}
	batch := []*waiting{{rest: rest}}
	if err := w.commit(batch, 1000); !errors.Is(err, unix.ENOSPC) || !errors.Is(err, ErrUnavailable) || w.pos.Seq != 0 {
		t.Fatalf("got %v at %d", err, w.pos.Seq)
	}
	if err := w.commit(batch, 1000); err != nil || w.pos.Seq != 1 {
		t.Errorf("got %v at %d", err, w.pos.Seq)
	}
	w.close()
}

func TestTornTail(t *testing.T) {
	for _, c := range []struct{ name, tail string }{
		{"half a line", `{"v":1,"seq":3,"prev":"00`},
		{"no line feed", `{"v":1,"seq":3}`},
		{"a hole", strings.Repeat("\x00", 5000)},
		{"a hole and a line", strings.Repeat("\x00", 50) + "rest of a line}\nand more"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := newDir(t)
			l := openLog(t, dir, Options{})
			mustAppend(t, l, "a")
			mustAppend(t, l, "b")
			l.Close()
			add(t, segmentPath(dir, 1), c.tail)
			wantEntries(t, dir, "a", "b")
			l = openLog(t, dir, Options{})
			mustAppend(t, l, "c")
			wantEntries(t, dir, "a", "b", "c")
			torn, err := filepath.Glob(filepath.Join(dir, "*.torn"))
			if err != nil || len(torn) != 1 {
				t.Fatalf("kept aside: %q, %v", torn, err)
			}
			if kept, err := os.ReadFile(torn[0]); err != nil || string(kept) != c.tail {
				t.Errorf("kept aside: %q, %v", kept, err)
			}
		})
	}
}

func add(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteString(text)
	}
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestEmptyLastSegment(t *testing.T) {
	dir := newDir(t)
	l := openLog(t, dir, Options{})
	mustAppend(t, l, "a")
	l.Close()
	if err := os.WriteFile(segmentPath(dir, 2), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	l = openLog(t, dir, Options{})
	mustAppend(t, l, "b")
	wantEntries(t, dir, "a", "b")
}

func TestBrokenChain(t *testing.T) {
	for _, c := range []struct {
		name string
		harm func(t *testing.T, lines []string) []string
	}{
		{"a changed line", func(t *testing.T, ls []string) []string {
			ls[1] = strings.Replace(ls[1], `"b"`, `"x"`, 1)
			return ls
		}},
		{"a line removed", func(t *testing.T, ls []string) []string { return append(ls[:1], ls[2:]...) }},
		{"the first removed", func(t *testing.T, ls []string) []string { return ls[1:] }},
		{"two swapped", func(t *testing.T, ls []string) []string { ls[0], ls[1] = ls[1], ls[0]; return ls }},
		{"a foreign line", func(t *testing.T, ls []string) []string { return append(ls, "hello\n") }},
		{"an endless line", func(t *testing.T, ls []string) []string { return append(ls, strings.Repeat("x", 2*MaxLine)+"\n") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := newDir(t)
			l := openLog(t, dir, Options{})
			for _, s := range []string{"a", "b", "c"} {
				mustAppend(t, l, s)
			}
			l.Close()
			path := segmentPath(dir, 1)
			raw, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			harmed := strings.Join(c.harm(t, strings.SplitAfter(strings.TrimSuffix(string(raw), "\n"), "\n")), "")
			if err := os.WriteFile(path, []byte(harmed+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err = Open(dir, masks(t), Options{Logger: quiet()})
			if !errors.Is(err, ErrBroken) || !strings.Contains(err.Error(), "new directory") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestMissingSegment(t *testing.T) {
	dir := newDir(t)
	l := openLog(t, dir, Options{SegmentBytes: 1})
	for range 4 {
		mustAppend(t, l, "x")
	}
	l.Close()
	if err := os.Remove(segmentPath(dir, 3)); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, masks(t), Options{Logger: quiet()}); !errors.Is(err, ErrBroken) {
		t.Errorf("got %v", err)
	}
}
