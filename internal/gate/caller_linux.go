package gate

import (
	"fmt"
	"net"

	"golang.org/x/sys/unix"
)

func callerOf(conn *net.UnixConn) (caller, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return caller{}, fmt.Errorf("asking who calls: %w", err)
	}
	var cred *unix.Ucred
	var credErr error
	if err := raw.Control(func(fd uintptr) {
		cred, credErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); err != nil {
		return caller{}, fmt.Errorf("asking who calls: %w", err)
	}
	if credErr != nil {
		return caller{}, fmt.Errorf("asking who calls: %w", credErr)
	}
	return caller{PID: int(cred.Pid), UID: int(cred.Uid)}, nil
}

// Undumpable keeps the process's memory, which holds values, from other
// processes of the same user and from core files.
func Undumpable() error {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("forbidding core files: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("forbidding dumps: %w", err)
	}
	return nil
}
