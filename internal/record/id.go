package record

import "time"

// NewID makes an exchange's id: 26 characters of lower-case Crockford base32,
// which are 48 bits of now in Unix milliseconds and 80 random bits. Ids sort
// by their millisecond.
func NewID(now time.Time) string { panic("not yet") }
