package checkpoint

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"cloakroom/internal/record"
)

const (
	latestFile  = "checkpoint"
	receiptsDir = "witnessed"
)

// Latest is the note in the file "checkpoint" of the log in dir, as it stands
// there; fs.ErrNotExist: nothing was signed yet.
func Latest(dir string) ([]byte, error) { return readNote(filepath.Join(dir, latestFile)) }

// LatestPath is the path of that file.
func LatestPath(dir string) string { return filepath.Join(dir, latestFile) }

// ReceiptPath is the file that holds what the witness with a name has taken of
// the log in dir.
func ReceiptPath(dir, witness string) string {
	sum := sha256.Sum256([]byte(witness))
	return filepath.Join(dir, receiptsDir, fmt.Sprintf("%x", sum[:8]))
}

// Receipts lists the paths of all such files.
func Receipts(dir string) ([]string, error) {
	files, err := os.ReadDir(filepath.Join(dir, receiptsDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing what witnesses have taken: %w", err)
	}
	var paths []string
	for _, f := range files {
		if filepath.Ext(f.Name()) == "" {
			paths = append(paths, filepath.Join(dir, receiptsDir, f.Name()))
		}
	}
	return paths, nil
}

// Receipt is the note in such a file; fs.ErrNotExist: it has taken none.
func Receipt(path string) ([]byte, error) { return readNote(path) }

// readNote reads a file that holds one note.
func readNote(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("reading a checkpoint: %w", err)
	}
	if info.Size() > noteMax {
		return nil, fmt.Errorf("reading checkpoint %q: %w", path, ErrLong)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading a checkpoint: %w", err)
	}
	return b, nil
}

// writeNote makes or replaces a file that holds one note: a crash leaves the
// old one or the new one.
func writeNote(path string, note []byte) error {
	if err := record.WriteWhole(path, note); err != nil {
		return fmt.Errorf("writing a checkpoint: %w", err)
	}
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
