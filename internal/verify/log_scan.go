package verify

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"cloakroom/internal/record"
)

// scan reads the lines of a log with nothing of what wrote them but the format
// of a line, and goes on where something is wrong.
type scan struct {
	dir   string
	take  func(stood) // hears of every line
	wrong func(Finding)

	pos   record.Position // behind the last line
	known bool            // pos.Hash is that line's
	bytes int64
	torn  int64 // bytes at the end that are no whole line
}

// stood is a line and where it stands. Of a line that is not of the format only
// Raw and Seq are set, the latter to what it should have been.
type stood struct {
	record.Line
	file string
	at   int64
	bad  bool
}

// all reads every segment.
func (s *scan) all(ctx context.Context) error {
	firsts, err := s.segments()
	if err != nil {
		return err
	}
	s.known = true
	for i, first := range firsts {
		next := uint64(0) // the first entry of the segment after it
		if i+1 < len(firsts) {
			next = firsts[i+1]
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := s.segment(first, next); err != nil {
			return err
		}
	}
	return nil
}

const segmentDigits = 20

// segments lists the first entries of the segments, in order.
func (s *scan) segments() (firsts []uint64, err error) {
	files, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, fmt.Errorf("reading log: %w", err)
	}
	for _, f := range files {
		name, isSegment := strings.CutSuffix(f.Name(), ".log")
		if !isSegment {
			continue
		}
		first, err := strconv.ParseUint(name, 10, 64)
		if err != nil || first == 0 || len(name) != segmentDigits {
			s.wrong(Finding{File: filepath.Join(s.dir, f.Name()), What: "not the name of a segment"})
			continue
		}
		firsts = append(firsts, first)
	}
	slices.Sort(firsts)
	return firsts, nil
}

// segment reads one, up to the entry before next.
func (s *scan) segment(first, next uint64) error {
	path := filepath.Join(s.dir, fmt.Sprintf("%0*d.log", segmentDigits, first))
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("reading log: %w", err)
	}
	defer f.Close()
	if first != s.pos.Seq+1 {
		s.wrong(Finding{Entry: s.pos.Seq + 1, File: path, What: fmt.Sprintf("the segment begins with entry %d, and the one before ends with entry %d", first, s.pos.Seq)})
		s.pos, s.known = record.Position{Seq: first - 1}, false
	}
	lines, at := bufio.NewReaderSize(f, record.MaxLine), int64(0)
	for {
		raw, err := lines.ReadSlice('\n')
		switch {
		case len(raw) > 0 && next > 0 && s.pos.Seq+1 >= next:
			s.wrong(Finding{Entry: s.pos.Seq, File: path, Byte: at, What: "something stands behind the segment's last entry"})
			return nil
		case err == io.EOF:
			return s.end(path, raw, at, next == 0)
		case errors.Is(err, bufio.ErrBufferFull):
			s.wrong(Finding{Entry: s.pos.Seq + 1, File: path, Byte: at, What: fmt.Sprintf("a line longer than %d bytes", record.MaxLine)})
			return nil
		case err != nil:
			return fmt.Errorf("reading log: %w", err)
		}
		s.line(stood{Line: record.Line{Raw: raw}, file: path, at: at})
		at += int64(len(raw))
	}
}

// end judges what stands behind the last whole line of a segment. In the last
// one a crash, or a service that is writing, leaves a part of a line.
func (s *scan) end(path string, rest []byte, at int64, last bool) error {
	switch {
	case len(rest) == 0:
	case !last:
		s.wrong(Finding{Entry: s.pos.Seq + 1, File: path, Byte: at, What: "a line without an end"})
	default:
		s.torn = int64(len(rest))
	}
	return nil
}

// line judges a line by the one before.
func (s *scan) line(l stood) {
	s.bytes += int64(len(l.Raw))
	parsed, err := record.ParseLine(l.Raw)
	where := Finding{Entry: s.pos.Seq + 1, File: l.file, Byte: l.at}
	if err != nil || bytes.IndexByte(l.Raw, 0) >= 0 {
		where.What = "not a line of a log"
		s.wrong(where)
		l.Seq, l.bad = s.pos.Seq+1, true
		s.pos, s.known = record.Position{Seq: l.Seq}, false
		s.take(l)
		return
	}
	switch {
	case parsed.Seq != s.pos.Seq+1:
		where.What = fmt.Sprintf("in its place stands entry %d: entries were dropped, inserted or moved", parsed.Seq)
		s.wrong(where)
	case s.known && parsed.Prev != s.pos.Hash:
		where.What = "its prev is not the hash of the entry before: one of the two was changed"
		s.wrong(where)
	}
	l.Line = parsed
	s.pos, s.known = parsed.Position(), true
	s.take(l)
}
