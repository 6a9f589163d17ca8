package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/mod/sumdb/note"
)

const notesExt = ".checkpoints"

var _ Archive = (*Dir)(nil)

// Dir is a witness that is a folder, on another volume or another machine's. It
// must exist: an unmounted volume is not to be taken for an empty one.
type Dir struct {
	path string
	key  note.Verifier

	mu    sync.Mutex
	taken map[string]taken // by log
}

// taken is what stands in a file.
type taken struct {
	last Checkpoint
	size int64 // of the file, in bytes
}

// NewDir makes a witness of a folder; key verifies what stands in it.
func NewDir(path string, key note.Verifier) (*Dir, error) {
	if path == "" || key == nil {
		return nil, errors.New("making a witness: a folder and a key are required")
	}
	abs, err := filepath.Abs(path) // its name is the same from wherever it is named
	if err != nil {
		return nil, fmt.Errorf("making a witness of %q: %w", path, err)
	}
	return &Dir{path: abs, key: key, taken: map[string]taken{}}, nil
}

// Name implements Witness.
func (d *Dir) Name() string { return d.path }

func (d *Dir) file(log string) string { return filepath.Join(d.path, log+notesExt) }

// Add implements Witness.
func (d *Dir) Add(_ context.Context, c Signed, _ Checkpoint, log History) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	known, err := d.look(c.Log)
	if err != nil {
		return nil, err
	}
	if known.last == c.Checkpoint {
		return c.Note, nil
	}
	if err := log.Continues(known.last); err != nil {
		return nil, fmt.Errorf("telling witness %q: %w", d.path, err)
	}
	if err := appendNote(d.file(c.Log), c.Note); err != nil {
		delete(d.taken, c.Log)
		return nil, err
	}
	d.taken[c.Log] = taken{c.Checkpoint, known.size + int64(len(c.Note))}
	return c.Note, nil
}

// look finds what was taken last, and cuts off what a crash left behind it.
func (d *Dir) look(log string) (t taken, err error) {
	path := d.file(log)
	info, err := os.Stat(path)
	switch known, looked := d.taken[log]; {
	case errors.Is(err, fs.ErrNotExist):
		return taken{}, nil
	case err != nil:
		return taken{}, fmt.Errorf("asking witness %q: %w", d.path, err)
	case looked && known.size == info.Size():
		return known, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return taken{}, fmt.Errorf("asking witness %q: %w", d.path, err)
	}
	defer f.Close()
	whole, err := ReadNotes(f, log, func(at int64, note []byte) error {
		if Torn(note, log) {
			return nil
		}
		s, err := Open(note, d.key)
		if err == nil {
			t.last = s.Checkpoint
			return nil
		}
		return fmt.Errorf("at byte %d: %w", at, err)
	})
	if err != nil {
		return taken{}, fmt.Errorf("asking witness %q: %w", path, err)
	}
	if whole < info.Size() {
		if err := os.Truncate(path, whole); err != nil {
			return taken{}, fmt.Errorf("asking witness %q: cutting off what was never finished: %w", path, err)
		}
	}
	t.size = whole
	return t, nil
}

// appendNote writes behind what a file has, and returns when that is on disk.
func appendNote(path string, note []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return fmt.Errorf("telling a witness: %w", err)
	}
	_, err = f.Write(note)
	if err = errors.Join(err, f.Sync(), f.Close(), syncDir(filepath.Dir(path))); err != nil {
		return fmt.Errorf("telling a witness: %w", err)
	}
	return nil
}

// Logs implements Archive.
func (d *Dir) Logs(context.Context) ([]string, error) {
	files, err := os.ReadDir(d.path)
	if err != nil {
		return nil, fmt.Errorf("reading a witness: %w", err)
	}
	var logs []string
	for _, f := range files {
		if id, ours := strings.CutSuffix(f.Name(), notesExt); ours {
			logs = append(logs, id)
		}
	}
	return logs, nil
}

// Read implements Archive.
func (d *Dir) Read(_ context.Context, log string, take func(Kept) error) error {
	path := d.file(log)
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading a witness: %w", err)
	}
	defer f.Close()
	_, err = ReadNotes(f, log, func(at int64, note []byte) error { return take(Kept{path, at, note}) })
	return err
}
