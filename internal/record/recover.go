package record

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
)

// settle ends a segment whose last write or sync failed: what was not
// acknowledged is cut off, after a look at whether the rest is really there.
// The log then goes on in a new segment, because after a failed sync nobody
// knows what this one's pages hold.
func (w *writer) settle() error {
	if w.size == 0 {
		if err := w.disk.remove(w.path()); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		w.first = 0
		return nil
	}
	if err := w.disk.truncate(w.path(), w.size); err != nil {
		return err
	}
	r := newReader(w.dir, w.first-1)
	defer r.Close()
	if err := r.skipTo(w.pos); err != nil {
		return fmt.Errorf("looking at what the disk kept: %w", err)
	}
	w.first = 0
	return nil
}

// recover finds the end of the log in the directory: it checks the chain of
// the last two segments, and cuts off what a crash left behind the last whole
// line.
func (w *writer) recover(logger *slog.Logger) error {
	firsts, err := segments(w.dir)
	if err != nil || len(firsts) == 0 {
		return err
	}
	r := newReader(w.dir, firsts[max(0, len(firsts)-2)]-1)
	defer r.Close()
	for err == nil {
		_, err = r.Next()
	}
	if err != io.EOF {
		return fmt.Errorf("opening log: %w; nothing is written to a log that may have been tampered with: "+
			"keep a copy of %q for whoever looks into it, and name a new directory", err, w.dir)
	}
	w.pos, w.size = r.pos, r.offset
	w.first = firsts[len(firsts)-1]
	if err := w.cutTorn(logger); err != nil {
		return fmt.Errorf("opening log %q: %w", w.dir, err)
	}
	if w.file, err = w.disk.open(w.path()); err != nil {
		return fmt.Errorf("opening log: %w", err)
	}
	// What is there may be in memory only, from a process that was killed.
	if err := errors.Join(w.file.Sync(), w.disk.syncDir(w.dir)); err != nil {
		w.close()
		return fmt.Errorf("opening log %q: %w", w.dir, err)
	}
	return nil
}

// cutTorn moves what stands behind the last whole line to a file of its own.
func (w *writer) cutTorn(logger *slog.Logger) error {
	f, err := os.Open(w.path())
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || info.Size() == w.size {
		return err
	}
	aside, err := os.CreateTemp(w.dir, fmt.Sprintf("%020d.*.torn", w.pos.Seq+1)) // 0600
	if err != nil {
		return err
	}
	defer aside.Close()
	if err := OfFolder(aside); err != nil {
		return err
	}
	if _, err := io.Copy(aside, io.NewSectionReader(f, w.size, info.Size()-w.size)); err != nil {
		return err
	}
	if err := aside.Sync(); err != nil {
		return err
	}
	logger.Warn("log: cut off a line that was never finished", "dir", w.dir,
		"entry", w.pos.Seq+1, "bytes", info.Size()-w.size, "kept", aside.Name())
	return w.disk.truncate(w.path(), w.size)
}
