package search_test

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"cloakroom/bench/corpus"
	"cloakroom/internal/search"
)

// thousand searches for 1 000 credentials.
func thousand(t testing.TB) *search.Search {
	var prints []search.Fingerprint
	for i, v := range corpus.Values(1000) {
		prints = append(prints, key.Fingerprint(fmt.Sprint("c", i), v))
	}
	s, err := key.Compile(prints)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestNothingIsFoundInRealText searches what people and programs wrote, in which
// no value stands.
func TestNothingIsFoundInRealText(t *testing.T) {
	s := thousand(t)
	read := int64(0)
	for _, folder := range append([]string{filepath.Join(goEnv(t, "GOROOT"), "src")}, realFolders(t)...) {
		before := read
		err := filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
			if read-before >= realOfFolder || read >= realMost {
				return filepath.SkipAll
			}
			if err != nil || !e.Type().IsRegular() {
				return nil // what cannot be read is not counted
			}
			f, err := os.Open(path)
			if err != nil {
				return nil
			}
			defer f.Close()
			text, _ := io.ReadAll(io.LimitReader(f, 64<<20))
			if hits := s.Find(text); hits != nil {
				t.Errorf("%s: found %v", path, hits)
			}
			read += int64(len(text))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if t.Logf("searched %d MiB", read>>20); read < realLeast {
		t.Errorf("searched %d bytes, and at least %d are needed", read, int64(realLeast))
	}
}

func goEnv(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.Command("go", "env", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}
