// Package recording keeps what was said in an exchange: what the agent sent, with
// placeholders in place, and what it got, masked.
//
// An exchange is recorded on a tape, which is written in parts; parts stand in
// packs, sealed, and the log's end of the exchange names each by its place and
// hash. So the log proves a recording without holding it, and a pack can be
// deleted without breaking a proof.
//
// It promises that what Flush has returned for is with the operating system, that
// an end is in the log only once its parts are on disk, and that no ticket and no
// token stands in a part, however it was cut into pieces. It deliberately decides
// nothing about who may read, and masks no value: what it is given was masked.
package recording

import (
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/record"
)

// Kind says what an event is.
type Kind string

// The kinds of an event. A message is one of a WebSocket, whole or a piece.
const (
	Request     Kind = "request"      // the head that the agent sent
	Sent        Kind = "sent"         // a piece of its body
	MessageSent Kind = "message_sent" // a message of the agent's
	Response    Kind = "response"     // the head that the agent got
	Got         Kind = "got"          // a piece of its body
	MessageGot  Kind = "message_got"  // a message to the agent
	Trailers    Kind = "trailers"     // behind the body that the agent got
)

// Event is one thing that the agent sent or got.
type Event struct {
	At     time.Duration // since the exchange began, to the microsecond
	Kind   Kind
	Head   *Head          // of Request, Response and Trailers; nil: the others
	Data   []byte         // of the others; of a body, what is kept of it
	Binary bool           // of a message
	More   bool           // of a message: its next event goes on with it
	Masked map[string]int // values masked in it, by credential
}

// Head is a head, or trailers. Names are in lower case.
type Head struct {
	Method, Authority, Path string // of a request; the path as the agent sent it
	Status                  int    // of a response
	Headers                 []access.Header
}

// Sum is what is known of all of a body, kept or not. Of a WebSocket it is about
// the contents of its messages, one behind another.
type Sum struct {
	Bytes  int64
	Kept   int64       // from the beginning, as far as they are events
	SHA256 record.Hash // of all Bytes, before tickets and tokens were marked; zero: not taken
}

// Transcript is an exchange as it was recorded. Events are in the order in which
// they happened.
type Transcript struct {
	Exchange  string
	Began     time.Time
	Events    []Event
	Sent, Got Sum
	Complete  bool // the tape has its end
}

// Keep says what of bodies is kept.
type Keep string

// What is kept of bodies, in the order from most to least.
const (
	Full Keep = "full" // as far as the limit goes
	Hash Keep = "hash" // length and hash
	None Keep = "none" // length
)

// Rule says how one exchange is recorded.
type Rule struct {
	Bodies    Keep
	Limit     int64         // bytes kept of a body, each way
	Retention time.Duration // of its parts; 0: for ever
}
