package integration

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
)

// logReport is what `log verify --json` prints.
type logReport struct {
	Logs                           []struct{ Entries, Signed int }
	Witnessed, Rows, Parts, Erased int
	Found                          int
	Findings                       []struct {
		Log, File, What string
		Entry, Byte     int
	}
	Notes []string
}

// tells tells whether a finding names a file, or the pack that it is.
func (r logReport) tells(path string) bool {
	name, _, _ := strings.Cut(filepath.Base(path), ".")
	name, _, _ = strings.Cut(name, "-") // a pack's name says more than its id
	for _, f := range r.Findings {
		if strings.Contains(f.File+f.What, name) {
			return true
		}
	}
	return false
}

func (w *world) logVerify(t *testing.T, code int, arguments ...string) (r logReport) {
	t.Helper()
	stdout, stderr, got := command(t, w.dir, w.env, append([]string{"log", "verify", "--json"}, arguments...)...)
	if got != code {
		t.Errorf("log verify %q: exit %d, want %d: %s%s", arguments, got, code, stdout, stderr)
	}
	page(stdout, stderr)
	if err := json.Unmarshal([]byte(stdout), &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// TestLogVerify lets a witness keep what is signed, and verifies the log while the
// service runs, when it has stopped, and after each way of tampering with it.
func TestLogVerify(t *testing.T) {
	t.Parallel()
	m := echoing(t)
	m.up.stop(t)
	if err := os.Mkdir(m.path("witness"), 0o700); err != nil {
		t.Fatal(err)
	}
	m.rewrite("listen: {", "record: {checkpoint: {every: 1s, witnesses: [{dir: witness}]}}\nlisten: {")
	m.start()
	for range 20 {
		m.get("/api/v1/x", m.agent...)
		if r := m.logVerify(t, 0); r.Found != 0 || len(r.Logs) != 1 {
			t.Fatalf("while it runs: %+v", r)
		}
	}
	m.up.stop(t)
	r := m.logVerify(t, 0)
	if r.Logs[0].Entries < 40 || r.Logs[0].Signed != r.Logs[0].Entries || r.Witnessed < 2 || r.Rows < 40 || r.Parts < 20 || len(r.Notes) > 0 {
		t.Errorf("when it has stopped: %+v", r)
	}
	m.isSigned(t)
	m.isVerifiedElsewhere(t)
	for name, tamper := range m.tampers(t) {
		t.Run(name, func(t *testing.T) {
			path, was := tamper(t)
			r := m.logVerify(t, 1)
			if !r.tells(path) {
				t.Errorf("nothing is said of %q: %+v", path, r.Findings)
			}
			if err := os.WriteFile(path, was, 0o600); err != nil {
				t.Fatal(err)
			}
		})
	}
	m.start() // what was restored goes on
	m.get("/api/v1/x", m.agent...)
	m.up.stop(t)
	m.logVerify(t, 0)
}

// isVerifiedElsewhere wants copies of the log and the witness to be verified by the
// public key alone.
func (m *masking) isVerifiedElsewhere(t *testing.T) {
	t.Helper()
	key, _, _ := command(t, m.dir, m.env, "log", "key")
	elsewhere := *m.world
	elsewhere.dir, elsewhere.env = t.TempDir(), nil
	for _, folder := range []string{"record", "witness"} {
		if err := os.CopyFS(elsewhere.path(folder), os.DirFS(m.path(folder))); err != nil {
			t.Fatal(err)
		}
	}
	r := elsewhere.logVerify(t, 0, "--log", "record", "--witness", "witness", "--key", strings.TrimSpace(key))
	if r.Logs[0].Entries < 40 || r.Witnessed < 2 || r.Parts < 20 {
		t.Errorf("elsewhere: %+v", r)
	}
}

// isSigned wants the checkpoint to hold by the key that is printed, for somebody
// who has nothing else.
func (m *masking) isSigned(t *testing.T) {
	t.Helper()
	key, _, _ := command(t, m.dir, m.env, "log", "key")
	text, _, _ := command(t, m.dir, m.env, "log", "checkpoint")
	v, err := note.NewVerifier(strings.TrimSpace(key))
	if err != nil {
		t.Fatal(err)
	}
	n, err := note.Open([]byte(text), note.VerifierList(v))
	if err != nil || !strings.HasPrefix(n.Text, "cloakroom.log/") {
		t.Errorf("the checkpoint %q by the key %q: %v", text, key, err)
	}
	other := strings.Replace(key, "cloakroom/", "cloakroom/x", 1)
	if _, stderr, code := command(t, m.dir, m.env, "log", "verify", "--key", strings.TrimSpace(other)); code != 2 || !strings.Contains(stderr, "not a verifier key") {
		t.Errorf("with a key that is none: exit %d, %s", code, stderr)
	}
}

// tampers are ways of changing one file; each tells which, and how it was.
func (m *masking) tampers(t *testing.T) map[string]func(*testing.T) (string, []byte) {
	change := func(pattern string, how func([]byte) []byte) func(*testing.T) (string, []byte) {
		return func(t *testing.T) (string, []byte) {
			t.Helper()
			paths, err := filepath.Glob(m.path(pattern))
			if err != nil || len(paths) == 0 {
				t.Fatalf("no file %q: %v", pattern, err)
			}
			was, err := os.ReadFile(paths[0])
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(paths[0], how(bytes.Clone(was)), 0o600); err != nil {
				t.Fatal(err)
			}
			return paths[0], was
		}
	}
	flip := func(b []byte) []byte { b[len(b)/2] ^= 1; return b }
	half := func(b []byte) []byte { return b[:len(b)/2] }
	return map[string]func(*testing.T) (string, []byte){
		"a byte of the log": change("record/*.log", flip), "the log cut": change("record/*.log", half),
		"a byte of the checkpoint": change("record/checkpoint", flip),
		"a byte of the witness":    change("witness/*.checkpoints", flip), "the witness cut": change("witness/*.checkpoints", half),
		"a byte of the receipt": change("record/witnessed/*", flip),
		"a byte of a pack":      change("record/packs/*.*", flip), "a pack cut": change("record/packs/*.*", half),
	}
}
