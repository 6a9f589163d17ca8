package recording

import (
	"os"

	"golang.org/x/sys/unix"
)

// file is what the recorder does with a pack that is being written.
type file interface {
	Write(p []byte) (int, error)
	Sync() error
	Close() error
}

// disk is what the recorder does with a directory. Tests make it fail.
type disk interface {
	// create makes a file that does not exist yet.
	create(path string) (file, error)
	// truncate cuts a file and returns when that is on disk.
	truncate(path string, size int64) error
	rename(from, to string) error
	remove(path string) error
	syncDir(dir string) error
	// free is how many bytes a disk has for us, and how many it has in all.
	free(dir string) (free, all int64, err error)
}

// osDisk is the operating system's.
type osDisk struct{}

func (osDisk) create(path string) (file, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err // not f: a nil *os.File is no nil file
	}
	return f, nil
}

func (osDisk) truncate(path string, size int64) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Truncate(size); err != nil {
		return err
	}
	return f.Sync()
}

func (osDisk) rename(from, to string) error { return os.Rename(from, to) }

func (osDisk) remove(path string) error { return os.Remove(path) }

func (osDisk) syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

func (osDisk) free(dir string) (free, all int64, err error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, 0, err
	}
	size := int64(s.Bsize)
	return int64(s.Bavail) * size, int64(s.Blocks) * size, nil
}
