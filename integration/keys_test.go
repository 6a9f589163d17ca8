package integration

import (
	"crypto/rand"
	"encoding/base64"
	"os"
	"strings"
	"testing"
)

// recordingKey makes one.
func recordingKey() string {
	key := make([]byte, 32)
	rand.Read(key)
	return base64.StdEncoding.EncodeToString(key)
}

// TestRecordingKeyIsChanged twice: from the root key's to one of its own, and to the
// next. What was recorded before is read with the keys of the time, and called neither
// changed nor read without them.
func TestRecordingKeyIsChanged(t *testing.T) {
	t.Parallel()
	m := echoing(t)
	m.env = append(m.env, "KEY_ONE="+recordingKey(), "KEY_TWO="+recordingKey())
	asks := func(session string) {
		m.get("/api/v1/x", append([]string{"x-cloakroom-session", session}, m.agent...)...)
		m.session(t, session, 1, true)
	}
	restart := func(old, text string) {
		m.up.stop(t)
		m.rewrite(old, text)
		m.start()
	}
	asks("s0")
	restart("\nlisten:", "\nrecord: {key: {env: KEY_ONE}}\nlisten:")
	asks("s1")
	restart("{key: {env: KEY_ONE}}", "{key: {env: KEY_TWO}}")
	asks("s2")

	file := m.path("s1.evidence")
	v, stderr, code := m.verifies(t, "s1", 1, "--contents", "--evidence", file)
	if s := v.Sessions; code != 1 || s.Recorded != 0 || s.Trusted == 0 || s.Found == 0 {
		t.Errorf("without the key: exit %d: %+v%s", code, s, stderr)
	}
	if b, err := os.ReadFile(file); err != nil || !strings.Contains(string(b), "under a key that is not here") {
		t.Errorf("without the key the evidence does not say so: %v", err)
	}
	for _, f := range v.Sessions.Findings {
		if f.What != "unread recording" {
			t.Errorf("without the key: %+v", f)
		}
	}
	stdout, stderr, code := command(t, m.dir, m.env, "session", "show", "s1")
	if code != 1 || !strings.Contains(stdout, "under a key that is not here: key") || !strings.Contains(stderr, "hint: name the key that it was recorded under in record.old_keys") {
		t.Errorf("without the key: exit %d: %s%s", code, stdout, stderr)
	}
	if _, stderr, code := command(t, m.dir, m.env, "log", "verify"); code != 0 {
		t.Errorf("the log needs no recording key: exit %d: %s", code, stderr)
	}
	m.rewrite("{key: {env: KEY_TWO}}", "{key: {env: KEY_TWO}, old_keys: [{env: KEY_ONE}]}")
	for _, session := range []string{"s0", "s1", "s2"} {
		v, stderr, code := m.verifies(t, session, 1)
		if s := v.Sessions; code != 0 || s.Recorded != 1 || s.Found != 0 || s.Trusted != 0 {
			t.Errorf("%s: exit %d: %+v%s", session, code, s, stderr)
		}
	}
}
