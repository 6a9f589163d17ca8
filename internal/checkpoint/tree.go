package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/mod/sumdb/tlog"

	"cloakroom/internal/record"
)

const treeFile = "tree"

var (
	_ record.Derived = (*Tree)(nil)
	_ History        = (*Tree)(nil)
)

// Tree is the tree of a log that is being written, in a file. A
// record.Follower keeps it behind the log. It is safe for concurrent use.
type Tree struct {
	mu   sync.Mutex
	file *os.File
	pos  record.Position // behind the last leaf
}

// openTree opens the tree of the log in dir, up to a checkpoint of it: what the
// file has beyond may never have reached the disk, and is made anew. So is all
// of it if it is not the tree of that checkpoint.
func openTree(dir string, at Checkpoint) (*Tree, error) {
	f, err := os.OpenFile(filepath.Join(dir, treeFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the tree of log %q: %w", dir, err)
	}
	t := &Tree{file: f}
	if t.pos, err = t.reaches(dir, at); err == nil {
		err = t.cut()
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("opening the tree of log %q: %w", dir, err)
	}
	return t, nil
}

// reaches is the position at a checkpoint, if the file holds the tree of that,
// whose last leaf is in the log still: else the zero position. As each line
// holds the hash of the one before, the last is not the same if any has changed.
func (t *Tree) reaches(dir string, at Checkpoint) (record.Position, error) {
	if root, err := tlog.TreeHash(at.Size, t); at.Size == 0 || err != nil || root != at.Root {
		return record.Position{}, nil
	}
	last, err := record.LineAt(dir, uint64(at.Size))
	if errors.Is(err, record.ErrBroken) {
		return record.Position{}, nil
	}
	if err != nil {
		return record.Position{}, err
	}
	leaf, err := t.ReadHashes([]int64{tlog.StoredHashIndex(0, at.Size-1)})
	if err != nil || leaf[0] != tlog.RecordHash(last.Raw) {
		return record.Position{}, err
	}
	return last.Position(), nil
}

// cut takes off the file what is behind pos.
func (t *Tree) cut() error {
	return t.file.Truncate(tlog.StoredHashCount(int64(t.pos.Seq)) * tlog.HashSize)
}

func (t *Tree) close() error { return t.file.Close() }

// Size is how many leaves the tree has.
func (t *Tree) Size() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return int64(t.pos.Seq)
}

// Applied implements record.Derived.
func (t *Tree) Applied(context.Context) (record.Position, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.pos, nil
}

// Reset implements record.Derived.
func (t *Tree) Reset(context.Context) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pos = record.Position{}
	return t.cut()
}

// Apply implements record.Derived.
func (t *Tree) Apply(_ context.Context, lines []record.Line) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	from := tlog.StoredHashCount(int64(t.pos.Seq))
	pos, grown := t.pos, growing{t, from, nil}
	for _, l := range lines {
		if l.Seq <= pos.Seq {
			continue
		}
		if l.Seq != pos.Seq+1 || l.Prev != pos.Hash {
			return fmt.Errorf("growing the tree: entry %d does not follow entry %d", l.Seq, pos.Seq)
		}
		hashes, err := tlog.StoredHashes(int64(pos.Seq), l.Raw, &grown)
		if err != nil {
			return fmt.Errorf("growing the tree: %w", err)
		}
		grown.more = append(grown.more, hashes...)
		pos = l.Position()
	}
	if _, err := t.file.WriteAt(join(grown.more), from*tlog.HashSize); err != nil {
		return fmt.Errorf("growing the tree: %w", err)
	}
	t.pos = pos
	return nil
}

func join(hashes []tlog.Hash) []byte {
	b := make([]byte, 0, len(hashes)*tlog.HashSize)
	for _, h := range hashes {
		b = append(b, h[:]...)
	}
	return b
}

// growing reads the hashes of a tree with those that are not in its file yet.
type growing struct {
	tree *Tree
	from int64 // index of more's first
	more []tlog.Hash
}

// ReadHashes implements tlog.HashReader.
func (g *growing) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, at := range indexes {
		if at >= g.from {
			hashes[i] = g.more[at-g.from]
		} else if _, err := g.tree.file.ReadAt(hashes[i][:], at*tlog.HashSize); err != nil {
			return nil, err
		}
	}
	return hashes, nil
}

// ReadHashes implements tlog.HashReader for the hashes in the file.
func (t *Tree) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, at := range indexes {
		if _, err := t.file.ReadAt(hashes[i][:], at*tlog.HashSize); err != nil {
			return nil, err
		}
	}
	return hashes, nil
}

// root syncs the file and returns the size of the tree with its root.
func (t *Tree) root() (size int64, root tlog.Hash, err error) {
	size = t.Size()
	if err = t.file.Sync(); err == nil {
		root, err = tlog.TreeHash(size, t)
	}
	if err != nil {
		err = fmt.Errorf("asking for the root of the tree: %w", err)
	}
	return size, root, err
}

// Continues implements History.
func (t *Tree) Continues(c Checkpoint) error {
	if c.Size == 0 {
		return nil
	}
	if c.Size > t.Size() {
		return fmt.Errorf("a checkpoint of %d entries, and the log has %d: %w", c.Size, t.Size(), ErrRewritten)
	}
	switch root, err := tlog.TreeHash(c.Size, t); {
	case err != nil:
		return fmt.Errorf("asking for the root of the first %d entries: %w", c.Size, err)
	case root != c.Root:
		return fmt.Errorf("another root of the first %d entries: %w", c.Size, ErrRewritten)
	}
	return nil
}

// Prove implements History.
func (t *Tree) Prove(c Checkpoint, old int64) (tlog.TreeProof, error) {
	if old == 0 || old == c.Size {
		return nil, nil
	}
	if old > c.Size {
		return nil, fmt.Errorf("proving a checkpoint of %d entries: one of %d was taken: %w", c.Size, old, ErrRewritten)
	}
	proof, err := tlog.ProveTree(c.Size, old, t)
	if err == nil {
		var root tlog.Hash
		if root, err = tlog.TreeHash(old, t); err == nil {
			err = tlog.CheckTree(proof, c.Size, c.Root, old, root)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("proving a checkpoint of %d entries; if the service's file %q is damaged, remove it while it is stopped: %w",
			c.Size, treeFile, err)
	}
	return proof, nil
}
