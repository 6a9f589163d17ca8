package record

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"cloakroom/internal/access"
)

// Digest is as much of a line as an Index files it by. A line that is neither
// a decision nor an end has neither.
type Digest struct {
	Time     time.Time       `json:"time"`
	Decision *DecisionDigest `json:"decision"`
	End      *EndDigest      `json:"end"`
}

// DecisionDigest is as much of a decision.
type DecisionDigest struct {
	Exchange string `json:"exchange"`
	Issuer   string `json:"issuer"`
	Subject  string `json:"subject"`
	Session  string `json:"session"`
	Outcome  string `json:"outcome"`
}

// EndDigest is as much of an end.
type EndDigest struct {
	Exchange string `json:"exchange"`
}

// Principal is the access.Principal.ID of who asked; empty: nobody.
func (d *DecisionDigest) Principal() string {
	return access.Principal{Issuer: d.Issuer, Subject: d.Subject}.ID()
}

// Refused tells whether the decision let nothing pass.
func (d *DecisionDigest) Refused() bool { return d.Outcome != access.Allow.String() }

// Digest reads the line. The log's form is canonical, so that all but lines
// with an escaped character in them can be read without parsing the whole: in
// these every quote begins or ends a string, and no text looks like a key.
func (l Line) Digest() (x Digest, err error) {
	raw := l.Raw
	if bytes.IndexByte(raw, '\\') < 0 {
		at, known := time.Parse(time.RFC3339, text(raw, `,"time":"`))
		switch {
		case known != nil:
		case bytes.Contains(raw, []byte(`,"decision":{"exchange":"`)):
			return Digest{Time: at, Decision: &DecisionDigest{Exchange: text(raw, `{"exchange":"`), Issuer: text(raw, `,"issuer":"`),
				Subject: text(raw, `,"subject":"`), Session: text(raw, `,"session":"`), Outcome: text(raw, `,"outcome":"`)}}, nil
		case bytes.Contains(raw, []byte(`,"end":{"exchange":"`)):
			return Digest{Time: at, End: &EndDigest{Exchange: text(raw, `{"exchange":"`)}}, nil
		}
	}
	if err := json.Unmarshal(raw, &x); err != nil {
		return Digest{}, fmt.Errorf("reading entry %d: %w", l.Seq, err)
	}
	return x, nil
}

// text is the string behind the first key; empty: there is none.
func text(raw []byte, key string) string {
	_, rest, _ := bytes.Cut(raw, []byte(key))
	s, _, _ := bytes.Cut(rest, []byte{'"'})
	return string(s)
}
