//go:build !linux

package postgres

import (
	"syscall"
	"time"
)

// loseSoon leaves it to keepalives and to each call's context here.
func loseSoon(syscall.RawConn, time.Duration) error { return nil }
