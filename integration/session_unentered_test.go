package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestABrokenLog changes an entry of a log that nobody writes any more: whoever asks
// hears what is wrong and where, though nothing can be entered, and is shown nothing
// of what is recorded.
func TestABrokenLog(t *testing.T) {
	t.Parallel()
	m := echoing(t)
	for range 3 {
		m.get("/api/v1/x", append([]string{"x-cloakroom-session", "s1"}, m.agent...)...)
	}
	m.session(t, "s1", 3, true)
	m.up.stop(t)
	entry := m.breakLog(t)
	for _, c := range []struct {
		command string
		stdout  string // what it prints; "": nothing at all
		stderr  []string
		exit    int
	}{
		{"session show s1", "", []string{entry, "is not shown", "log verify"}, 1},
		{"session replay s1 --speed 0", "", []string{entry, "is not shown"}, 1},
		{"session replay s1 --rules cloakroom.yaml", "", []string{entry, "is not shown"}, 1},
		{"session verify s1 --contents --evidence FILE", "", []string{entry, "is not shown"}, 1},
		{"session verify s1", "FOUND", []string{"findings", entry}, 1},
		{"session verify s1 --json", `"broken log"`, []string{"findings", entry}, 1},
		{"session verify s1 --evidence FILE", "FOUND", []string{"writing evidence", entry, "nothing can be proved"}, 1},
		{"session ls", "s1", nil, 0},
		{"session show s1 --brief", "/v1/x", nil, 0},
		{"log verify", "finding: ", []string{"keep a copy"}, 1},
		{"log export", `"metadata"`, []string{entry, "log verify"}, 1},
	} {
		file := filepath.Join(t.TempDir(), "evidence")
		stdout, stderr, code := command(t, m.dir, m.env, strings.Fields(strings.Replace(c.command, "FILE", file, 1))...)
		if code != c.exit || !strings.Contains(stdout, c.stdout) || c.stdout == "" && stdout != "" {
			t.Errorf("%s: exit %d: %s%s", c.command, code, stdout, stderr)
		}
		for _, want := range c.stderr {
			if !strings.Contains(stderr, want) {
				t.Errorf("%s: %q is not in %s", c.command, want, stderr)
			}
		}
		if _, err := os.Stat(file); err == nil {
			t.Errorf("%s: an evidence file is left", c.command)
		}
	}
}

// TestALogThatWasCutShort takes the last entries of a log away: no command writes in
// their place.
func TestALogThatWasCutShort(t *testing.T) {
	t.Parallel()
	m := echoing(t)
	m.get("/api/v1/x", append([]string{"x-cloakroom-session", "s1"}, m.agent...)...)
	m.session(t, "s1", 1, true)
	m.up.stop(t)
	path, lines := m.segment(t)
	cut := bytes.Join(lines[:len(lines)-3], nil)
	if err := os.WriteFile(path, cut, 0o600); err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("it has %d entries, and %d were signed", len(lines)-3, len(lines)-1)
	stdout, stderr, code := command(t, m.dir, m.env, "session", "show", "s1")
	if code != 1 || stdout != "" || !strings.Contains(stderr, want) {
		t.Errorf("session show: exit %d, want %q: %s%s", code, want, stdout, stderr)
	}
	stdout, stderr, code = command(t, m.dir, m.env, "session", "verify", "--all")
	if code != 1 || !strings.Contains(stdout, "cut short or rolled back") || !strings.Contains(stderr, want) {
		t.Errorf("session verify: exit %d: %s%s", code, stdout, stderr)
	}
	if text, err := os.ReadFile(path); err != nil || !bytes.Equal(text, cut) {
		t.Errorf("the log was written: %s, %v", text[len(cut):], err)
	}
}

// breakLog changes the log's decision on the second exchange, and returns what is said
// of the entry behind it, by which that is seen.
func (m *masking) breakLog(t *testing.T) string {
	t.Helper()
	path, lines := m.segment(t)
	for seen, i := 0, 0; i < len(lines)-1; i++ {
		var e struct{ Decision json.RawMessage }
		if json.Unmarshal(lines[i], &e) != nil || e.Decision == nil {
			continue
		}
		if seen++; seen < 2 {
			continue
		}
		lines[i] = bytes.Replace(lines[i], []byte(`"method":"GET"`), []byte(`"method":"PUT"`), 1)
		if err := os.WriteFile(path, bytes.Join(lines, nil), 0o600); err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("entry %d", i+2)
	}
	t.Fatal("the log has no second decision")
	return ""
}

// segment are the lines of the log's only segment, and an empty one.
func (m *masking) segment(t *testing.T) (path string, lines [][]byte) {
	t.Helper()
	files, err := filepath.Glob(m.path("record/*.log"))
	if err != nil || len(files) != 1 {
		t.Fatalf("segments: %q, %v", files, err)
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	return files[0], bytes.SplitAfter(text, []byte("\n"))
}
