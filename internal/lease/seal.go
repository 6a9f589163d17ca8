package lease

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"time"
)

// Seal makes a row of a lease: its times are cut to the microsecond, UTC, and
// the MAC covers the body, which is the whole lease. The row has the change
// number that it is to replace.
func Seal(key [32]byte, l Lease, change int64) Row {
	l = l.stored()
	r := Row{ID: l.ID, Principal: l.Principal, Credential: l.Credential, Ticket: l.Ticket, Question: l.foundBy(),
		State: l.State, Open: l.State != Ended && !l.Spent(), Created: l.Created, Ends: l.Ends, Ended: l.Ended, Change: change}
	r.Body, r.MAC = sealed(key, "lease 2\n", l)
	return r
}

// Unseal returns the row's lease if its MAC is valid under key, and it is the
// lease that the row says it is; false: the row is no lease. What stands in the
// other columns is not believed: they only find the row.
func Unseal(key [32]byte, r Row) (l Lease, ok bool) {
	ok = unsealed(key, "lease 2\n", r.Body, r.MAC, &l) && l.ID == r.ID
	if !ok {
		return Lease{}, false
	}
	return l, true
}

// SealBar and UnsealBar are the same for a bar.
func SealBar(key [32]byte, b Bar) BarRow {
	for _, t := range []*time.Time{&b.Since, &b.Until} {
		*t = micros(*t)
	}
	r := BarRow{ID: b.ID}
	r.Body, r.MAC = sealed(key, "bar 1\n", b)
	return r
}

// UnsealBar returns the row's bar if its MAC is valid.
func UnsealBar(key [32]byte, r BarRow) (b Bar, ok bool) {
	ok = unsealed(key, "bar 1\n", r.Body, r.MAC, &b) && b.ID == r.ID
	return b, ok
}

// sealed is v as JSON, and its MAC: HMAC-SHA256 over kind and JSON.
func sealed(key [32]byte, kind string, v any) ([]byte, [32]byte) {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings, numbers and times encode always
	}
	return body, mac(key, kind, body)
}

func unsealed(key [32]byte, kind string, body []byte, tag [32]byte, v any) bool {
	want := mac(key, kind, body)
	if !hmac.Equal(want[:], tag[:]) {
		return false
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields() // a newer program's lease may have a limit that is not kept here
	return d.Decode(v) == nil && errors.Is(d.Decode(new(json.RawMessage)), io.EOF)
}

func mac(key [32]byte, kind string, body []byte) [32]byte {
	h := hmac.New(sha256.New, key[:])
	io.WriteString(h, kind)
	h.Write(body)
	return [32]byte(h.Sum(nil))
}

// stored is the lease as a store can keep it.
func (l Lease) stored() Lease {
	l.Groups, l.Answers = slices.Clone(l.Groups), slices.Clone(l.Answers)
	for _, t := range []*time.Time{&l.Created, &l.Starts, &l.Ends, &l.Ended} {
		*t = micros(*t)
	}
	for i := range l.Answers {
		l.Answers[i].Time = micros(l.Answers[i].Time)
	}
	return l
}

func micros(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Microsecond)
}

// Micros is a time as stores keep it: microseconds since 1970, 0 for the zero
// time.
func Micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// FromMicros is the inverse of Micros.
func FromMicros(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}
