package leasetest

import (
	"time"
	"unsafe"
)

// Skew is t with its wall reading moved by whole seconds, and its monotonic
// reading as it was: what time.Now gives after somebody has set the clock, or
// the machine has slept. Package time has no way to make one. t must have a
// monotonic reading; TestSkew fails if times come to be kept otherwise.
func Skew(t time.Time, by time.Duration) time.Time {
	const nanosecondBits = 30 // of the first word; the seconds stand above them
	wall := (*uint64)(unsafe.Pointer(&t))
	*wall += uint64(int64(by/time.Second)) << nanosecondBits
	return t
}
