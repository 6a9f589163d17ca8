package secret

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"log/slog"
)

// shown is what a Value is to everything that prints.
const shown = "[value]"

// Value is the bytes of one secret. It shows itself to nothing but Reveal:
// formatting, logging and encoding it give "[value]". The bytes stand behind a
// function, so that a print of a struct that holds a Value in an unexported
// field, which fmt does by reflection, finds no bytes either. The zero Value
// holds none. Values cannot be compared with ==; see Equal.
type Value struct {
	reveal func() []byte
}

// New makes a Value of a copy of b.
func New(b []byte) Value {
	own := append([]byte(nil), b...)
	return Value{func() []byte { return own }}
}

// Reveal gives the bytes themselves, shared: change nothing, and keep them out
// of whatever outlives the exchange. It is named so that every use is easy to
// find.
func (v Value) Reveal() []byte {
	if v.reveal == nil {
		return nil
	}
	return v.reveal()
}

// IsZero tells whether v holds no bytes.
func (v Value) IsZero() bool { return len(v.Reveal()) == 0 }

// Equal compares in a time that depends on the lengths only.
func (v Value) Equal(w Value) bool {
	a, b := sha256.Sum256(v.Reveal()), sha256.Sum256(w.Reveal())
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// String is "[value]".
func (Value) String() string { return shown }

// GoString is "[value]".
func (Value) GoString() string { return shown }

// Format prints "[value]" for every verb.
func (Value) Format(f fmt.State, _ rune) { fmt.Fprint(f, shown) }

// LogValue is "[value]".
func (Value) LogValue() slog.Value { return slog.StringValue(shown) }

// MarshalText is "[value]".
func (Value) MarshalText() ([]byte, error) { return []byte(shown), nil }

// MarshalJSON is "[value]".
func (Value) MarshalJSON() ([]byte, error) { return []byte(`"` + shown + `"`), nil }

// MarshalYAML is "[value]".
func (Value) MarshalYAML() (any, error) { return shown, nil }

// MarshalBinary refuses: a Value is not to be stored.
func (Value) MarshalBinary() ([]byte, error) {
	return nil, fmt.Errorf("encoding a %s: it is not to be stored", shown)
}
