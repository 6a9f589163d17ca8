package record

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"cloakroom/internal/replace"
)

type bare struct{}

func (bare) Mask(text string) replace.Masked { return (&replace.Set{}).Mask(text, nil) }

func TestALogKeepsItsID(t *testing.T) {
	dir, other := filepath.Join(t.TempDir(), "log"), filepath.Join(t.TempDir(), "log")
	if _, err := ID(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a log that is not there: %v", err)
	}
	var ids []string
	for _, d := range []string{dir, dir, other} {
		l, err := Open(d, bare{}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, l.ID())
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if id, err := ID(d); err != nil || id != l.ID() {
			t.Errorf("read %q, %v; want %q", id, err, l.ID())
		}
	}
	if !isID(ids[0]) || ids[1] != ids[0] || ids[2] == ids[0] {
		t.Errorf("got %q", ids)
	}
}

func TestAnIDThatIsNone(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, nameFile), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if l, err := Open(dir, bare{}, Options{}); err == nil {
		l.Close()
		t.Error("opened")
	}
}
