package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// callService speaks ext_proc as Envoy would, and returns the first answer's
// error. FailedPrecondition is the service's own word: the call got through.
func callService(t *testing.T, target string, as credentials.TransportCredentials, pairs ...string) error {
	t.Helper()
	conn, err := grpc.NewClient(target, grpc.WithTransportCredentials(as))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	stream, err := extprocv3.NewExternalProcessorClient(conn).Process(metadata.AppendToOutgoingContext(ctx, pairs...))
	if err != nil {
		return err
	}
	stream.Send(&extprocv3.ProcessingRequest{}) // Recv tells why it failed
	_, err = stream.Recv()
	return err
}

// TestOnlyEnvoyUnderUp: another process of the very same user is turned away
// from both sockets.
func TestOnlyEnvoyUnderUp(t *testing.T) {
	t.Parallel()
	b := backend(t, echo)
	key := value()
	w := newWorld(t, demo(key, b.address()))
	dirs, err := filepath.Glob(filepath.Join(w.dir, "cloakroom-*"))
	if err != nil || len(dirs) != 1 {
		t.Fatalf("folders of sockets: %v %v", dirs, err)
	}
	if info, err := os.Stat(dirs[0]); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder of sockets is %v, want 0700: %v", info.Mode(), err)
	}
	entries, err := os.ReadDir(dirs[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 || info.Mode()&fs.ModeSocket == 0 {
			t.Errorf("%s is %v, want a socket with 0600 and nothing else there", e.Name(), info.Mode())
		}
	}
	if err := callService(t, "unix://"+filepath.Join(dirs[0], "grpc.sock"), insecure.NewCredentials()); status.Code(err) != codes.Unavailable {
		t.Errorf("a caller that is not Envoy got %v, want a closed connection", err)
	}
	conn, err := net.Dial("unix", filepath.Join(dirs[0], "agent.sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(30 * time.Second))
	fmt.Fprintf(conn, "GET /.well-known/cloakroom HTTP/1.1\r\nhost: x\r\n\r\n")
	if n, err := conn.Read(make([]byte, 1)); n != 0 || os.IsTimeout(err) {
		t.Errorf("a caller that is not Envoy got %d bytes and %v, want a closed connection", n, err)
	}
	if n := w.metrics(t)["cloakroom_callers_turned_away_total"]; n < 2 {
		t.Errorf("%v callers were counted, want both", n)
	}
	if !strings.Contains(w.up.out.String(), fmt.Sprintf(`"pid":%d,"uid":%d`, os.Getpid(), os.Getuid())) {
		t.Error("the log does not name the caller that was turned away")
	}
}

// TestSocketsOfServe: the sockets of `serve` are their owner's alone, in a
// folder that may be everybody's, and a file that is no socket stays.
func TestSocketsOfServe(t *testing.T) {
	t.Parallel()
	b := backend(t, echo)
	r := newRig(t, demo(value(), b.address()), nil)
	for _, name := range []string{"grpc.sock", "agent.sock"} {
		info, err := os.Stat(r.path(name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != fs.ModeSocket|0o600 {
			t.Errorf("%s is %v, want a socket with 0600", name, info.Mode())
		}
	}
	if _, stderr, code := command(t, r.dir, r.env, "serve"); code != 1 || stderr == "" {
		t.Errorf("a second service beside the first: %d %s", code, stderr)
	}
	r.service.stop(t)
	r.write("grpc.sock", "something of somebody's")
	if _, stderr, code := command(t, r.dir, r.env, "serve"); code != 1 || !strings.Contains(stderr, "no socket") {
		t.Errorf("in the place of a file: %d %s", code, stderr)
	}
}

// TestEnvoyHoldsNoSecrets looks at Envoy as /proc shows it.
func TestEnvoyHoldsNoSecrets(t *testing.T) {
	t.Parallel()
	b := backend(t, echo)
	key := value()
	w := newWorld(t, demo(key, b.address()))
	envoy := children(t, w.up.cmd.Process.Pid)[0]
	for _, name := range []string{"environ", "cmdline"} {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", envoy, name))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), key) || strings.Contains(string(text), "DEMO_KEY") {
			t.Errorf("Envoy's %s holds a value", name)
		}
	}
	for _, pid := range []int{envoy, w.up.cmd.Process.Pid} {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", pid))
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if rest, ok := strings.CutPrefix(line, "Max core file size"); ok && strings.Fields(rest)[0] != "0" {
				t.Errorf("process %d may leave a core: %s", pid, line)
			}
		}
	}
	printed, err := json.Marshal(w.bootstrapOf(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{`"access_log"`, `"tracing"`, `"stats_sinks"`, "tap.v3", "request_mirror", key} {
		if strings.Contains(string(printed), word) {
			t.Errorf("the bootstrap speaks of %q", word)
		}
	}
}

// bootstrapOf prints the bootstrap that this world would have with `serve`.
func (w *world) bootstrapOf(t *testing.T) node {
	t.Helper()
	w.rewrite(listenOn, `listen: {admin: "127.0.0.1:0", grpc: "unix:///run/x.sock"}`)
	defer w.rewrite(`listen: {admin: "127.0.0.1:0", grpc: "unix:///run/x.sock"}`, listenOn)
	return w.bootstrap()
}

// nobody is a user that is not root, which may look into everything.
const nobody = 65534

// TestServiceCannotBeLookedInto runs the service as another user, and looks at
// it as that user.
func TestServiceCannotBeLookedInto(t *testing.T) {
	t.Parallel()
	key := value()
	b := backend(t, echo)
	s := demo(key, b.address())
	s.NoStart = true
	w := newWorld(t, s)
	dir := lent(t, w)
	c := exec.Command(filepath.Join(dir, "cloakroom"), "serve")
	c.Dir, c.Env = dir, append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir}, w.env...)
	errs, err := os.Create(w.path("lent.out"))
	if err != nil {
		t.Fatal(err)
	}
	defer errs.Close()
	c.Stderr = errs
	as(c)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer c.Wait()
	defer c.Process.Signal(syscall.SIGTERM)
	w.eventually("it serves", func() bool {
		text, _ := os.ReadFile(errs.Name())
		if c.Process.Signal(syscall.Signal(0)) != nil {
			t.Fatalf("it ended: %s", text)
		}
		return strings.Contains(string(text), `"serving"`)
	})
	// A process that hides nothing shows that the look itself works.
	open := exec.Command("sleep", "60")
	open.Env = []string{"SHOWN=" + "yes"}
	as(open)
	if err := open.Start(); err != nil {
		t.Fatal(err)
	}
	defer open.Wait()
	defer open.Process.Kill()
	for _, file := range []string{"environ", "mem", "maps"} {
		if !readable(open.Process.Pid, file) {
			t.Errorf("/proc/PID/%s of any process: not readable, so this test shows nothing", file)
		}
		if readable(c.Process.Pid, file) {
			t.Errorf("/proc/PID/%s of the service: readable for a process of the same user", file)
		}
	}
}

// as makes a command run as nobody, where we may.
func as(c *exec.Cmd) {
	if os.Getuid() == 0 {
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
}

// readable opens a file of a process as the user of as.
func readable(pid int, file string) bool {
	c := exec.Command("sh", "-c", fmt.Sprintf("exec 3</proc/%d/%s", pid, file))
	as(c)
	return c.Run() == nil
}

// lent is a folder that nobody owns, with binary and configuration.
func lent(t *testing.T, w *world) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "cklent")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	w.rewrite(listenOn, `listen: {grpc: "unix://`+filepath.Join(dir, "grpc.sock")+`"}`)
	// A copy of the binary could still be open for writing in a process that
	// another test forks at this moment, and then not be started.
	if err := os.Link(filepath.Join(bin, "cloakroom"), filepath.Join(dir, "cloakroom")); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(w.path("cloakroom.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "cloakroom.yaml"), b, 0o644); err != nil {
		t.Fatal(err)
	}
	if os.Getuid() == 0 {
		if err := os.Chown(dir, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
