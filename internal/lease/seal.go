package lease

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"time"
)

// Seal makes a row of a lease: its times are cut to the microsecond, UTC, and
// the MAC covers every field.
func Seal(key [32]byte, l Lease) Row {
	l = l.stored()
	return Row{Lease: l, MAC: mac(key, l)}
}

// Unseal returns the row's lease if its MAC is valid under key; false: the row
// is no lease.
func Unseal(key [32]byte, r Row) (Lease, bool) {
	l := r.Lease.stored()
	want := mac(key, l)
	if !hmac.Equal(want[:], r.MAC[:]) {
		return Lease{}, false
	}
	return l, true
}

// stored is the lease as a store can keep it.
func (l Lease) stored() Lease {
	l.Groups = slices.Clone(l.Groups)
	for _, t := range []*time.Time{&l.Created, &l.Starts, &l.Ends, &l.Ended} {
		if !t.IsZero() {
			*t = t.UTC().Truncate(time.Microsecond)
		}
	}
	return l
}

// mac is HMAC-SHA256 over the fields in the order of Lease, each string with
// its length before it, so that no two leases have one encoding.
func mac(key [32]byte, l Lease) [32]byte {
	b := []byte("lease 1\n")
	text := func(s string) {
		b = binary.BigEndian.AppendUint32(b, uint32(len(s)))
		b = append(b, s...)
	}
	for _, s := range []string{l.ID, l.Principal, l.Issuer, l.Subject} {
		text(s)
	}
	b = binary.BigEndian.AppendUint32(b, uint32(len(l.Groups)))
	for _, g := range l.Groups {
		text(g)
	}
	for _, s := range []string{l.Credential, l.Session, l.Reason, string(l.Ticket[:])} {
		text(s)
	}
	b = binary.BigEndian.AppendUint64(b, uint64(l.Length))
	for _, t := range []time.Time{l.Created, l.Starts, l.Ends, l.Ended} {
		b = binary.BigEndian.AppendUint64(b, uint64(Micros(t)))
	}
	b = append(b, byte(l.State), byte(l.Ending))

	h := hmac.New(sha256.New, key[:])
	h.Write(b)
	return [32]byte(h.Sum(nil))
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
