package verify

import (
	"bufio"
	"io"
	"math/bits"
	"os"
	"path/filepath"

	"golang.org/x/mod/sumdb/tlog"

	"cloakroom/internal/checkpoint"
)

// storedLeaves are the leaves in a log's file "tree", where they are those of a
// checkpoint: so it can be told which lines are not the ones that were signed.
type storedLeaves struct{ *os.File }

// readStored reads the tree of a checkpoint beside the log in dir; nil: it is
// not there, or another.
func readStored(dir string, c checkpoint.Checkpoint) *storedLeaves {
	f, err := os.Open(filepath.Join(dir, "tree"))
	if err != nil || c.Size == 0 {
		return nil
	}
	if !isTreeOf(bufio.NewReaderSize(f, 1<<16), c) {
		f.Close()
		return nil
	}
	return &storedLeaves{f}
}

// isTreeOf computes the root anew from the leaves, which are every hash of level
// 0 in r.
func isTreeOf(r io.Reader, c checkpoint.Checkpoint) bool {
	var roots []tlog.Hash // of the whole subtrees so far, the largest first
	for n := int64(1); n <= c.Size; n++ {
		var leaf, inner tlog.Hash
		if _, err := io.ReadFull(r, leaf[:]); err != nil {
			return false
		}
		roots = append(roots, leaf)
		for range bits.TrailingZeros64(uint64(n)) {
			if _, err := io.ReadFull(r, inner[:]); err != nil {
				return false
			}
			k := len(roots) - 2
			roots = append(roots[:k], tlog.NodeHash(roots[k], roots[k+1]))
		}
	}
	root := roots[len(roots)-1]
	for i := len(roots) - 2; i >= 0; i-- {
		root = tlog.NodeHash(roots[i], root)
	}
	return root == c.Root
}

// leaf is that of the n-th entry, from 0.
func (s *storedLeaves) leaf(n int64) (h tlog.Hash) {
	if _, err := s.ReadAt(h[:], tlog.StoredHashIndex(0, n)*tlog.HashSize); err != nil {
		return tlog.Hash{} // the file shrank meanwhile: no line is that
	}
	return h
}
