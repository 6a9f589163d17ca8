package verify

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"

	"cloakroom/internal/record"
	"cloakroom/internal/recording"
)

// recordedMax is the longest recording that a file has, in bytes of base64.
const recordedMax = 24 << 20

// encodeParts writes parts in base64, one a line.
func encodeParts(parts [][]byte) []byte {
	var lines [][]byte
	for _, p := range parts {
		lines = append(lines, base64.StdEncoding.AppendEncode(nil, p))
	}
	return bytes.Join(lines, []byte("\n"))
}

func decodeParts(text []byte) (parts [][]byte, err error) {
	for line := range bytes.SplitSeq(text, []byte("\n")) {
		p, err := base64.StdEncoding.AppendDecode(nil, line)
		if err != nil {
			return nil, err
		}
		parts = append(parts, p)
	}
	return parts, nil
}

// content reads what is recorded of an exchange, which stands behind its end.
func (e *evidenceReader) content(p place) error {
	if bytes.HasPrefix(e.line, []byte("content ")) {
		e.out.Contents++
		for first := true; first || bytes.HasPrefix(e.line, []byte("> ")) || bytes.HasPrefix(e.line, []byte("+ ")); first = false {
			if err := e.next(); err != nil {
				return err
			}
		}
	}
	if string(e.line) != "recorded" {
		return nil
	}
	if err := e.next(); err != nil {
		return err
	}
	text, err := e.text(recordedMax)
	if err != nil {
		return err
	}
	if p.entry.End == nil {
		return wrong("a recording is of no exchange")
	}
	if !e.last {
		return nil
	}
	return e.judge.recorded(p, text)
}

// recorded compares what is recorded of an exchange with what the log says of it, and
// bodies with their hashes, and searches it.
func (j *evidenceJudge) recorded(p place, text []byte) error {
	parts, err := decodeParts(text)
	if err != nil {
		return wrong("a recording cannot be read")
	}
	t, err := recording.Parse(p.entry.End.Exchange, parts)
	if err != nil {
		return wrong("a recording cannot be read")
	}
	whole := bytes.Join(parts, nil)
	switch tape := p.entry.End.Tape; {
	case tape == record.Hash(sha256.Sum256(whole)):
		j.proved++
	case tape != record.Hash{}:
		j.wrong(&p, Changed, "it is not what was recorded")
	}
	found := j.hits
	if j.transcript(&exchange{id: p.entry.End.Exchange, end: &p}, t); j.hits == found {
		j.search(&p, Kept, passage{where: "recording", text: whole}) // what a transcript does not show
	}
	return nil
}
