package recording

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"cloakroom/internal/record"
)

// Found is a part as it stands in a pack.
type Found struct {
	Part     record.Part
	Exchange string // or the id of what Keep kept
	Number   int    // of the part, among its exchange's
}

// Pack is what a pack says of itself.
type Pack struct {
	ID        string // the first half of the hash of its first line
	Created   time.Time
	Retention time.Duration // 0: for ever
	Log       string        // id of the log that names its parts
	Open      bool          // it is written, or was when the service ended
}

// Files lists the packs below dir, the log's directory: their paths by id.
func Files(dir string) (map[string]string, error) { return local(filepath.Join(dir, packsFolder)) }

// Scan reads a pack without a key, and calls found for each part, in order. An
// error says at which byte the file is not what a pack is (ErrBroken). An open
// pack may end within a part.
func Scan(path string, found func(Found) error) (Pack, error) {
	f, err := os.Open(path)
	if err != nil {
		return Pack{}, fmt.Errorf("reading a pack: %w", err)
	}
	defer f.Close()
	s := &scanner{r: bufio.NewReaderSize(f, 64<<10)}
	p, err := s.header(path)
	for err == nil {
		var part Found
		if part, err = s.next(p.ID); err == nil {
			err = found(part)
		}
	}
	if err == io.EOF || p.Open && err == io.ErrUnexpectedEOF {
		return p, nil
	}
	if err == io.ErrUnexpectedEOF || errors.Is(err, errPack) {
		return p, fmt.Errorf("reading pack %q: byte %d: %w: %w", path, s.at, err, ErrBroken)
	}
	return p, err
}

var errPack = errors.New("it is no pack's")

// scanner reads a pack from its beginning.
type scanner struct {
	r   *bufio.Reader
	at  int64 // of the next part
	raw header
}

func (s *scanner) header(path string) (Pack, error) {
	line, err := s.line()
	if err != nil {
		return Pack{}, err
	}
	id := packID(line)
	if s.raw, err = parseHeader(line); err != nil {
		return Pack{}, fmt.Errorf("%w: %w", errPack, err)
	}
	if !strings.HasPrefix(filepath.Base(path), s.raw.name(id)+".") {
		return Pack{}, fmt.Errorf("%w: its name is not that of its first line", errPack)
	}
	s.at = int64(len(line))
	return Pack{ID: id, Created: s.raw.Created, Retention: s.raw.retention(), Log: s.raw.Log, Open: strings.HasSuffix(path, openExt)}, nil
}

// line reads a pack's first line.
func (s *scanner) line() ([]byte, error) {
	head, err := s.r.Peek(headerMax)
	if err != nil && err != io.EOF {
		return nil, err
	}
	for i, c := range head {
		if c == '\n' {
			line := make([]byte, i+1)
			_, err := io.ReadFull(s.r, line)
			return line, err
		}
	}
	return nil, fmt.Errorf("%w: it has no first line", errPack)
}

// next reads a part. io.EOF: there is none; io.ErrUnexpectedEOF: half a one.
func (s *scanner) next(pack string) (Found, error) {
	var head [frameHeader]byte
	if _, err := io.ReadFull(s.r, head[:]); err != nil {
		return Found{}, err
	}
	f, err := parseFrame(head)
	if err != nil {
		return Found{}, fmt.Errorf("%w: %w", errPack, err)
	}
	h := sha256.New()
	h.Write(head[:])
	if _, err := io.CopyN(h, s.r, int64(f.size)-frameHeader); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return Found{}, err
	}
	p := record.Part{Pack: pack, At: s.at, Size: int64(f.size), SHA256: record.Hash(h.Sum(nil))}
	s.at += p.Size
	return Found{Part: p, Exchange: string(f.exchange[:]), Number: int(f.number)}, nil
}
