package record

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

const segmentExt = ".log"

func hashLine(raw []byte) Hash { return sha256.Sum256(raw) }

// segmentPath is the segment whose first entry is seq.
func segmentPath(dir string, seq uint64) string {
	return filepath.Join(dir, fmt.Sprintf("%020d", seq)+segmentExt)
}

// segments lists the numbers of the segments' first entries, in order.
func segments(dir string) ([]uint64, error) {
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("listing log %q: %w", dir, err)
	}
	var firsts []uint64
	for _, f := range files {
		name, isSegment := strings.CutSuffix(f.Name(), segmentExt)
		if !isSegment {
			continue
		}
		first, err := strconv.ParseUint(name, 10, 64)
		if err != nil || first == 0 || len(name) != 20 {
			return nil, fmt.Errorf("listing log %q: %q is no segment's name; move it elsewhere", dir, f.Name())
		}
		firsts = append(firsts, first)
	}
	slices.Sort(firsts)
	return firsts, nil
}

// file is what the log does with a segment that is being written.
type file interface {
	Write(p []byte) (int, error)
	Sync() error
	Close() error
}

// disk is what the log does with a directory. Tests make it fail.
type disk interface {
	// create makes a segment that does not exist yet.
	create(path string) (file, error)
	// open opens a segment for appending.
	open(path string) (file, error)
	// truncate cuts a segment and returns when that is on disk.
	truncate(path string, size int64) error
	remove(path string) error
	syncDir(dir string) error
}

// osDisk is the operating system's. It follows no link in the place of a segment: root
// may write in a folder that another user owns.
type osDisk struct{}

func (osDisk) create(path string) (file, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err // not f: a nil *os.File is no nil file
	}
	if err := OfFolder(f); err != nil {
		f.Close()
		os.Remove(path)
		return nil, err
	}
	return f, nil
}

func (osDisk) open(path string) (file, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (osDisk) truncate(path string, size int64) error {
	f, err := os.OpenFile(path, os.O_WRONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Truncate(size); err != nil {
		return err
	}
	return f.Sync()
}

func (osDisk) remove(path string) error { return os.Remove(path) }

func (osDisk) syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
