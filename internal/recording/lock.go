package recording

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// lockPause is between two tries to take a lock.
const lockPause = 5 * time.Millisecond

// lockPacks takes the right to change what stands in the packs in dir, to tell the log
// what they are and to take them elsewhere, until what it returns is closed. It is
// waited for until ctx ends, and tried once at least. To append takes no lock.
func lockPacks(ctx context.Context, dir string) (io.Closer, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("locking packs: %w", err)
	}
	for {
		err := unix.Flock(int(d.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return d, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			d.Close()
			return nil, fmt.Errorf("locking packs %q: %w", dir, err)
		}
		select {
		case <-time.After(lockPause):
		case <-ctx.Done():
			d.Close()
			return nil, fmt.Errorf("locking packs %q: something else is done with them: %w", dir, ctx.Err())
		}
	}
}
