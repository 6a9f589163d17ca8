package record

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
)

// Reader reads the lines of a log in order and checks their chain. It may read
// a log that is being written.
type Reader struct {
	dir    string
	pos    Position // behind the last line read
	anchor bool     // pos is known, and the next line must link to it
	first  uint64   // of the open segment; 0: none is open
	next   uint64   // first entry of the segment after it; 0: there is none yet
	offset int64    // behind the last line read, in the open segment
	file   *os.File
	buf    *bufio.Reader
}

// ReadAfter opens the log in dir for reading behind p. An entry at p with
// another hash, or none, is ErrBroken.
func ReadAfter(dir string, p Position) (*Reader, error) {
	r, err := readSegmentOf(dir, p.Seq)
	if err != nil || p.Seq == 0 {
		return r, err
	}
	if err := r.skipTo(p); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// LineAt is the line of the entry seq of the log in dir; ErrBroken: there is no
// such entry.
func LineAt(dir string, seq uint64) (Line, error) {
	r, err := readSegmentOf(dir, seq)
	if err != nil {
		return Line{}, err
	}
	defer r.Close()
	if seq == 0 || r.pos.Seq >= seq {
		return Line{}, fmt.Errorf("reading log %q: it has no entry %d: %w", dir, seq, ErrBroken)
	}
	if err := r.read(seq - 1); err != nil {
		return Line{}, err
	}
	l, err := r.Next()
	if err == io.EOF {
		err = fmt.Errorf("reading log %q: it ends before entry %d: %w", dir, seq, ErrBroken)
	}
	l.Raw = bytes.Clone(l.Raw)
	return l, err
}

// Last is the last whole entry of the log in dir; 0: there is none. Where the chain
// does not hold, it is the last before that.
func Last(dir string) (uint64, error) {
	r, err := readSegmentOf(dir, math.MaxUint64)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	for {
		switch _, err := r.Next(); {
		case err == io.EOF, errors.Is(err, ErrBroken):
			return r.pos.Seq, nil
		case err != nil:
			return 0, err
		}
	}
}

// readSegmentOf reads from the beginning of the segment that holds the entry seq.
func readSegmentOf(dir string, seq uint64) (*Reader, error) {
	firsts, err := segments(dir)
	if err != nil {
		return nil, err
	}
	from := uint64(1)
	for _, first := range firsts {
		if first <= seq {
			from = first
		}
	}
	return newReader(dir, from-1), nil
}

// newReader reads behind the entry seq, which must be the last of a segment.
// Only for 0 is the hash of that known.
func newReader(dir string, seq uint64) *Reader {
	return &Reader{dir: dir, pos: Position{Seq: seq}, anchor: seq == 0}
}

// skipTo reads up to p.
func (r *Reader) skipTo(p Position) error {
	if err := r.read(p.Seq); err != nil {
		return err
	}
	if r.pos != p {
		return fmt.Errorf("reading log %q: entry %d is not the expected one: %w", r.dir, p.Seq, ErrBroken)
	}
	return nil
}

// read reads up to the entry seq, which is there.
func (r *Reader) read(seq uint64) error {
	for r.pos.Seq < seq {
		_, err := r.Next()
		if err == io.EOF {
			err = fmt.Errorf("reading log %q: it ends before entry %d: %w", r.dir, seq, ErrBroken)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Next returns the next line, valid until the next call; io.EOF if there is no
// whole one yet (a later call may find one), ErrBroken if the chain does not
// hold.
func (r *Reader) Next() (Line, error) {
	for {
		if r.file == nil || r.next == r.pos.Seq+1 {
			if err := r.openNext(); err != nil {
				return Line{}, err
			}
		}
		raw, err := r.buf.ReadSlice('\n')
		if err == nil {
			return r.accept(raw)
		}
		if err == bufio.ErrBufferFull {
			return Line{}, r.broken(fmt.Errorf("longer than %d bytes", MaxLine))
		}
		if err != io.EOF {
			return Line{}, fmt.Errorf("reading log %q: %w", r.dir, err)
		}
		if err := r.atEnd(); err != nil {
			return Line{}, err
		}
	}
}

// atEnd is reached where the open segment has no further whole line: io.EOF,
// unless a next segment goes on from here.
func (r *Reader) atEnd() error {
	known := r.next
	if err := r.refresh(); err != nil {
		return err
	}
	switch {
	case r.next == r.pos.Seq+1:
		return nil
	case r.next == 0:
		return io.EOF
	case known == 0:
		return nil // it was not there when the end was reached: look once more
	}
	return r.broken(fmt.Errorf("missing: the next segment begins with entry %d", r.next))
}

// refresh forgets what was read ahead, which a failing disk may have taken
// back since, and looks for a next segment.
func (r *Reader) refresh() error {
	if r.file == nil {
		return nil
	}
	if _, err := r.file.Seek(r.offset, io.SeekStart); err != nil {
		return fmt.Errorf("reading log %q: %w", r.dir, err)
	}
	r.buf.Reset(r.file)
	return r.look()
}

// openNext opens the segment that begins behind pos.
func (r *Reader) openNext() error {
	r.Close()
	f, err := os.Open(segmentPath(r.dir, r.pos.Seq+1))
	if errors.Is(err, os.ErrNotExist) {
		firsts, err := segments(r.dir)
		if err != nil {
			return err
		}
		if len(firsts) > 0 && firsts[len(firsts)-1] > r.pos.Seq {
			return r.broken(errors.New("missing: no segment begins with it"))
		}
		return io.EOF
	}
	if err != nil {
		return fmt.Errorf("reading log %q: %w", r.dir, err)
	}
	r.file, r.first, r.offset = f, r.pos.Seq+1, 0
	r.buf = bufio.NewReaderSize(f, MaxLine)
	return r.look()
}

// look finds the segment after the open one.
func (r *Reader) look() error {
	firsts, err := segments(r.dir)
	r.next = 0
	for _, first := range firsts {
		if first > r.first {
			r.next = first
			break
		}
	}
	return err
}

// accept checks a line against the one before.
func (r *Reader) accept(raw []byte) (Line, error) {
	l, err := ParseLine(raw)
	if err != nil {
		if r.next == 0 && bytes.IndexByte(raw, 0) >= 0 {
			if err := r.refresh(); err != nil {
				return Line{}, err
			}
			return Line{}, io.EOF // a hole that a crash left
		}
		return Line{}, r.broken(err)
	}
	if l.Seq != r.pos.Seq+1 {
		return Line{}, r.broken(fmt.Errorf("in its place stands entry %d", l.Seq))
	}
	if r.anchor && l.Prev != r.pos.Hash {
		return Line{}, r.broken(errors.New("its prev is not the hash of the entry before"))
	}
	r.pos, r.anchor = l.Position(), true
	r.offset += int64(len(raw))
	return l, nil
}

func (r *Reader) broken(why error) error {
	return fmt.Errorf("reading log %q: entry %d: %w: %w", r.dir, r.pos.Seq+1, why, ErrBroken)
}

// Close closes the file that is open.
func (r *Reader) Close() error {
	if r.file == nil {
		return nil
	}
	err := r.file.Close()
	r.file, r.first, r.next = nil, 0, 0
	return err
}
