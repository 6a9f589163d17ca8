package sqlite

import (
	"bytes"
	"encoding/json"
	"time"
)

// digest is as much of a line as the index looks at.
type digest struct {
	Time     time.Time       `json:"time"`
	Decision *digestDecision `json:"decision"`
	End      *digestEnd      `json:"end"`
}

type digestDecision struct {
	Exchange string `json:"exchange"`
	Issuer   string `json:"issuer"`
	Subject  string `json:"subject"`
	Session  string `json:"session"`
	Outcome  string `json:"outcome"`
}

type digestEnd struct {
	Exchange string `json:"exchange"`
}

// digestOf reads a line. The log's form is canonical, so that all but lines
// with an escaped character in them can be read without parsing the whole: in
// these every quote begins or ends a string, and no text looks like a key.
func digestOf(raw []byte) (x digest, err error) {
	if bytes.IndexByte(raw, '\\') < 0 {
		at, known := time.Parse(time.RFC3339, text(raw, `,"time":"`))
		switch {
		case known != nil:
		case bytes.Contains(raw, []byte(`,"decision":{"exchange":"`)):
			return digest{Time: at, Decision: &digestDecision{Exchange: text(raw, `{"exchange":"`), Issuer: text(raw, `,"issuer":"`),
				Subject: text(raw, `,"subject":"`), Session: text(raw, `,"session":"`), Outcome: text(raw, `,"outcome":"`)}}, nil
		case bytes.Contains(raw, []byte(`,"end":{"exchange":"`)):
			return digest{Time: at, End: &digestEnd{Exchange: text(raw, `{"exchange":"`)}}, nil
		}
	}
	err = json.Unmarshal(raw, &x)
	return x, err
}

// text is the string behind the first key; empty: there is none.
func text(raw []byte, key string) string {
	_, rest, _ := bytes.Cut(raw, []byte(key))
	s, _, _ := bytes.Cut(rest, []byte{'"'})
	return string(s)
}
