package recording

import (
	"context"
	"time"

	"cloakroom/internal/record"
)

// Tapes begins tapes. *Recorder is one.
type Tapes interface {
	// Ready tells why no exchange of the principal may begin now; nil: one may. Of
	// nobody's, "", it tells why no exchange at all may.
	Ready(principal string) error
	// Begin begins the tape of an exchange of the principal's. It never fails; see
	// Tape.Flush.
	Begin(exchange, principal string, began time.Time, r Rule) Tape
}

// Tape is what one exchange is recorded on. Its methods are called by one goroutine
// at a time. Arguments are not kept.
type Tape interface {
	// Tickets says which lease the tickets in this exchange belong to, by their
	// text: they are marked with its id wherever they stand.
	Tickets(leases map[string]string)
	Head(at time.Time, k Kind, h Head, masked map[string]int)
	// Piece takes a piece of a body; masked are the values masked in it.
	Piece(at time.Time, k Kind, data []byte, masked map[string]int)
	// Message takes a piece of a message; last: the message ends with it.
	Message(at time.Time, k Kind, data []byte, binary, last bool, masked map[string]int)
	// Skipped counts bytes of a body that are not to be kept, and not hashed.
	Skipped(k Kind, n int64)
	// Flush writes what is not written yet, and nothing where that is little and
	// young, unless all. An error says that the exchange must not go on.
	Flush(at time.Time, all bool) error
	// End ends the tape. e is noted in the log once all parts are durable, with
	// what is recorded filled in. A second call does nothing.
	End(at time.Time, e record.End)
}

// Reader reads recordings.
type Reader interface {
	// Read reads the recording that the end names. ErrGone: it was deleted, as its
	// time was over; ErrErased: it was erased; ErrBroken: it is not what the log says;
	// ErrKey: it is under a key that is not here.
	Read(ctx context.Context, exchange string, parts []record.Part) (Transcript, error)
}

// tape is a Tape until it ended: then its writer is another's.
type tape struct{ w *writer }

func (t *tape) Tickets(leases map[string]string) {
	t.do(func(w *writer) { w.tickets(leases) })
}

func (t *tape) Head(at time.Time, k Kind, h Head, masked map[string]int) {
	t.do(func(w *writer) { w.head(at, k, h, masked) })
}

func (t *tape) Piece(at time.Time, k Kind, data []byte, masked map[string]int) {
	t.do(func(w *writer) { w.content(at, content{kind: k, data: data, masked: masked}) })
}

func (t *tape) Message(at time.Time, k Kind, data []byte, binary, last bool, masked map[string]int) {
	t.do(func(w *writer) {
		w.content(at, content{kind: k, data: data, binary: binary, more: !last, ends: last, masked: masked})
	})
}

func (t *tape) Skipped(k Kind, n int64) {
	t.do(func(w *writer) { w.skip(k, n) })
}

func (t *tape) Flush(at time.Time, all bool) (err error) {
	t.do(func(w *writer) { err = w.flush(at, all) })
	return err
}

func (t *tape) End(at time.Time, e record.End) {
	t.do(func(w *writer) { w.end(at, e) })
	t.w = nil
}

func (t *tape) do(step func(*writer)) {
	if t.w == nil {
		return
	}
	t.w.mu.Lock()
	defer t.w.mu.Unlock()
	step(t.w)
}
