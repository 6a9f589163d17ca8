// Package record keeps the log: an append-only, hash-linked sequence of
// entries in segment files. This comment is the specification of the format.
//
// # Directory
//
// The log is one directory (0700) of segments (0600). A segment is named after
// the number of its first entry, twenty decimal digits and ".log", so that
// names sort as the entries do. One process writes at a time and holds a flock
// on the directory. A segment ends where the next one's name says that it
// begins: what stands in it beyond that was never acknowledged, and is no part
// of the log. Files named "….torn" hold bytes that a crash left behind a
// segment's last whole line; they are no part of the log either. The file "id"
// holds 26 random characters (see NewID) by which an index that several logs
// share tells them apart. Who copies a log to write on in the copy removes it
// there, with what package checkpoint keeps beside it.
//
// # Line
//
// An entry is one line of JSON, at most MaxLine bytes with its line feed:
//
//		{"v":1,"seq":7,"prev":"<64 hex>","time":"2026-11-05T12:00:00.000000Z","decision":{…}}
//
//	  - The fields stand in the order of this package's encoder, without spaces;
//	    a field with its zero value is left out. Numbers are decimal integers,
//	    but "ms", which has three decimals. Times are UTC with six decimals.
//	  - Strings are valid UTF-8. Escaped are only the quote and the backslash
//	    (by a backslash) and, as \u00xx in lower-case hex, U+0000 to U+001F and
//	    U+007F to U+009F; U+2028 and U+2029 likewise. So a line has no control
//	    character but its line feed, as golang.org/x/mod/sumdb/tlog wants it of
//	    a record: the lines, line feed included, are the leaves of its tree.
//	  - "seq" counts from 1 without a gap.
//	  - "prev" is the SHA-256 of the line before, its line feed included, in
//	    lower-case hex; 64 zeros in the first entry. `sed -n 7p FILE | sha256sum`
//	    prints what the eighth line's prev must be.
//	  - The last field is named after the entry's kind and holds its fields.
//	  - A reader ignores fields that it does not know, and refuses another "v".
//
// # Promises
//
// Append returns when the entry is on disk (write and fsync, shared by all who
// wait). What was acknowledged is never lost and no number is given twice,
// also over a failing disk, which refuses Append until it works again. Every
// string in an entry has gone through the Masker, and has lost what looks like
// a ticket or a token, because the encoder takes no other.
//
// The package does not sign or build a tree, which package checkpoint does
// behind it, does not delete old segments, and never sees a credential's value.
package record

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"cloakroom/internal/replace"
)

// MaxLine is the longest line of a log in bytes, its line feed included.
const MaxLine = 256 << 10

// Masker takes every known value out of a text. It must be safe for concurrent
// use.
type Masker interface {
	Mask(text string) replace.Masked
}

// Errors of the log, to be told apart with errors.Is.
var (
	// ErrUnavailable means that the entry is not known to be on disk: nothing
	// that depends on it may happen.
	ErrUnavailable = errors.New("the log cannot be written")
	// ErrClosed is returned after Close.
	ErrClosed = errors.New("the log is closed")
	// ErrLocked means that another process writes the log.
	ErrLocked = errors.New("another process writes this log")
	// ErrBroken means that the chain of entries does not hold.
	ErrBroken = errors.New("the chain of the log is broken")
)

// Hash is the SHA-256 of a line with its line feed. The zero Hash stands
// before the first entry.
type Hash [sha256.Size]byte

// String is the hash in lower-case hex.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// MarshalText is String.
func (h Hash) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h[:]), nil }

// UnmarshalText reads what String prints.
func (h *Hash) UnmarshalText(text []byte) error {
	var read Hash
	if n, err := hex.Decode(read[:], text[:min(len(text), 2*len(read)+1)]); err != nil || n != len(read) {
		return fmt.Errorf("reading a hash: want %d hex digits", 2*len(read))
	}
	*h = read
	return nil
}

// Position is a place in the log: behind the entry Seq, whose line has the
// hash Hash. The zero Position stands before the first entry.
type Position struct {
	Seq  uint64
	Hash Hash
}
