package verify

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cloakroom/internal/record"
	"cloakroom/internal/record/recordtest"
	"cloakroom/internal/recording"
)

// recordedLog makes a log with recordings, all of it closed, and returns its folder and
// the path of its one pack.
func recordedLog(t *testing.T) (dir, pack string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "log")
	quiet := slog.New(slog.DiscardHandler)
	l, err := record.Open(dir, recordtest.Masker(t), record.Options{Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	r, err := recording.Open(context.Background(), recording.Options{Dir: dir, Key: [32]byte{1}, Log: l, Strict: true, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		now := time.Now()
		tape := r.Begin(record.NewID(now), "agent", now, recording.Rule{Bodies: recording.Full, Limit: 100})
		tape.Piece(now, recording.Got, []byte("what the agent got"), nil)
		tape.End(now, record.End{Status: 200})
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	paths, err := recording.Files(dir)
	if err != nil || len(paths) != 1 {
		t.Fatalf("packs: %v, %v", paths, err)
	}
	for _, path := range paths {
		pack = path
	}
	return dir, pack
}

// What was changed in a pack is found, also what no entry names.
func TestLogFindsChangedPacks(t *testing.T) {
	dir, path := recordedLog(t)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	first := bytes.IndexByte(whole, '\n') + 1
	rest := whole[first:]
	size := len(rest) / 3
	for _, c := range []struct {
		name string
		pack []byte
		want string // of a finding; empty: there is none
	}{
		{"nothing", whole, ""},
		{"a byte", flipped(whole, first+100), "its hash is another"},
		{"a byte of the first line", flipped(whole, 20), "not what it was when it was closed"},
		{"a part put in behind", append(bytes.Clone(whole), rest[:size]...), "not what it was when it was closed"},
		{"a part dropped", append(bytes.Clone(whole[:first]), rest[size:]...), "its hash is another"},
		{"the end cut off", whole[:len(whole)-1], "its hash is another"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := os.WriteFile(path, c.pack, 0o600); err != nil {
				t.Fatal(err)
			}
			report := verifiesParts(t, dir)
			got := ""
			for _, f := range report.Findings {
				if strings.Contains(f.What, "pack") {
					got += f.What + "\n"
				}
			}
			if c.want == "" && (got != "" || report.Parts != 3) || !strings.Contains(got, c.want) {
				t.Errorf("got %d parts, %q of %+v", report.Parts, got, report.Findings)
			}
		})
	}
}

func flipped(b []byte, at int) []byte {
	b = bytes.Clone(b)
	b[at] ^= 1
	return b
}

// A pack that a service deleted is no finding once its time is over, by the time of the
// act; a service that is shown the pack under a name that says less time deletes it too.
func TestLogFindsPacksThatWereDeletedEarly(t *testing.T) {
	for _, c := range []struct {
		name  string
		end   record.End
		after time.Duration // from now to the act
		found bool
	}{
		{"for ever", record.End{}, time.Hour, true},
		{"too early", record.End{Until: time.Now().Add(2 * time.Hour)}, time.Hour, true},
		{"in time, by the service's clock", record.End{Until: time.Now().Add(time.Hour)}, time.Hour, false},
		{"in time, by nobody's clock", record.End{Until: time.Now().Add(90 * 24 * time.Hour)}, 91 * 24 * time.Hour, true},
		{"what a crash left, for a time that is not known", record.End{Error: recording.Unended}, time.Hour, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, _ := recordedLog(t)
			l, err := record.Open(dir, recordtest.Masker(t), record.Options{Logger: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			c.end.Exchange, c.end.Recording = record.NewID(time.Now()), []record.Part{{Pack: strings.Repeat("p", 26), At: 100, Size: 100}}
			for _, e := range []record.Entry{{End: &c.end}, {Time: time.Now().Add(c.after), Act: &record.Act{Name: "prune", Target: c.end.Recording[0].Pack}}} {
				if err := l.Append(t.Context(), e); err != nil {
					t.Fatal(err)
				}
			}
			l.Close()
			report := verifiesParts(t, dir)
			found := strings.Contains(strings.Join(whats(report), "\n"), "not kept any more")
			if found != c.found || (report.Deleted == 1) == c.found {
				t.Errorf("%d deleted, found %q", report.Deleted, whats(report))
			}
		})
	}
}

func whats(r LogReport) (all []string) {
	for _, f := range r.Findings {
		all = append(all, f.What)
	}
	return all
}
