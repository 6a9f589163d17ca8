package record

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Acts keeps what commands did until a log has it: a command that may not write
// the log, because a service does, leaves its act in the store. recordtest.TestActs
// is the contract.
type Acts interface {
	// PutActs keeps acts durably, all or none.
	PutActs(ctx context.Context, rows ...ActRow) error
	// TakeActs gives write the acts that are kept, the oldest first, and forgets
	// each once write has returned nil; at the first error it ends with it. While
	// one process takes acts no other is given the same. An act whose process
	// ended between the two is given again.
	TakeActs(ctx context.Context, write func(ActRow) error) error
	// ActPending tells whether the act is still kept.
	ActPending(ctx context.Context, id string) (bool, error)
}

// ActRow is an act that waits for a log, sealed: who can write the store cannot
// make one up.
type ActRow struct {
	ID   string    // see NewID
	At   time.Time // to the microsecond
	Body []byte    // an HMAC-SHA256 over id, time and the rest, and then the act as JSON
}

// SealAct seals an act with a key that the store does not have.
func SealAct(key [32]byte, a Act, now time.Time) (ActRow, error) {
	text, err := json.Marshal(a)
	if err != nil {
		return ActRow{}, fmt.Errorf("sealing act %q: %w", a.Name, err)
	}
	r := ActRow{ID: NewID(now), At: now.UTC().Truncate(time.Microsecond)}
	r.Body = append(r.seal(key, text), text...)
	return r, nil
}

// Open is the entry of the act, which is an error if the key did not seal it.
func (r ActRow) Open(key [32]byte) (Entry, error) {
	if len(r.Body) < sha256.Size || !hmac.Equal(r.Body[:sha256.Size], r.seal(key, r.Body[sha256.Size:])) {
		return Entry{}, fmt.Errorf("opening act %q: %w", r.ID, errSeal)
	}
	e := Entry{Time: r.At, Act: &Act{}}
	if err := json.Unmarshal(r.Body[sha256.Size:], e.Act); err != nil {
		return Entry{}, fmt.Errorf("opening act %q: %w", r.ID, err)
	}
	return e, nil
}

var errSeal = errors.New("its seal is not this instance's")

func (r ActRow) seal(key [32]byte, text []byte) []byte {
	m := hmac.New(sha256.New, key[:])
	fmt.Fprintf(m, "%s %d ", r.ID, r.At.UnixMicro())
	m.Write(text)
	return m.Sum(nil)
}
