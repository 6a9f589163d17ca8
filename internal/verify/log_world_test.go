package verify

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"cloakroom/internal/access"
	"cloakroom/internal/checkpoint"
	"cloakroom/internal/record"
	"cloakroom/internal/record/recordtest"
	"cloakroom/internal/store/sqlite"
)

// logWorld is an instance of two replicas that is stopped: their logs, a
// witness, and the first one's store.
type logWorld struct {
	root           string
	one, two       string // the logs' folders
	witness, store string
	key            checkpoint.Key
	pristine       map[string][]byte
}

// newLogWorld runs both replicas for a while.
func newLogWorld(t testing.TB) *logWorld {
	t.Helper()
	root := t.TempDir()
	w := &logWorld{root: root, one: filepath.Join(root, "one"), two: filepath.Join(root, "two"),
		witness: filepath.Join(root, "witness"), store: filepath.Join(root, "cloakroom.db")}
	var err error
	if w.key, err = checkpoint.NewKey([32]byte{7}); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(w.witness, 0o700); err != nil {
		t.Fatal(err)
	}
	w.run(t, 5)
	w.run(t, 6)
	w.pristine = w.files(t)
	return w
}

// run lets both replicas write n exchanges, name each other, and end.
func (w *logWorld) run(t testing.TB, n int) {
	t.Helper()
	db, err := sqlite.Open(context.Background(), w.store)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	first, second := w.replica(t, w.one, db), w.replica(t, w.two, db)
	f, err := record.NewFollower(first.log, db, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	size := first.log.Durable().Seq + uint64(2*n)
	exchanges(t, first.log, n)
	exchanges(t, second.log, n+1)
	w.await(t, w.two, first.log.ID(), size)
	w.await(t, w.one, second.log.ID(), 1)
	first.close(t)
	second.close(t)
	if err := f.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// await waits until the log in dir names another with at least size entries.
func (w *logWorld) await(t testing.TB, dir, log string, size uint64) {
	t.Helper()
	for range 1000 {
		for _, l := range recordtest.ReadAll(t, dir) {
			e, err := l.Entry()
			if err != nil {
				t.Fatal(err)
			}
			if e.Heads != nil && e.Heads.Heads[0].Log == log && uint64(e.Heads.Heads[0].Size) >= size {
				return
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("no replica names the other")
}

type replica struct {
	log   *record.Log
	ended chan struct{}
}

func (w *logWorld) replica(t testing.TB, dir string, heads checkpoint.Heads) *replica {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	l, err := record.Open(dir, recordtest.Masker(t), record.Options{SegmentBytes: 1500, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	d, err := checkpoint.NewDir(w.witness, w.key.Verifier())
	if err != nil {
		t.Fatal(err)
	}
	r := &replica{log: l, ended: make(chan struct{})}
	k, err := checkpoint.NewKeeper(l, dir, w.key, checkpoint.Options{Every: 20 * time.Millisecond, Witnesses: []checkpoint.Witness{d}, Heads: heads, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	go func() { defer close(r.ended); k.Run(context.Background()) }()
	return r
}

func (r *replica) close(t testing.TB) {
	t.Helper()
	if err := r.log.Close(); err != nil {
		t.Fatal(err)
	}
	<-r.ended
}

// exchanges writes n decisions with their ends.
func exchanges(t testing.TB, l *record.Log, n int) {
	t.Helper()
	for i := range n {
		id := record.NewID(time.Now())
		for _, e := range []record.Entry{
			{Decision: &record.Decision{Exchange: id, Issuer: "https://i.example", Subject: "alice", Session: fmt.Sprint("s", i%2), Method: "GET",
				Host: "api.example", Path: fmt.Sprintf("/%d", i), Outcome: access.Outcome(i % 2)}},
			{End: &record.End{Exchange: id, Status: 200}},
		} {
			if err := l.Append(context.Background(), e); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// files reads everything.
func (w *logWorld) files(t testing.TB) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	err := filepath.WalkDir(w.root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		all[path], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// restore makes everything as it was.
func (w *logWorld) restore(t testing.TB) {
	t.Helper()
	for path := range w.files(t) {
		if _, was := w.pristine[path]; !was {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}
	}
	for path, b := range w.pristine {
		put(t, path, b)
	}
}

func put(t testing.TB, path string, b []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// logs are what is verified; dirs nil: both.
func (w *logWorld) logs(t testing.TB, dirs ...string) (Logs, func()) {
	t.Helper()
	ctx := context.Background()
	if dirs == nil {
		dirs = []string{w.one, w.two}
	}
	db, err := sqlite.OpenReader(ctx, w.store)
	if err != nil {
		t.Fatal(err)
	}
	d, err := checkpoint.NewDir(w.witness, w.key.Verifier())
	if err != nil {
		t.Fatal(err)
	}
	v := Logs{Dirs: dirs, Keys: []note.Verifier{w.key.Verifier()}, Now: time.Now(), Archives: []checkpoint.Archive{d}, Store: w.store}
	v.Heads = db
	if v.Index, err = db.Snapshot(ctx); err != nil {
		t.Fatal(err)
	}
	return v, func() { v.Index.Close(); db.Close() }
}

func (w *logWorld) verify(t testing.TB, dirs ...string) LogReport {
	t.Helper()
	v, done := w.logs(t, dirs...)
	defer done()
	r, err := v.Verify(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// told is all findings, a line each.
func told(r LogReport) string {
	var lines []string
	for _, f := range r.Findings {
		lines = append(lines, f.String())
	}
	return strings.Join(lines, "\n")
}
