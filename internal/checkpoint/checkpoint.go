package checkpoint

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// originPrefix stands before a log's id in the first line of its checkpoints.
const originPrefix = "cloakroom.log/"

// ErrRewritten means that a log does not continue what was signed of it.
var ErrRewritten = errors.New("the log does not continue what was signed of it")

// Checkpoint is the head of a log's tree. The zero value is that of no log.
type Checkpoint struct {
	Log  string // the log's id
	Size int64  // entries
	Root tlog.Hash
}

// Origin is the first line of the checkpoints of the log with an id.
func Origin(log string) string { return originPrefix + log }

// Text is the checkpoint as it is signed.
func (c Checkpoint) Text() string {
	return fmt.Sprintf("%s\n%d\n%s\n", Origin(c.Log), c.Size, base64.StdEncoding.EncodeToString(c.Root[:]))
}

// Signed is a checkpoint with its note.
type Signed struct {
	Checkpoint
	Note []byte
}

// Sign signs c.
func (k Key) Sign(c Checkpoint) (Signed, error) {
	msg, err := note.Sign(&note.Note{Text: c.Text()}, k.signer)
	if err != nil {
		return Signed{}, fmt.Errorf("signing a checkpoint of log %q: %w", c.Log, err)
	}
	return Signed{c, msg}, nil
}

// Open reads a note that must have a signature of each of the verifiers, of
// which there is at least one; others behind theirs are passed over.
func Open(msg []byte, verifiers ...note.Verifier) (Signed, error) {
	if len(verifiers) == 0 {
		return Signed{}, errors.New("opening a checkpoint: a verifier is required")
	}
	n, err := note.Open(msg, note.VerifierList(verifiers...))
	if err != nil {
		return Signed{}, fmt.Errorf("opening a checkpoint: %w", bare(err))
	}
	for _, v := range verifiers {
		if !signedBy(n, v) {
			return Signed{}, fmt.Errorf("opening a checkpoint: no signature of %q", v.Name())
		}
	}
	if again, err := note.Sign(n); err != nil || !bytes.Equal(again, msg) {
		return Signed{}, errors.New("opening a checkpoint: signatures that are repeated or moved")
	}
	c, err := parse(n.Text)
	if err != nil {
		return Signed{}, fmt.Errorf("opening a checkpoint: %w", err)
	}
	return Signed{c, msg}, nil
}

func signedBy(n *note.Note, v note.Verifier) bool {
	for _, s := range n.Sigs {
		if s.Name == v.Name() && s.Hash == v.KeyHash() {
			return true
		}
	}
	return false
}

// bare is a note's error without the note.
func bare(err error) error {
	var unverified *note.UnverifiedNoteError
	var invalid *note.InvalidSignatureError
	switch {
	case errors.As(err, &unverified):
		return errors.New("it is not signed with the expected key")
	case errors.As(err, &invalid):
		return errors.New("its signature does not hold")
	}
	return errors.New("not a signed note")
}

// parse reads what Text makes, and nothing else.
func parse(text string) (c Checkpoint, err error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 4 {
		return c, errors.New("not a checkpoint")
	}
	id, ours := strings.CutPrefix(lines[0], originPrefix)
	size, err := strconv.ParseInt(lines[1], 10, 64)
	root, errRoot := tlog.ParseHash(lines[2])
	if c = (Checkpoint{id, size, root}); !ours || err != nil || errRoot != nil || size < 0 || c.Text() != text {
		return Checkpoint{}, errors.New("not a checkpoint of a log of this kind")
	}
	return c, nil
}
