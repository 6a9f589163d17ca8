package checkpoint

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"cloakroom/internal/record"
	"cloakroom/internal/record/recordtest"
)

// childDir names the folder in which a process of this test is to append until
// it is killed.
const childDir = "CLOAKROOM_TEST_APPEND"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		appendForEver(dir)
	}
	os.Exit(m.Run())
}

// appendForEver prints the number of every entry that was acknowledged, while
// checkpoints are signed all the time.
func appendForEver(dir string) {
	die := func(err error) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	var t testing.T // whose helpers are not to fail
	l, err := record.Open(filepath.Join(dir, "log"), recordtest.Masker(&t), record.Options{SegmentBytes: 4000, Logger: quiet()})
	if err != nil {
		die(err)
	}
	w, err := NewDir(filepath.Join(dir, "witness"), theKey(&t).Verifier())
	if err != nil {
		die(err)
	}
	k, err := NewKeeper(l, filepath.Join(dir, "log"), theKey(&t), Options{Every: time.Millisecond, Witnesses: []Witness{w}, Logger: quiet()})
	if err != nil {
		die(err)
	}
	go k.Run(context.Background())
	for {
		if err := l.Append(context.Background(), record.Entry{Reload: &record.Reload{}}); err != nil {
			die(err)
		}
		fmt.Println(l.Durable().Seq)
	}
}

// TestKilledAtAnyMoment kills a process that appends and signs, again and again.
// No acknowledged entry is lost, and all that was signed holds.
func TestKilledAtAnyMoment(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "witness"), 0o700); err != nil {
		t.Fatal(err)
	}
	for range kills {
		last := appendUntilKilled(t, dir, time.Duration(rand.IntN(120))*time.Millisecond)
		if at, err := record.LineAt(filepath.Join(dir, "log"), last); last > 0 && (err != nil || at.Seq != last) {
			t.Fatalf("entry %d was acknowledged, and is lost: %v", last, err)
		}
	}
	w, err := NewDir(filepath.Join(dir, "witness"), theKey(t).Verifier())
	if err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(dir, "log")
	k := keep(t, log, Options{Witnesses: []Witness{w}}, func(l *record.Log, k *Keeper) { grow(t, l, 1) })
	if k.Err() != nil || k.Failures() > 0 {
		t.Errorf("error %v, %d failures", k.Err(), k.Failures())
	}
	wantLatest(t, log, k.Latest().Size)
	id, _ := record.ID(log)
	n, tree := 0, treeOf(t, log)
	if err := w.Read(t.Context(), id, func(kept Kept) error {
		s, err := Open(kept.Note, theKey(t).Verifier())
		if err != nil {
			t.Fatal(err)
		}
		if root, err := tlog.TreeHash(s.Size, tree); err != nil || root != s.Root {
			t.Errorf("at byte %d: %v, %d entries", kept.Byte, err, s.Size)
		}
		n++
		return nil
	}); err != nil || n < kills/2 {
		t.Errorf("%d checkpoints at the witness, %v", n, err)
	}
}

// appendUntilKilled lets a process append for a while behind its first entry, and
// returns the last number that it printed.
func appendUntilKilled(t *testing.T, dir string, after time.Duration) (last uint64) {
	t.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), childDir+"="+dir)
	var errs strings.Builder
	c.Stderr = &errs
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if last == 0 {
			time.AfterFunc(after, func() { c.Process.Kill() })
		}
		if n, err := strconv.ParseUint(lines.Text(), 10, 64); err == nil {
			last = n
		}
	}
	c.Wait() // it was killed
	if errs.Len() > 0 {
		t.Fatalf("the process that appends: %s", errs.String())
	}
	return last
}
