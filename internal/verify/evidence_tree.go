package verify

import (
	"errors"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/mod/sumdb/tlog"

	"cloakroom/internal/record"
)

// grown is the tree of a log, in memory.
type grown struct {
	size   int64
	hashes []tlog.Hash
}

// ReadHashes implements tlog.HashReader.
func (g *grown) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, at := range indexes {
		if at < 0 || at >= int64(len(g.hashes)) {
			return nil, errors.New("a hash beyond the tree")
		}
		out[i] = g.hashes[at]
	}
	return out, nil
}

// growTree makes the tree of all whole lines of the log in dir, which are then on
// disk. It takes 64 bytes of memory for each.
func growTree(dir string) (*grown, error) {
	r, err := record.ReadAfter(dir, record.Position{})
	if err != nil {
		return nil, err
	}
	defer r.Close()
	g := &grown{}
	for {
		l, err := r.Next()
		if err == io.EOF {
			return g, syncAll(dir)
		}
		if err != nil {
			return nil, err
		}
		more, err := tlog.StoredHashes(g.size, l.Raw, g)
		if err != nil {
			return nil, err
		}
		g.hashes = append(g.hashes, more...)
		g.size++
	}
}

// syncAll brings a log's segments to the disk: what is signed must not be lost,
// and a service may only just have written it.
func syncAll(dir string) error {
	files, err := os.ReadDir(dir)
	for _, file := range files {
		if filepath.Ext(file.Name()) != ".log" {
			continue
		}
		f, openErr := os.Open(filepath.Join(dir, file.Name()))
		if openErr != nil {
			return openErr
		}
		err = errors.Join(err, f.Sync(), f.Close())
	}
	return err
}
