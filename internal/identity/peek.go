package identity

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
)

// verdict is what an unverified payload says of its issuer. It decides what may
// travel upstream and whose keys to try, never who a caller is.
type verdict uint8

const (
	doubtful verdict = iota // may be a trusted issuer's
	trusted                 // says to be of exactly one trusted issuer
	foreign
)

// judge reads the payload of what looks like a JWT. A text that is not a JSON
// object at all is foreign: signed cookies have the same look.
func (v *Verifier) judge(payload string) (*issuer, verdict) {
	b, ok := decode(payload)
	if b = bytes.TrimLeft(b, " \t\r\n"); !ok || len(b) == 0 || b[0] != '{' {
		return nil, foreign
	}
	said, ok := issuersIn(b)
	if !ok {
		return nil, doubtful
	}
	var one *issuer
	near, exact := 0, 0
	for _, s := range said {
		if v.near[normalise(s)] {
			near++
		}
		if i := v.issuers[s]; i != nil && (one == nil || one == i) {
			one = i
			exact++
		}
	}
	switch {
	case near == 0:
		return nil, foreign
	case exact == len(said):
		return one, trusted
	}
	return nil, doubtful
}

// issuersIn returns every "iss" at the top of a JSON object, also a repeated
// one, or one in another case, because another reader may take any of them. It
// is false where readers may differ otherwise: broken JSON, an issuer that is
// not a string, or anything after the object.
func issuersIn(object []byte) (said []string, ok bool) {
	d := json.NewDecoder(bytes.NewReader(object))
	d.UseNumber()
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, false
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, false
		}
		var value json.RawMessage
		if d.Decode(&value) != nil {
			return nil, false
		}
		if s, _ := name.(string); strings.EqualFold(s, "iss") {
			var iss *string
			if json.Unmarshal(value, &iss) != nil || iss == nil {
				return nil, false
			}
			said = append(said, *iss)
		}
	}
	if _, err := d.Token(); err != nil {
		return nil, false
	}
	_, err := d.Token()
	return said, err == io.EOF
}
