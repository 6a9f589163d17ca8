package record

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"cloakroom/internal/access"
)

// Line is one line of the log as it stands there.
type Line struct {
	Seq  uint64
	Prev Hash
	Hash Hash
	Raw  []byte // with its line feed
}

// Position is the position behind the line.
func (l Line) Position() Position { return Position{l.Seq, l.Hash} }

// Entry decodes the line.
func (l Line) Entry() (Entry, error) {
	var w struct {
		V        int            `json:"v"`
		Time     time.Time      `json:"time"`
		Decision *wiredDecision `json:"decision"`
		End      *End           `json:"end"`
		Refusals *Refusals      `json:"refusals"`
		Reload   *Reload        `json:"reload"`
		Lease    *Lease         `json:"lease"`
		Approval *Approval      `json:"approval"`
		Bar      *Bar           `json:"bar"`
		Act      *Act           `json:"act"`
		Heads    *Heads         `json:"heads"`
	}
	if err := json.Unmarshal(l.Raw, &w); err != nil {
		return Entry{}, fmt.Errorf("decoding entry %d: %w", l.Seq, err)
	}
	if w.V != 1 {
		return Entry{}, fmt.Errorf("decoding entry %d: version %d is not known", l.Seq, w.V)
	}
	e := Entry{Seq: l.Seq, Prev: l.Prev, Time: w.Time,
		End: w.End, Refusals: w.Refusals, Reload: w.Reload, Lease: w.Lease, Approval: w.Approval, Bar: w.Bar, Act: w.Act, Heads: w.Heads}
	if w.Decision != nil {
		e.Decision = &w.Decision.Decision
		e.Decision.Outcome = outcomes[w.Decision.Outcome]
	}
	if e.kinds() > 1 { // each reader would see another entry
		return Entry{}, fmt.Errorf("decoding entry %d: it is of several kinds", l.Seq)
	}
	return e, nil
}

// kinds is of how many kinds an entry is.
func (e *Entry) kinds() (n int) {
	for _, is := range []bool{e.Decision != nil, e.End != nil, e.Refusals != nil, e.Reload != nil, e.Lease != nil,
		e.Approval != nil, e.Bar != nil, e.Act != nil, e.Heads != nil} {
		if is {
			n++
		}
	}
	return n
}

// wiredDecision is a Decision as its line has it.
type wiredDecision struct {
	Decision
	Outcome string `json:"outcome"`
}

// outcomes reads what access.Outcome prints. What it does not know is a denial.
var outcomes = map[string]access.Outcome{
	access.Allow.String():         access.Allow,
	access.NeedsApproval.String(): access.NeedsApproval,
}

// MarshalJSON is an error: only the log encodes an entry, because it masks.
func (e Entry) MarshalJSON() ([]byte, error) {
	return nil, errors.New("only the log encodes an entry")
}

// UnmarshalJSON reads a text of the log: one whose suffix is still there was
// named.
func (p *Placeholder) UnmarshalJSON(b []byte) error {
	if err := json.Unmarshal(b, &p.Text); err != nil {
		return err
	}
	p.Named = !strings.HasSuffix(p.Text, ticketMark)
	return nil
}

// UnmarshalJSON reads milliseconds.
func (p *Phase) UnmarshalJSON(b []byte) error {
	var w struct {
		Name string  `json:"name"`
		MS   float64 `json:"ms"`
	}
	if err := json.Unmarshal(b, &w); err != nil {
		return err
	}
	took := time.Duration(w.MS * float64(time.Millisecond))
	p.Name, p.Took = w.Name, took.Round(time.Microsecond)
	return nil
}

// ParseLine reads the part of a line that links it to the one before. raw ends
// with its line feed, and becomes the line's.
func ParseLine(raw []byte) (Line, error) {
	rest, v1 := bytes.CutPrefix(raw, []byte(`{"v":1,"seq":`))
	digits, rest, hasPrev := bytes.Cut(rest, []byte(`,"prev":"`))
	seq, err := strconv.ParseUint(string(digits), 10, 64)
	const hexLen = 2 * len(Hash{})
	if !v1 || !hasPrev || err != nil || len(rest) <= hexLen || rest[hexLen] != '"' ||
		!bytes.HasSuffix(rest, []byte("}\n")) {
		return Line{}, errors.New("not a line of this log's format")
	}
	l := Line{Seq: seq, Raw: raw, Hash: hashLine(raw)}
	if _, err := hex.Decode(l.Prev[:], rest[:hexLen]); err != nil {
		return Line{}, errors.New("not a line of this log's format")
	}
	return l, nil
}
