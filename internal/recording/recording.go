// Package recording keeps what was said in an exchange: what the agent sent, with
// placeholders in place, and what it got, masked. This comment is the specification
// of the format.
//
// An exchange is recorded on a tape, which is written in parts; parts stand in
// packs, sealed, and the log's end of the exchange names each by its place and
// hash. So the log proves a recording without holding it, and a pack can be
// deleted without breaking a proof.
//
// # Directory
//
// Packs stand in the folder "packs" of the log's directory, one file each:
// "ID-CREATED-KEEP" and ".open" while it is written, ".pack" when it is closed.
// CREATED is in Unix seconds, KEEP the seconds that its parts are kept for, 0 for
// ever. Parts of one retention go to one open pack, which is closed at 64 MiB or
// when it is an hour old; a process never goes on with a pack of another's. In the
// outside store the object is named "ID-CREATED-KEEP-SHA256.pack", by the hash of
// all of it. A pack may be deleted an hour and KEEP after CREATED: then all of its
// parts are older than KEEP. An entry of the log stands for each pack that is
// closed (act "pack": id, number of parts, hash), deleted (act "prune"), or about to
// have something erased in it (act "erase": id, number of parts, the hash that it will
// have).
//
// # Pack
//
// The first line is JSON: a version, when the pack was made, what KEEP says, the
// id of the log and the position where it ended then, the id of the recording key, and
// the pack's random key, sealed with AES-256-GCM under a key that derives from the
// recording key, with the rest of the line as additional data. The id of a recording
// key derives from it too, and tells nothing of it; older packs have none. ID is the first 16 bytes of the line's
// SHA-256 in lower-case Crockford base32: who names the pack names its first line.
//
// Then parts stand one behind another. A part is, all numbers big-endian:
//
//	4 bytes  its size in all
//	4 bytes  its number among its exchange's, from 0
//	26 bytes the exchange's id
//	8 bytes  a number that no other part of the pack has: the nonce, behind 4 zeros
//	…        AES-256-GCM under the pack's key of a zstd frame, with the 42 bytes
//	         before as additional data
//
// A part that was erased has its first 42 bytes, and zeros behind them. An act "erase"
// names its exchange, and is signed, see ErasureText.
//
// # Part
//
// Unsealed, a part of a tape is lines of JSON, of which the first names version,
// exchange and number, when the exchange began and what of bodies is kept; a tape's
// first part has a random salt there. The end in the log has the SHA-256 of all parts of
// its tape, one behind another: who is shown them needs no key to know that they are what
// was recorded, and who has but the log cannot try what they were.
//
// The other lines are events in the order in which they happened, with microseconds since
// the exchange began. A line with "data" is followed by so many bytes as they are,
// and a line feed. A line with "of" goes on with the event of that number, counted
// from 0 over all parts. A line of kind "end" tells of both bodies as a whole; it
// is the last of a whole tape. A string that is not UTF-8 is a list of its base64.
//
// What looks like a ticket has lost its suffix, "ckr_NAME_[ticket LEASE-ID]", and
// what looks like a token all of it, see TokenMark; also where it is
// percent-encoded or written with JSON's \u00XX, and in Basic credentials. The text between two bytes that can
// stand in neither is therefore held, up to 32 KiB, until its end is there.
//
// # Promises
//
// What Flush has returned for is with the operating system, so that the end of the
// process does not lose it. An end is in the log only once its parts are on disk.
// An exchange whose process ended first is ended when the next one opens. No ticket
// and no token stands in a part, however it was cut into pieces. The package
// decides nothing about who may read, and masks no value: what it is given was
// masked.
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
	Control     Kind = "control"      // a control frame of a WebSocket to the agent
	ControlSent Kind = "control_sent" // one of the agent's
)

// Agents tells whether such an event is something that the agent sent.
func (k Kind) Agents() bool {
	return k == Request || k == Sent || k == MessageSent || k == ControlSent
}

// Event is one thing that the agent sent or got.
type Event struct {
	At     time.Duration // since the exchange began, to the microsecond
	Kind   Kind
	Head   *Head          // of Request, Response, Trailers, Control and ControlSent; nil: the others
	Data   []byte         // of the others; of a body, what is kept of it
	Binary bool           // of a message
	More   bool           // of a message: its next event goes on with it
	Masked map[string]int // values masked in it, by credential
}

// Head is a head, or trailers, or a control frame: one header, whose name is "ping",
// "pong" or "close", and whose value is the payload. Names are in lower case.
type Head struct {
	Method, Authority, Path string // of a request; the path as the agent sent it
	Status                  int    // of a response
	Headers                 []access.Header
}

// Sum is what is known of all of a body, kept or not. Of a WebSocket it is about
// the contents of its messages, and of control frames that are no events, one behind
// another.
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
