//go:build !linux

package postgrestest

import "syscall"

// attributes let a child run as the user. Here it outlives a test that is
// killed.
func attributes(as *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: as, Setpgid: true}
}
