package run

import (
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// noCore keeps the kernel from writing Envoy's memory, which holds values, to
// a file. Go cannot set a limit before exec; this comes before Envoy has read
// its configuration, let alone a request.
func noCore(pid int) error {
	if err := unix.Prlimit(pid, unix.RLIMIT_CORE, &unix.Rlimit{}, nil); err != nil {
		return fmt.Errorf("forbidding a core: %w", err)
	}
	return nil
}
