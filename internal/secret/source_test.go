package secret

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSourceRead(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string { return write(t, filepath.Join(dir, name), text) }
	env := func(name string) (string, bool) {
		text, ok := map[string]string{"GOOD": canary, "NEWLINE": canary + "\n", "EMPTY": "", "WEAK": "hunter2hunter2", "TINY": "hunter2"}[name]
		return text, ok
	}
	for _, tt := range []struct {
		name   string
		source Source
		want   string
		err    error
	}{
		{"env", Source{Env: "GOOD"}, canary, nil},
		{"env keeps its newline", Source{Env: "NEWLINE"}, canary + "\n", nil},
		{"env unset", Source{Env: "NONE"}, "", ErrUnset},
		{"env empty", Source{Env: "EMPTY"}, "", ErrEmpty},
		{"weak", Source{Env: "WEAK"}, "", ErrWeak},
		{"weak, and said so", Source{Env: "WEAK", Weak: true}, "hunter2hunter2", nil},
		{"too weak for anything", Source{Env: "TINY", Weak: true}, "", ErrTooWeak},
		{"file", Source{File: file("a", canary)}, canary, nil},
		{"file with newline", Source{File: file("b", canary+"\n")}, canary, nil},
		{"file with CRLF", Source{File: file("c", canary+"\r\n")}, canary, nil},
		{"one newline only", Source{File: file("d", canary+"\n\n")}, canary + "\n", nil},
		{"file of a newline", Source{File: file("e", "\n")}, "", ErrEmpty},
		{"longest file", Source{File: file("f", strings.Repeat("Xq7vN2pL", MaxBytes/8)+"\r\n")}, strings.Repeat("Xq7vN2pL", MaxBytes/8), nil},
		{"file too long", Source{File: file("g", strings.Repeat("Xq7vN2pL", MaxBytes/8)+"x")}, "", ErrTooLong},
		{"file far too long", Source{File: file("h", strings.Repeat("Xq7vN2pL", MaxBytes))}, "", ErrTooLong},
		{"no file", Source{File: filepath.Join(dir, "none")}, "", fs.ErrNotExist},
	} {
		v, err := tt.source.ReadWith(env)
		if !errors.Is(err, tt.err) || string(v.Reveal()) != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.err)
		}
		if err != nil && strings.Contains(err.Error(), "hunter") {
			t.Errorf("%s: the error tells the value: %v", tt.name, err)
		}
	}
	for name, s := range map[string]Source{"none": {}, "both": {Env: "GOOD", File: filepath.Join(dir, "a")}, "a folder": {File: dir}} {
		if v, err := s.ReadWith(env); err == nil || !v.IsZero() {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestOpenRoot(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cloakroom.key")
	a, created, err := OpenRoot(path)
	if err != nil || !created {
		t.Fatal(created, err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatal(info.Mode(), err)
	}
	b, created, err := OpenRoot(path)
	if err != nil || created || !a.value.Equal(b.value) {
		t.Error("the second opening gives another key", err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	c, err := RootFromEnv("K", func(string) (string, bool) { return string(text), true })
	if err != nil || !a.value.Equal(c.value) {
		t.Error("the environment gives another key", err)
	}
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 1 {
		t.Errorf("files left: %v", left)
	}
}

func TestOpenRootRefuses(t *testing.T) {
	dir := t.TempDir()
	good := "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
	for name, tt := range map[string]struct {
		text string
		mode os.FileMode
	}{
		"readable by others": {good, 0o644},
		"readable by group":  {good, 0o640},
		"writable by others": {good, 0o602},
		"empty":              {"", 0o600},
		"short":              {"AAECAw==", 0o600},
		"no base64":          {"canary canary", 0o600},
		"one byte repeated":  {"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", 0o600},
	} {
		path := write(t, filepath.Join(dir, "key"), tt.text)
		if err := os.Chmod(path, tt.mode); err != nil {
			t.Fatal(err)
		}
		_, _, err := OpenRoot(path)
		if err == nil || tt.text != "" && strings.Contains(err.Error(), strings.TrimSpace(tt.text)) {
			t.Errorf("%s: %v", name, err)
		}
		if got, _ := os.ReadFile(path); string(got) != tt.text {
			t.Errorf("%s: the file was changed", name)
		}
	}
	if _, _, err := OpenRoot(filepath.Join(dir, "none", "key")); err == nil {
		t.Error("a key in a folder that is not there")
	}
	if _, err := RootFromEnv("K", func(string) (string, bool) { return "", false }); !errors.Is(err, ErrUnset) {
		t.Error(err)
	}
}

func TestOpenRootTogether(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	roots := make(chan Root)
	for range 8 {
		go func() {
			r, _, err := OpenRoot(path)
			if err != nil {
				t.Error(err)
			}
			roots <- r
		}()
	}
	first := <-roots
	for range 7 {
		if r := <-roots; !r.value.Equal(first.value) {
			t.Error("two processes, two keys")
		}
	}
}

func TestKeys(t *testing.T) {
	r, err := ParseRoot("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8")
	if err != nil {
		t.Fatal(err)
	}
	k, err := r.Keys()
	if err != nil || k.Grant() == k.Log() || k.Log() == k.Placeholder() || k.Grant() == k.Placeholder() {
		t.Error("keys are not distinct", err)
	}
	again, err := r.Keys()
	if err != nil || k.Grant() != again.Grant() {
		t.Error("keys differ from call to call")
	}
	if _, err := (Root{}).Keys(); err == nil {
		t.Error("the zero root has keys")
	}
}
