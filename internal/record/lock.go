package record

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// lockDir makes dir if there is none, and takes the right to write in it until
// the file that it returns is closed.
func lockDir(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("opening log: %w", err)
	}
	d, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("opening log: %w", err)
	}
	if err := ownOnly(d); err != nil {
		d.Close()
		return nil, err
	}
	switch err := unix.Flock(int(d.Fd()), unix.LOCK_EX|unix.LOCK_NB); {
	case errors.Is(err, unix.EWOULDBLOCK):
		d.Close()
		return nil, fmt.Errorf("opening log %q: %w", dir, ErrLocked)
	case err != nil:
		d.Close()
		return nil, fmt.Errorf("locking log %q: %w", dir, err)
	}
	return d, nil
}

// Lock takes the right to write the log in dir, for who must know that no
// service runs: until it is closed none can start. ErrLocked: one runs.
func Lock(dir string) (io.Closer, error) {
	d, err := lockDir(dir)
	if err != nil {
		return nil, err
	}
	return d, nil
}

// ownOnly refuses a directory that others may enter: names and paths of
// requests are nobody else's business.
func ownOnly(d *os.File) error {
	info, err := d.Stat()
	if err != nil {
		return fmt.Errorf("opening log: %w", err)
	}
	switch perm := info.Mode().Perm(); {
	case !info.IsDir():
		return fmt.Errorf("opening log %q: not a directory", d.Name())
	case perm&0o077 != 0:
		return fmt.Errorf("opening log %q: others may enter it (mode %04o); chmod 700 it, or name another directory",
			d.Name(), perm)
	}
	return nil
}

// lockSoon is lockDir for whoever stays: a listing that looks whether a service
// runs holds the lock for an instant, and is waited for.
func lockSoon(dir string) (*os.File, error) {
	for tries := 0; ; tries++ {
		d, err := lockDir(dir)
		if !errors.Is(err, ErrLocked) || tries == 10 {
			return d, err
		}
		time.Sleep(20 * time.Millisecond)
	}
}
