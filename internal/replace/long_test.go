//go:build long

package replace_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"cloakroom/internal/replace"
)

const (
	realMost  = 256 << 20 // bytes of real text that are read at most of each folder
	realLeast = 64 << 20  // and at least of all: Go's own source
)

// realFolders hold what people and programs wrote: source code, documentation,
// JSON, logs, programs themselves.
func realFolders(t *testing.T) []string {
	modules, err := exec.Command("go", "env", "GOMODCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	return []string{filepath.Join(runtime.GOROOT(), "src"), strings.TrimSpace(string(modules)), "/usr/share", "/usr/include",
		"/usr/lib", "/usr/local/lib", "/var/log", "/opt"}
}

// randomSecrets are n values of 16 to 64 characters that nobody has ever seen.
func randomSecrets(n int) []replace.Secret {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/="
	random := rand.New(rand.NewPCG(11, 12))
	secrets := make([]replace.Secret, n)
	for i := range secrets {
		v := []byte([]string{"", "ghp_", "sk-", "AKIA", "xoxb-"}[i%5])
		for range 16 + random.IntN(49) {
			v = append(v, letters[random.IntN(len(letters))])
		}
		secrets[i] = replace.Secret{Name: fmt.Sprint("c", i), Value: v}
	}
	return secrets
}

// TestNothingIsFoundInRealText masks real text, in which no value stands: not a
// byte may change.
func TestNothingIsFoundInRealText(t *testing.T) {
	set, err := replace.Compile(randomSecrets(10_000))
	if err != nil {
		t.Fatal(err)
	}
	read, files := 0, 0
	for _, folder := range realFolders(t) {
		before := read
		err := filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
			if read-before >= realMost {
				return filepath.SkipAll
			}
			if err != nil || !e.Type().IsRegular() {
				return nil // what cannot be read is not counted
			}
			n, err := passes(set, path)
			if err != nil {
				t.Errorf("%s: %v", path, err)
			}
			read, files = read+n, files+min(n, 1)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d MiB", folder, (read-before)>>20)
	}
	if t.Logf("read %d MiB in %d files", read>>20, files); read < realLeast {
		t.Errorf("read %d bytes, and at least %d are needed", read, realLeast)
	}
}

var errChanged = errors.New("text without a value was changed")

// passes sends a file through a Rewriter, and returns how long it is.
func passes(set *replace.Set, path string) (int, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, nil
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, 64<<20))
	if err != nil {
		return 0, nil
	}
	r := set.NewRewriter(replace.None, nil)
	out := make([]byte, 0, len(text))
	for at := 0; at < len(text); at += 64 << 10 {
		out = r.Append(out, text[at:min(at+64<<10, len(text))], false)
	}
	if out = r.Append(out, nil, true); r.Hits() != nil || !bytes.Equal(out, text) {
		return len(text), errChanged
	}
	return len(text), nil
}
