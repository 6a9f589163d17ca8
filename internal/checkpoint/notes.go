package checkpoint

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// noteMax is how long a note with its signatures may be, in bytes.
const noteMax = 64 << 10

// ErrLong means that what should be a note is too long to be one.
var ErrLong = fmt.Errorf("longer than %d bytes", noteMax)

var signaturePrefix = []byte("— ")

// ReadNotes reads notes of the log with an id that stand one behind another.
// Each begins at a line that is the log's origin, or that follows a signature and
// is none: so what is no note is handed over too. Nothing is verified. note is
// valid until take returns, whose error ends the reading. Whole is where the
// last note ends if that is whole, else where it begins.
func ReadNotes(r io.Reader, log string, take func(at int64, note []byte) error) (whole int64, err error) {
	origin := []byte(Origin(log) + "\n")
	lines := bufio.NewReaderSize(r, noteMax)
	var note []byte
	at, end, signed := int64(0), int64(0), false
	for err == nil {
		var line []byte
		line, err = lines.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) || len(note)+len(line) > noteMax {
			return at, fmt.Errorf("reading checkpoints at byte %d: %w", at, ErrLong)
		}
		signature := bytes.HasPrefix(line, signaturePrefix)
		if len(note) > 0 && len(line) > 0 && (bytes.Equal(line, origin) || signed && !signature) {
			if err := take(at, note); err != nil {
				return at, err
			}
			at, note = end, note[:0]
		}
		signed = signature
		note, end = append(note, line...), end+int64(len(line))
	}
	if err != io.EOF {
		return at, fmt.Errorf("reading checkpoints: %w", err)
	}
	if len(note) == 0 {
		return end, nil
	}
	if Torn(note, log) {
		return at, take(at, note)
	}
	return end, take(at, note)
}

// Torn tells whether a note of a log lacks its end, as a write that a crash cut
// short leaves it.
func Torn(note []byte, log string) bool {
	origin := []byte(Origin(log) + "\n")
	if !bytes.HasPrefix(note, origin) {
		return bytes.HasPrefix(origin, note)
	}
	return !bytes.HasSuffix(note, []byte("\n")) || !bytes.Contains(note, []byte("\n\n— "))
}
