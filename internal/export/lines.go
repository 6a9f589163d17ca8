package export

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"cloakroom/internal/record"
)

// lines writes events as JSON, one a line.
type lines struct {
	w    io.Writer
	file *os.File // nil: w is nobody's to close
	torn bool     // the last line has no end
}

// ToWriter delivers to w, as JSON lines. Closing it leaves w open.
func ToWriter(w io.Writer) Sink { return &lines{w: w} }

// ToFile delivers to the end of the file at path (0600, made where there is
// none), as JSON lines. What was delivered is on disk. A line that a crash or a full
// disk left without its end is ended first: what it told of is delivered again.
func ToFile(path string) (Sink, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening what is exported to: %w", err)
	}
	return behind(f)
}

// toAside is ToFile for a file that stands beside the state, and whose name nobody gave:
// it belongs to the owner of its folder, as the state does, and is no link.
func toAside(path string) (Sink, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_APPEND|os.O_RDWR, 0o600)
	switch {
	case errors.Is(err, fs.ErrExist):
		f, err = os.OpenFile(path, os.O_APPEND|os.O_RDWR|unix.O_NOFOLLOW, 0)
	case err == nil:
		if err = record.OfFolder(f); err != nil {
			err = errors.Join(err, f.Close())
		}
	}
	if err != nil {
		return nil, err
	}
	return behind(f)
}

// behind delivers to the end of a file.
func behind(f *os.File) (Sink, error) {
	l := &lines{w: f, file: f}
	var err error
	if l.torn, err = endless(f); err != nil {
		return nil, errors.Join(fmt.Errorf("opening what is exported to: %w", err), f.Close())
	}
	return l, nil
}

// endless tells whether a file's last line has no end. What is no ordinary file has
// no last line.
func endless(f *os.File) (bool, error) {
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
		return false, err
	}
	var last [1]byte
	_, err = f.ReadAt(last[:], info.Size()-1)
	return last[0] != '\n', err
}

func (l *lines) Deliver(_ context.Context, events []Event) error {
	var b bytes.Buffer
	if l.torn {
		b.WriteByte('\n')
	}
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	for _, e := range events {
		if err := enc.Encode(e.Fields); err != nil {
			return err
		}
	}
	n, err := l.w.Write(b.Bytes())
	if n > 0 {
		l.torn = b.Bytes()[n-1] != '\n'
	}
	if err != nil {
		return err
	}
	if l.file == nil {
		return nil
	}
	return l.file.Sync()
}

func (l *lines) Close() error {
	if l.file == nil {
		return nil
	}
	return errors.Join(l.file.Sync(), l.file.Close())
}
