package verify

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"

	"cloakroom/internal/inventory"
	"cloakroom/internal/record"
)

// How many bytes of rules a file may have: in one text, and in all.
const (
	rulesMax   = 8 << 20
	rulesInAll = 16 << 20
)

// rules reads the rules. Which reload put them in force, its own hash says.
func (e *evidenceReader) rules() error {
	for bytes.HasPrefix(e.line, []byte("rules ")) {
		name, err := e.value("rules")
		if err != nil {
			return err
		}
		text, err := e.text(rulesMax)
		if err != nil {
			return err
		}
		hash := record.Hash(sha256.Sum256(text))
		if hex.EncodeToString(hash[:]) != name {
			return wrong("rules are not those that their hash says")
		}
		if err := e.judge.take(hash, text); err != nil {
			return err
		}
	}
	return nil
}

// take decodes rules, once.
func (j *evidenceJudge) take(hash record.Hash, text []byte) error {
	if j.sets[hash] != nil {
		return nil
	}
	const decoded = 8 // times the text
	if err := j.hold(decoded * len(text)); err != nil {
		return err
	}
	if isDense(text) {
		return wrong("rules cannot be read")
	}
	set, err := inventory.Decode(text)
	if err != nil {
		return wrong("rules cannot be read")
	}
	j.sets[hash] = set
	return nil
}

// isDense tells whether a text would take much more memory than it is long: the
// shortest object that an inventory encodes has 24 bytes.
func isDense(text []byte) bool { return 20*bytes.Count(text, []byte("{")) > len(text) }

// text reads a text of at most so many bytes, of which each line is marked.
func (e *evidenceReader) text(most int) (text []byte, err error) {
	for first := true; ; first = false {
		switch {
		case bytes.HasPrefix(e.line, []byte("> ")) && !first:
			text = append(text, '\n')
		case bytes.HasPrefix(e.line, []byte("> ")), bytes.HasPrefix(e.line, []byte("+ ")) && !first:
		default:
			return text, nil
		}
		if text = append(text, e.line[2:]...); len(text) > most {
			return nil, wrong("a text of more than %d bytes", most)
		}
		if err := e.next(); err != nil {
			return nil, err
		}
	}
}
