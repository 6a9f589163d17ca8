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

	pos     record.Position // behind the last line
	unknown bool            // pos.Hash is not that line's
	first   uint64          // of the segment that was read last; 0: none was
	at      int64           // behind the last line, in that
	bytes   int64
	torn    int64 // bytes at the end that are no whole line
}

// stood is a line and where it stands. Of a line that is not of the format only
// Raw and Seq are set, the latter to what it should have been.
type stood struct {
	record.Line
	file string
	at   int64
	bad  bool
}

// all reads every segment; called again, what has come since.
func (s *scan) all(ctx context.Context) error {
	firsts, err := s.segments()
	if err != nil {
		return err
	}
	for i, first := range firsts {
		next := uint64(0) // the first entry of the segment after it
		if i+1 < len(firsts) {
			next = firsts[i+1]
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if first < s.first {
			continue
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
			if s.first > 0 {
				continue // told before
			}
			s.wrong(Finding{File: filepath.Join(s.dir, f.Name()), What: "not the name of a segment"})
			continue
		}
		firsts = append(firsts, first)
	}
	slices.Sort(firsts)
	return firsts, nil
}

// place is where the next line would stand.
func (s *scan) place() (path string, at int64) { return s.path(max(s.first, 1)), s.at }

func (s *scan) path(first uint64) string {
	return filepath.Join(s.dir, fmt.Sprintf("%0*d.log", segmentDigits, first))
}

// segment reads one, up to the entry before next.
func (s *scan) segment(first, next uint64) error {
	path := s.path(first)
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("reading log: %w", err)
	}
	defer f.Close()
	s.begin(path, first)
	if _, err := f.Seek(s.at, io.SeekStart); err != nil {
		return fmt.Errorf("reading log: %w", err)
	}
	for lines := bufio.NewReaderSize(f, record.MaxLine); ; {
		raw, err := lines.ReadSlice('\n')
		where := Finding{Entry: s.pos.Seq + 1, File: path, Byte: s.at}
		switch {
		case len(raw) > 0 && next > 0 && s.pos.Seq+1 >= next:
			where.What = "something stands behind the segment's last entry"
		case err == io.EOF && (len(raw) == 0 || next == 0):
			s.torn = int64(len(raw)) // of the last segment: a crash, or a service that is writing
			return nil
		case err == io.EOF:
			where.What = "a line without an end"
		case errors.Is(err, bufio.ErrBufferFull):
			where.What = fmt.Sprintf("a line longer than %d bytes", record.MaxLine)
		case err != nil:
			return fmt.Errorf("reading log: %w", err)
		default:
			s.line(stood{Line: record.Line{Raw: raw}, file: path, at: s.at})
			s.at += int64(len(raw))
			continue
		}
		s.wrong(where)
		return nil
	}
}

// begin begins a segment, unless it was begun before.
func (s *scan) begin(path string, first uint64) {
	if first == s.first {
		return
	}
	if first != s.pos.Seq+1 {
		s.wrong(Finding{Entry: s.pos.Seq + 1, File: path, What: fmt.Sprintf("the segment begins with entry %d, and the one before ends with entry %d", first, s.pos.Seq)})
		s.pos, s.unknown = record.Position{Seq: first - 1}, true
	}
	s.first, s.at = first, 0
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
		s.pos, s.unknown = record.Position{Seq: l.Seq}, true
		s.take(l)
		return
	}
	switch {
	case parsed.Seq != s.pos.Seq+1:
		where.What = fmt.Sprintf("in its place stands entry %d: entries were dropped, inserted or moved", parsed.Seq)
		s.wrong(where)
	case !s.unknown && parsed.Prev != s.pos.Hash:
		where.What = "its prev is not the hash of the entry before: one of the two was changed"
		s.wrong(where)
	}
	l.Line = parsed
	s.pos, s.unknown = parsed.Position(), false
	s.take(l)
}
