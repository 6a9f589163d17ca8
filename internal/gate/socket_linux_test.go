package gate

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestMain lets a test run this binary anew as another process.
func TestMain(m *testing.M) {
	switch os.Getenv("GATE_CHILD") {
	case "dial":
		fmt.Println(knock(os.Getenv("GATE_SOCKET")))
		os.Exit(0)
	case "undumpable":
		fmt.Println(dumpable())
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// knock tells whether a connection to the socket is greeted.
func knock(path string) string {
	conn, err := net.Dial("unix", path)
	if err != nil {
		return "no connection"
	}
	defer conn.Close()
	greeting, err := io.ReadAll(conn)
	if err != nil || len(greeting) == 0 {
		return "turned away"
	}
	return string(greeting)
}

// child starts this binary as another process; its output comes when start is
// called, so that its process id is known before it does anything.
func child(t *testing.T, env ...string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), env...)
	return cmd
}

// greet answers every admitted caller.
func greet(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		io.WriteString(conn, "welcome")
		conn.Close()
	}
}

func listen(t *testing.T, s Socket, path string) {
	t.Helper()
	if s.Log == nil {
		s.Log = slog.New(slog.DiscardHandler)
	}
	l, err := s.Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go greet(l)
}

func socketPath(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "gate") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "s")
}

func TestModes(t *testing.T) {
	for _, tt := range []struct {
		name   string
		socket Socket
		want   os.FileMode
	}{
		{"our own user", Socket{}, 0o600},
		{"other users", Socket{UIDs: []int{4711}}, 0o666},
		{"one process", Socket{UIDs: []int{4711}, PID: os.Getpid}, 0o600},
	} {
		path := socketPath(t)
		listen(t, tt.socket, path)
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != tt.want {
			t.Errorf("%s: mode %v, %v, want %v", tt.name, info.Mode().Perm(), err, tt.want)
		}
	}
}

func TestWhatStandsInTheWay(t *testing.T) {
	quiet := Socket{Log: slog.New(slog.DiscardHandler)}
	stale := socketPath(t)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: stale, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	listen(t, Socket{}, stale)
	if got := knock(stale); got != "welcome" {
		t.Errorf("a stale socket was not replaced: %s", got)
	}
	file := socketPath(t)
	if err := os.WriteFile(file, []byte("keep me"), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		stale: "another service answers there", file: "no socket", "relative": "absolute",
		"/" + strings.Repeat("a", 120): "longer", filepath.Join(file, "s"): "not a directory", "/nonexistent/gate/s": "no such file",
	} {
		if _, err := quiet.Listen(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", path, err, want)
		}
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != "keep me" {
		t.Errorf("the file is %q, %v", text, err)
	}
	if _, err := (Socket{}).Listen(socketPath(t)); err == nil {
		t.Error("listened without a logger")
	}
}

// TestOnlyOneProcessMayCall lets another process knock: one time it is the one
// that may, the other time it is not, with the same user id.
func TestOnlyOneProcessMayCall(t *testing.T) {
	tests := []struct {
		name string
		pid  func(child int) int
		want string
	}{
		{"the right process", func(child int) int { return child }, "welcome"},
		{"another process", func(int) int { return os.Getpid() }, "turned away"},
		{"none yet", func(int) int { return 0 }, "turned away"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var log bytes.Buffer
			pid, refused := make(chan int, 1), make(chan struct{}, 1)
			path := socketPath(t)
			listen(t, Socket{PID: func() int { return <-pid }, Refused: func() { refused <- struct{}{} },
				Log: slog.New(slog.NewTextHandler(&log, nil))}, path)
			cmd := child(t, "GATE_CHILD=dial", "GATE_SOCKET="+path)
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			pid <- tt.pid(cmd.Process.Pid)
			got, err := bufio.NewReader(out).ReadString('\n')
			if err != nil || strings.TrimSpace(got) != tt.want {
				t.Errorf("got %q, %v, want %q", got, err, tt.want)
			}
			if err := cmd.Wait(); err != nil {
				t.Error(err)
			}
			if tt.want == "welcome" {
				return
			}
			<-refused
			if !strings.Contains(log.String(), fmt.Sprintf("pid=%d", cmd.Process.Pid)) {
				t.Errorf("logged %q", log.String())
			}
		})
	}
}

func TestAdmits(t *testing.T) {
	me := os.Getuid()
	one := func() int { return 7 }
	tests := []struct {
		name   string
		socket Socket
		caller caller
		want   bool
	}{
		{"our own user", Socket{}, caller{1, me}, true},
		{"another user", Socket{}, caller{1, me + 1}, false},
		{"a user that is named", Socket{UIDs: []int{me + 1}}, caller{1, me + 1}, true},
		{"a user that is not", Socket{UIDs: []int{me + 1}}, caller{1, me + 2}, false},
		{"the process, whoever runs it", Socket{PID: one}, caller{7, me + 1}, true},
		{"our own user, another process", Socket{PID: one}, caller{8, me}, false},
		{"a named user, another process", Socket{PID: one, UIDs: []int{me + 1}}, caller{8, me + 1}, false},
		{"nobody yet", Socket{PID: func() int { return 0 }}, caller{0, me}, false},
		{"a caller whom the kernel does not name", Socket{PID: func() int { return -1 }}, caller{-1, me}, false},
	}
	for _, tt := range tests {
		if got := tt.socket.admits(tt.caller); got != tt.want {
			t.Errorf("%s: got %v", tt.name, got)
		}
	}
}

func dumpable() string {
	if err := Undumpable(); err != nil {
		return err.Error()
	}
	flag, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	if err != nil {
		return err.Error()
	}
	var core unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &core); err != nil {
		return err.Error()
	}
	return fmt.Sprintf("dumpable %d, core %d of %d", flag, core.Cur, core.Max)
}

func TestUndumpable(t *testing.T) {
	out, err := child(t, "GATE_CHILD=undumpable").Output()
	if got := strings.TrimSpace(string(out)); err != nil || got != "dumpable 0, core 0 of 0" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestPrivate(t *testing.T) {
	path := socketPath(t)
	stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	stale.SetUnlinkOnClose(false)
	stale.Close()
	l, err := Private(path)
	if err != nil {
		t.Fatalf("a stale socket was not replaced: %v", err)
	}
	defer l.Close()
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v, want 0600", info.Mode().Perm(), err)
	}
	if _, err := Private(path); err == nil {
		t.Error("took the place of a socket that is in use")
	}
}
