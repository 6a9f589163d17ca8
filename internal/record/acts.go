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
	// TakeActs gives write the acts that are kept, the oldest first. Once write has
	// returned nil it keeps the receipt in the act's place, or nothing where there is
	// none, and forgets receipts that are ReceiptKept older; at the first error it
	// ends with it. While one process takes acts no other is given the same. An act
	// whose process ended between the two is given again.
	TakeActs(ctx context.Context, write func(ActRow) (receipt *ActRow, err error)) error
	// Receipt finds the receipt of an act. ErrNoReceipt: there is none.
	Receipt(ctx context.Context, id string) (ActRow, error)
}

// ReceiptKept is how long a receipt is kept at least: far longer than a command waits
// for it.
const ReceiptKept = time.Hour

// ErrNoReceipt means that no service has said that an act is in the log.
var ErrNoReceipt = errors.New("no service has written it to the log")

// ActRow is an act that waits for a log, or the receipt of one that a log has. It is
// sealed: who can write the store cannot make one up.
type ActRow struct {
	ID   string    // the act's, see NewID
	At   time.Time // of the act, or of the receipt; to the microsecond
	Body []byte    // an HMAC-SHA256 over id, time and the rest, and then what is sealed, as JSON
}

// Receipt says where an act stands.
type Receipt struct {
	Log  string `json:"log"` // its id
	Seq  uint64 `json:"seq"`
	Hash Hash   `json:"hash"` // of the line
}

// SealAct seals an act with a key that the store does not have.
func SealAct(key [32]byte, a Act, now time.Time) (ActRow, error) {
	return seal(key, NewID(now), a, now)
}

// Open is the entry of the act, which is an error if the key did not seal it.
func (r ActRow) Open(key [32]byte) (Entry, error) {
	e := Entry{Time: r.At, Act: &Act{}}
	if err := r.open(key, e.Act); err != nil {
		return Entry{}, fmt.Errorf("opening act %q: %w", r.ID, err)
	}
	e.Act.ID = r.ID
	return e, nil
}

// SealReceipt seals the receipt of the act id with the key that acts are sealed with.
func SealReceipt(key [32]byte, id string, r Receipt, now time.Time) (ActRow, error) {
	return seal(receiptKey(key), id, r, now)
}

// OpenReceipt is the receipt of the act id, which is an error if the key did not seal
// it for that.
func (r ActRow) OpenReceipt(key [32]byte, id string) (out Receipt, err error) {
	r.ID = id
	if err := r.open(receiptKey(key), &out); err != nil {
		return Receipt{}, fmt.Errorf("opening the receipt of act %q: %w", id, err)
	}
	return out, nil
}

// receiptKey keeps an act from being taken for a receipt.
func receiptKey(key [32]byte) [32]byte {
	m := hmac.New(sha256.New, key[:])
	m.Write([]byte("receipt"))
	return [32]byte(m.Sum(nil))
}

func seal(key [32]byte, id string, what any, now time.Time) (ActRow, error) {
	text, err := json.Marshal(what)
	if err != nil {
		return ActRow{}, fmt.Errorf("sealing act %q: %w", id, err)
	}
	r := ActRow{ID: id, At: now.UTC().Truncate(time.Microsecond)}
	r.Body = append(r.mac(key, text), text...)
	return r, nil
}

func (r ActRow) open(key [32]byte, what any) error {
	if len(r.Body) < sha256.Size || !hmac.Equal(r.Body[:sha256.Size], r.mac(key, r.Body[sha256.Size:])) {
		return errors.New("its seal is not this instance's")
	}
	return json.Unmarshal(r.Body[sha256.Size:], what)
}

func (r ActRow) mac(key [32]byte, text []byte) []byte {
	m := hmac.New(sha256.New, key[:])
	fmt.Fprintf(m, "%s %d ", r.ID, r.At.UnixMicro())
	m.Write(text)
	return m.Sum(nil)
}
