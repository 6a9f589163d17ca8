package record

import (
	"bytes"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strings"
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
	Host     string `json:"host"`
	Outcome  string `json:"outcome"`

	Uses []UseDigest  `json:"uses"`
	Seen []SeenDigest `json:"seen"`
}

// UseDigest is as much of a use.
type UseDigest struct {
	Credential string `json:"credential"`
}

// SeenDigest is as much of a placeholder that was seen.
type SeenDigest struct {
	Placeholder string `json:"placeholder"`
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

const placeholderStart = "ckr_"

// Credentials are the names of those that the exchange may use, or of those whose
// placeholders stood in what was refused, each once.
func (d *DecisionDigest) Credentials() (names []string) {
	add := func(name string) {
		if name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, u := range d.Uses {
		add(u.Credential)
	}
	for _, s := range d.Seen {
		if _, rest, ok := strings.Cut(s.Placeholder, placeholderStart); ok && d.Refused() {
			name, _, _ := strings.Cut(rest, "_")
			add(name)
		}
	}
	return names
}

// Touch is what an exchange was about, for an index to find its session by.
type Touch struct {
	Credential string // empty: any, or none
	Host       string
	Outcome    access.Outcome // what is not known is a denial
}

// Touches are what the exchange was about: over any credential, and over each.
func (d *DecisionDigest) Touches() (all []Touch) {
	for _, name := range append(d.Credentials(), "") {
		all = append(all, Touch{name, d.Host, outcomes[d.Outcome]})
	}
	return all
}

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
			d := &DecisionDigest{Exchange: text(raw, `{"exchange":"`), Issuer: text(raw, `,"issuer":"`), Subject: text(raw, `,"subject":"`),
				Session: text(raw, `,"session":"`), Host: text(raw, `,"host":"`), Outcome: text(raw, `,"outcome":"`)}
			for name := range texts(raw, `{"credential":"`) {
				d.Uses = append(d.Uses, UseDigest{name})
			}
			for placeholder := range texts(raw, `{"placeholder":"`) {
				d.Seen = append(d.Seen, SeenDigest{placeholder})
			}
			return Digest{Time: at, Decision: d}, nil
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

// texts are the strings behind each key.
func texts(raw []byte, key string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for {
			i := bytes.Index(raw, []byte(key))
			if i < 0 || !yield(text(raw[i:], key)) {
				return
			}
			raw = raw[i+len(key):]
		}
	}
}
