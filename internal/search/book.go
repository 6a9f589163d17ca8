package search

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Book keeps the fingerprints of every value that ever was in force, in a file
// that only grows. One process writes it; others may read it, see [ReadBook]. It
// may be used from many goroutines.
type Book struct {
	key   Key
	path  string
	mu    sync.Mutex
	file  *os.File
	known map[MAC]bool
	size  int64
	head  Head
	hash  hash.Hash // of the first size bytes
	torn  bool      // behind size stands what counts for nothing
}

// Head says what a Book holds, so that one whose lines were changed or taken out
// can be told from it.
type Head struct {
	Lines  int
	SHA256 [sha256.Size]byte // of these lines
}

// Value is a value that a Book is to keep the fingerprint of.
type Value struct {
	Credential string
	Bytes      []byte
}

// OpenBook opens the file at path for writing, and makes it with mode 0600 if
// there is none. What a crash left of a last line is cut off. A line that is none
// is an error.
func OpenBook(path string, k Key) (*Book, error) {
	b := &Book{key: k, path: path, known: map[MAC]bool{}, hash: sha256.New()}
	if err := b.open(); err != nil {
		return nil, fmt.Errorf("opening fingerprints %q: %w", path, err)
	}
	return b, nil
}

func (b *Book) open() (err error) {
	text, err := os.ReadFile(b.path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	made := err != nil
	whole := text[:bytes.LastIndexByte(text, '\n')+1]
	for line := range bytes.Lines(whole) {
		id, _, err := cutLine(line)
		if err != nil {
			return fmt.Errorf("line %d: %w", b.head.Lines+1, err)
		}
		b.take(id, line)
	}
	b.torn = len(whole) < len(text)
	if b.file, err = os.OpenFile(b.path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600); err != nil || !made {
		return err
	}
	return syncDir(filepath.Dir(b.path))
}

// take counts a line that is on disk.
func (b *Book) take(id MAC, line []byte) {
	b.known[id] = true
	b.hash.Write(line)
	b.size += int64(len(line))
	b.head.Lines++
	b.hash.Sum(b.head.SHA256[:0])
}

// Add writes the fingerprints of those values that the Book does not know, and
// returns when they are on disk. now is when they come in force. After an error
// none of them is known, and another Add may do it.
func (b *Book) Add(now time.Time, values []Value) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	var ids []MAC
	var lines [][]byte
	fresh := map[MAC]bool{}
	for _, v := range values {
		id := b.key.ID(v.Credential, v.Bytes)
		if b.known[id] || fresh[id] {
			continue
		}
		fresh[id] = true
		ids, lines = append(ids, id), append(lines, b.key.seal(Kept{b.key.Fingerprint(v.Credential, v.Bytes), now}))
	}
	if len(ids) == 0 {
		return nil
	}
	if err := b.write(bytes.Join(lines, nil)); err != nil {
		b.torn = true
		return fmt.Errorf("writing fingerprints %q: %w", b.path, err)
	}
	for i, id := range ids {
		b.take(id, lines[i])
	}
	return nil
}

func (b *Book) write(text []byte) error {
	if b.torn {
		if err := b.file.Truncate(b.size); err != nil {
			return err
		}
		b.torn = false
	}
	if _, err := b.file.Write(text); err != nil {
		return err
	}
	return b.file.Sync()
}

// Head says what the Book holds now.
func (b *Book) Head() Head {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.head
}

// Close closes the file.
func (b *Book) Close() error { return b.file.Close() }

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
