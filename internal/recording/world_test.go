package recording

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/record"
	"cloakroom/internal/replace"
)

var (
	testKey = [32]byte{1, 2, 3}
	began   = time.Date(2026, 11, 5, 12, 0, 0, 0, time.UTC)
)

// nothing masks nothing.
type nothing struct{ set *replace.Set }

func (n nothing) Mask(s string) replace.Masked {
	return n.set.Mask(s, func(string) string { return "" })
}

func newMasker(t testing.TB) record.Masker {
	t.Helper()
	set, err := replace.Compile(nil)
	if err != nil {
		t.Fatal(err)
	}
	return nothing{set}
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// openLog opens the log in dir.
func openLog(t testing.TB, dir string) *record.Log {
	t.Helper()
	l, err := record.Open(dir, newMasker(t), record.Options{Logger: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// newDir's name would mean something else in a pattern.
func newDir(t testing.TB) string { return t.TempDir() + "/log[0]" }

// open opens a recorder on a log.
func open(t testing.TB, dir string, l Log, o Options) *Recorder {
	t.Helper()
	o.Dir, o.Key, o.Log, o.Logger, o.tick = dir, testKey, l, quiet(), 20*time.Millisecond
	r, err := Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// ends are the ends that the log in dir has, by exchange.
func ends(t testing.TB, dir string) map[string]record.End {
	t.Helper()
	all := map[string]record.End{}
	for _, e := range entries(t, dir) {
		if e.End != nil {
			if _, twice := all[e.End.Exchange]; twice {
				t.Errorf("exchange %s has two ends", e.End.Exchange)
			}
			all[e.End.Exchange] = *e.End
		}
	}
	return all
}

func entries(t testing.TB, dir string) (all []record.Entry) {
	t.Helper()
	r, err := record.ReadAfter(dir, record.Position{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for {
		line, err := r.Next()
		if err != nil {
			return all
		}
		e, err := line.Entry()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
}

// full is the rule of most tests.
var full = Rule{Bodies: Full, Limit: 64 << 10, Retention: 90 * 24 * time.Hour}

// ordinary records an exchange as most are.
func ordinary(tape Tape, body []byte) error {
	tape.Head(began, Request, Head{Method: "POST", Authority: "api.example.com", Path: "/repos/a?b=c",
		Headers: []access.Header{{Name: "accept", Value: "*/*"}, {Name: "content-type", Value: "application/json"}, {Name: "user-agent", Value: "agent/1.0"}}}, nil)
	tape.Piece(began.Add(time.Millisecond), Sent, body, nil)
	tape.Head(began.Add(9*time.Millisecond), Response, Head{Status: 200,
		Headers: []access.Header{{Name: "content-type", Value: "application/json"}, {Name: "date", Value: "today"}}}, nil)
	tape.Piece(began.Add(10*time.Millisecond), Got, body, map[string]int{"github-read": 1})
	return tape.Flush(began.Add(11*time.Millisecond), true)
}

// eventually waits for what another goroutine does.
func eventually(t testing.TB, what string, done func() bool) {
	t.Helper()
	for range 2000 {
		if done() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("%s: it never came", what)
}
