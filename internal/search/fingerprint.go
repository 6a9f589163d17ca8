package search

import "encoding/binary"

// Fingerprint is what is kept of one value of a credential.
type Fingerprint struct {
	Credential string
	ID         MAC // of the credential's name and the value
	Forms      []Form
}

// Form is what is kept of one form of a value.
type Form struct {
	Kind   Kind
	Length int    // bytes
	Most   int    // bytes that an occurrence may have, escapes and all
	Window uint32 // keyed hash of the last bytes
	MAC    MAC    // of all; of hex with small letters
}

// ID tells a value of a credential from others.
func (k *Key) ID(credential string, value []byte) MAC {
	length := binary.BigEndian.AppendUint64(nil, uint64(len(credential)))
	return k.mac().of([]byte("id\x00"), length, []byte(credential), value)
}

// Fingerprint makes the fingerprint of a credential's value. A value of fewer
// than 8 bytes has no forms.
func (k *Key) Fingerprint(credential string, value []byte) Fingerprint {
	f := Fingerprint{Credential: credential, ID: k.ID(credential, value)}
	m := k.mac()
	for _, w := range formsOf(string(value)) {
		f.Forms = append(f.Forms, Form{w.kind, len(w.text), w.most, k.windowOfText(w.text), m.of([]byte(w.text))})
	}
	return f
}
