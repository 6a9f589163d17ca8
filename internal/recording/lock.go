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

// lock takes the right to what it guards until what it returns is closed: of the folder
// of packs, to change what stands in the packs there and to tell the log what they are; of
// a pack, to take it elsewhere, which may wait for the outside store. Who erases takes both,
// the pack's first. It is waited for until ctx ends, and tried once at
// least. To append takes no lock.
func lock(ctx context.Context, path string) (io.Closer, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("locking packs: %w", err)
	}
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			f.Close()
			return nil, fmt.Errorf("locking %q: %w", path, err)
		}
		select {
		case <-time.After(lockPause):
		case <-ctx.Done():
			f.Close()
			return nil, fmt.Errorf("locking %q: something else is done with it: %w", path, ctx.Err())
		}
	}
}
