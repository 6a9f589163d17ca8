package recording

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"cloakroom/internal/record"
)

// A process that is killed with no warning, again and again: what Flush said is
// written is there, every exchange has one end, and every part is named.
func TestKilled(t *testing.T) {
	if dir := os.Getenv("RECORDING_TEST_CRASH"); dir != "" {
		recordUntilKilled(t, dir)
		return
	}
	dir := newDir(t)
	written := map[string]bool{}
	for i := range kills {
		for _, id := range killed(t, dir, time.Duration(50+rand.IntN(400))*time.Millisecond) {
			written[id] = true
		}
		l := openLog(t, dir)
		r := open(t, dir, l, Options{Strict: true, PackBytes: 64 << 10})
		if err := l.Append(context.Background(), record.Entry{Act: &record.Act{Name: "start"}}); err != nil {
			t.Fatal(err)
		}
		all := ends(t, dir)
		for id := range written {
			wantWhole(t, r, all[id], id)
		}
		wantNamed(t, dir)
		r.Close()
		l.Close()
		t.Logf("%d: %d exchanges written, %d ends", i, len(written), len(all))
	}
	if len(written) < 100 {
		t.Errorf("only %d exchanges were written", len(written))
	}
}

// wantWhole wants that the exchange's recording can be read to its end.
func wantWhole(t *testing.T, r Reader, e record.End, id string) {
	t.Helper()
	if e.Exchange == "" {
		t.Fatalf("exchange %s has no end", id)
	}
	got, err := r.Read(context.Background(), id, e.Recording)
	if err != nil || !got.Complete || got.Exchange != id {
		t.Fatalf("exchange %s: %+v, %v, of %+v", id, got, err, e)
	}
}

// wantNamed wants that the log names every part of every pack, and nothing else.
func wantNamed(t *testing.T, dir string) {
	t.Helper()
	named := map[record.Part]bool{}
	for _, e := range entries(t, dir) {
		if e.End != nil {
			for _, p := range e.End.Recording {
				named[p] = true
			}
		}
		if e.Reload != nil {
			for _, p := range e.Reload.Rules {
				named[p] = true
			}
		}
	}
	paths, err := Files(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		_, err := Scan(path, func(f Found) error {
			if !named[f.Part] {
				t.Errorf("pack %s at %d: no entry names the part of %s", path, f.Part.At, f.Exchange)
			}
			delete(named, f.Part)
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
	for p := range named {
		t.Errorf("no pack has %+v", p)
	}
}

// killed lets a child record, kills it, and returns what it said is written.
func killed(t *testing.T, dir string, after time.Duration) (ids []string) {
	t.Helper()
	child := exec.Command(os.Args[0], "-test.run=^TestKilled$")
	child.Env = append(os.Environ(), "RECORDING_TEST_CRASH="+dir)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	begun := false
	for lines.Scan() {
		if id, ok := strings.CutPrefix(lines.Text(), "id "); ok {
			ids = append(ids, id)
		} else {
			t.Log(lines.Text())
		}
		if !begun {
			begun = true
			time.AfterFunc(after, func() { child.Process.Kill() })
		}
	}
	if err := child.Wait(); err == nil || !begun {
		t.Fatalf("the child was not killed: %v", err)
	}
	return ids
}

// recordUntilKilled records exchanges, of which some never end, and prints the id
// of each of which everything is written.
func recordUntilKilled(t *testing.T, dir string) {
	l := openLog(t, dir)
	r := open(t, dir, l, Options{Strict: true, PackBytes: 64 << 10})
	if _, err := r.Keep(context.Background(), []byte("rules that nothing names")); err != nil {
		t.Fatal(err)
	}
	for n := range 8 {
		go func() {
			for i := 0; ; i++ {
				id := record.NewID(time.Now())
				tape := r.Begin(id, "agent", began, full)
				if err := ordinary(tape, jsonBody(i)); err != nil {
					fmt.Println("error", err)
					return
				}
				for extra := range i % 5 {
					tape.Message(began.Add(time.Second), MessageGot, []byte("more"), false, true, nil)
					if err := tape.Flush(began.Add(time.Duration(2+extra)*time.Minute), true); err != nil {
						fmt.Println("error", err)
					}
				}
				os.Stdout.WriteString("id " + id + "\n")
				if i%7 != n%7 {
					tape.End(began.Add(time.Second), record.End{Status: 200})
				}
			}
		}()
	}
	select {}
}
