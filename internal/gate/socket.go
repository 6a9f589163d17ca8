package gate

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"
)

// Socket says who may open a Unix socket.
type Socket struct {
	// PID is the only process that may, 0: none may yet. nil: any process of
	// one of the users.
	PID func() int
	// UIDs are users that may beside our own.
	UIDs []int
	Log  *slog.Logger // told of refused callers; required
	// Refused is told of every refused caller, for metrics; may be nil.
	Refused func()
}

// Listen makes the socket at path (0600; with UIDs, 0666) and
// returns a listener that closes every connection of a caller that may not. A
// socket that nobody listens on any more is replaced.
func (s Socket) Listen(path string) (net.Listener, error) {
	if s.Log == nil {
		return nil, errors.New("making socket: no logger")
	}
	if err := makeWay(path); err != nil {
		return nil, err
	}
	l, err := listenPrivate(path)
	if err != nil {
		return nil, fmt.Errorf("listening on %q: %w", path, err)
	}
	if len(s.UIDs) > 0 && s.PID == nil {
		// The kernel's word on the caller's user is the check; the mode only
		// lets those users try.
		if err := os.Chmod(path, 0o666); err != nil {
			l.Close()
			return nil, fmt.Errorf("listening on %q: %w", path, err)
		}
	}
	return &guarded{UnixListener: l, rules: s}, nil
}

// Private makes a socket (0600) whose callers are asked nothing: who can open it
// is the owner. A socket that nobody listens on any more is replaced.
func Private(path string) (net.Listener, error) {
	if err := makeWay(path); err != nil {
		return nil, err
	}
	l, err := listenPrivate(path)
	if err != nil {
		return nil, fmt.Errorf("listening on %q: %w", path, err)
	}
	return l, nil
}

// umask is the whole process's, so sockets are made one at a time.
var umask sync.Mutex

// listenPrivate makes the socket with mode 0600 from the first moment: a chmod
// afterwards would leave a gap.
func listenPrivate(path string) (*net.UnixListener, error) {
	umask.Lock()
	defer umask.Unlock()
	old := syscall.Umask(0o177)
	defer syscall.Umask(old)
	return net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
}

// makeWay makes way for the socket: its folder must exist, and what stands in its
// place must be a socket that nobody answers on.
func makeWay(path string) error {
	if !filepath.IsAbs(path) {
		return fmt.Errorf("listening on %q: want an absolute path", path)
	}
	if len(path) > 100 { // sun_path is 108 bytes on Linux, 104 elsewhere
		return fmt.Errorf("listening on %q: the path is longer than a socket's can be (100 bytes)", path)
	}
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("listening on %q: %w", path, err)
	case info.Mode()&fs.ModeSocket == 0:
		return fmt.Errorf("listening on %q: something that is no socket stands there", path)
	}
	if conn, err := net.Dial("unix", path); err == nil {
		conn.Close()
		return fmt.Errorf("listening on %q: another service answers there", path)
	}
	return os.Remove(path)
}

type guarded struct {
	*net.UnixListener
	rules  Socket
	told   time.Time // when a caller was last written of
	untold int       // those turned away since
}

// tell writes of a caller that was turned away, at most once a second: whoever
// may try could fill the disk with warnings otherwise.
func (g *guarded) tell(c caller) {
	if time.Since(g.told) < time.Second {
		g.untold++
		return
	}
	g.rules.Log.Warn("a caller that is not Envoy was turned away",
		"socket", g.Addr().String(), "pid", c.PID, "uid", c.UID, "others_before", g.untold)
	g.told, g.untold = time.Now(), 0
}

// Accept returns the next connection of a caller that may.
func (g *guarded) Accept() (net.Conn, error) {
	for {
		conn, err := g.AcceptUnix()
		if err != nil {
			return nil, err
		}
		caller, err := callerOf(conn)
		if err == nil && g.rules.admits(caller) {
			return conn, nil
		}
		conn.Close()
		g.tell(caller)
		if g.rules.Refused != nil {
			g.rules.Refused()
		}
	}
}

// caller is who the kernel says opened a connection.
type caller struct{ PID, UID int }

func (s Socket) admits(c caller) bool {
	if s.PID != nil {
		pid := s.PID()
		return pid > 0 && c.PID == pid
	}
	return c.UID == os.Getuid() || slices.Contains(s.UIDs, c.UID)
}
