package export

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"cloakroom/internal/record"
)

// state is how far a log was delivered: all up to the entry seq, whose line has
// that hash.
type state struct {
	Log  string      `json:"log"`
	Seq  uint64      `json:"seq"`
	Hash record.Hash `json:"hash"`
}

// readState is the position that the file keeps; the log's beginning where there
// is no file yet, or none is kept.
func readState(path, log string) (record.Position, error) {
	if path == "" {
		return record.Position{}, nil
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return record.Position{}, nil
	}
	if err != nil {
		return record.Position{}, fmt.Errorf("reading the state: %w", err)
	}
	var s state
	if err := json.Unmarshal(text, &s); err != nil {
		return record.Position{}, fmt.Errorf("reading state %q: %w", path, err)
	}
	if s.Log != log {
		return record.Position{}, fmt.Errorf("reading state %q: it is of log %q, and this is log %q; each log needs a state of its own", path, s.Log, log)
	}
	return record.Position{Seq: s.Seq, Hash: s.Hash}, nil
}

// writeState makes the file anew: a crash leaves the one before or all of it.
func writeState(path, log string, p record.Position) error {
	if path == "" {
		return nil
	}
	text, err := json.Marshal(state{log, p.Seq, p.Hash})
	if err != nil {
		return err
	}
	if err := record.WriteWhole(path, append(text, '\n')); err != nil {
		return fmt.Errorf("writing state %q: %w", path, err)
	}
	return nil
}
