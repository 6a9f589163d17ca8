//go:build !linux

package gate

import (
	"errors"
	"net"
)

var errLinuxOnly = errors.New("this needs Linux")

// callerOf cannot ask elsewhere, so nobody is admitted to a socket: use TCP
// with TLS or a key.
func callerOf(*net.UnixConn) (caller, error) { return caller{}, errLinuxOnly }

// Undumpable keeps the process's memory from others on Linux only.
func Undumpable() error { return errLinuxOnly }
