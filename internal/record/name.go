package record

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

const nameFile = "id"

// ID is the id of the log in dir, in the form of NewID. A log that was never
// opened for writing has none: fs.ErrNotExist.
func ID(dir string) (string, error) {
	b, err := os.ReadFile(filepath.Join(dir, nameFile))
	if err != nil {
		return "", fmt.Errorf("asking for a log's id: %w", err)
	}
	if !isID(string(b)) {
		return "", fmt.Errorf("reading log %q: its file %q holds no id; remove it, and the index is made anew", dir, nameFile)
	}
	return string(b), nil
}

// ownID is ID, and makes one if there is none. Only the log's writer calls it.
func ownID(dir string) (string, error) {
	id, err := ID(dir)
	if !errors.Is(err, fs.ErrNotExist) {
		return id, err
	}
	id = NewID(time.Now())
	if err := WriteWhole(filepath.Join(dir, nameFile), []byte(id)); err != nil {
		return "", fmt.Errorf("naming log %q: %w", dir, err)
	}
	return id, nil
}

// WriteWhole makes the file path (0600) with the text, or replaces it: a crash leaves
// all of it, or what was there before.
func WriteWhole(path string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.new")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, OfFolder(f), f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
		return err
	}
	return osDisk{}.syncDir(filepath.Dir(path))
}
