package export

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// lines writes events as JSON, one a line.
type lines struct {
	w    io.Writer
	file *os.File // nil: w is nobody's to close
}

// ToWriter delivers to w, as JSON lines. Closing it leaves w open.
func ToWriter(w io.Writer) Sink { return lines{w: w} }

// ToFile delivers to the end of the file at path (0600, made where there is
// none), as JSON lines. What was delivered is on disk.
func ToFile(path string) (Sink, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening what is exported to: %w", err)
	}
	return lines{f, f}, nil
}

func (l lines) Deliver(_ context.Context, events []Event) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	for _, e := range events {
		if err := enc.Encode(e.Fields); err != nil {
			return err
		}
	}
	if _, err := l.w.Write(b.Bytes()); err != nil {
		return err
	}
	if l.file == nil {
		return nil
	}
	return l.file.Sync()
}

func (l lines) Close() error {
	if l.file == nil {
		return nil
	}
	return errors.Join(l.file.Sync(), l.file.Close())
}
