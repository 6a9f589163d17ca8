//go:build !linux

package run

import "syscall"

// attributes cannot ask for a parent-death signal here: Envoy outlives a
// killed parent.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// noCore can do nothing here: the limit is this process's own, inherited.
func noCore(int) error { return nil }
