package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
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

// freePort is a port of loopback that nobody listens on now.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// onTCP makes the printed bootstrap call the service on TCP, which `envoy
// bootstrap` leaves to the operator.
func onTCP(address string, cluster node, service node) func(node) {
	host, port, _ := net.SplitHostPort(address)
	n, _ := strconv.Atoi(port)
	return func(b node) {
		for _, c := range at(b, "static_resources", "clusters").([]any) {
			if c := c.(node); c["name"] == "cloakroom" {
				at(c, "load_assignment", "endpoints", 0, "lb_endpoints", 0, "endpoint").(node)["address"] = node{
					"socket_address": node{"address": host, "port_value": n}}
				maps.Copy(c, cluster)
			}
		}
		for _, name := range []string{authzFilter, procFilter} {
			maps.Copy(filter(b, name)["grpc_service"].(node), service)
		}
	}
}

// TestCallersOnTCP: without a key or a list of clients the service does not
// start; with one, only Envoy gets through.
func TestCallersOnTCP(t *testing.T) {
	t.Parallel()
	key, callerKey := value(), value()
	b := backend(t, echo)
	s := demo(key, b.address())
	s.NoStart, s.Values["CALLER_KEY"] = true, callerKey
	r := &rig{world: newWorld(t, s)}
	printed := r.bootstrapOf(t)
	address := freePort(t)
	open := `listen: {admin: "127.0.0.1:0", grpc: "` + address + `"}`
	r.rewrite(listenOn, open)
	if _, stderr, code := command(t, r.dir, r.env, "check"); code != 1 || !strings.Contains(stderr, "anybody who can connect") {
		t.Errorf("check of an open listener: %d %s", code, stderr)
	}
	if _, stderr, code := command(t, r.dir, r.env, "serve"); code != 1 || !strings.Contains(stderr, "anybody who can connect") {
		t.Errorf("serve on an open listener: %d %s", code, stderr)
	}
	plain := insecure.NewCredentials()
	t.Run("key", func(t *testing.T) {
		keyed := strings.Replace(open, "}", ", key: {env: CALLER_KEY}}", 1)
		r.rewrite(open, keyed)
		defer r.rewrite(keyed, open)
		r.serve()
		defer r.service.stop(t)
		for name, c := range map[string]struct {
			pairs []string
			want  codes.Code
		}{
			"none":  {nil, codes.PermissionDenied},
			"wrong": {[]string{"x-cloakroom-key", value()}, codes.PermissionDenied},
			"twice": {[]string{"x-cloakroom-key", callerKey, "x-cloakroom-key", value()}, codes.PermissionDenied},
			"right": {[]string{"x-cloakroom-key", callerKey}, codes.FailedPrecondition},
		} {
			if err := callService(t, address, plain, c.pairs...); status.Code(err) != c.want {
				t.Errorf("key %s: %v, want %v", name, err, c.want)
			}
		}
		metadata := func(key string) node {
			return node{"initial_metadata": []any{node{"key": "x-cloakroom-key", "value": key}}}
		}
		r.through(t, key, b, clone(printed), onTCP(address, nil, metadata(callerKey)), 200)
		r.through(t, key, b, clone(printed), onTCP(address, nil, metadata(value())), 503)
	})
	t.Run("mTLS", func(t *testing.T) {
		pki := newPKI(t, r.dir)
		named := strings.Replace(open, "}", `, tls: {cert: server.pem, key: server.key, client_ca: ca.pem, clients: ["spiffe://test.example/gateway"]}}`, 1)
		r.rewrite(open, named)
		r.serve()
		defer r.service.stop(t)
		for name, c := range map[string]struct {
			as   credentials.TransportCredentials
			want codes.Code
		}{
			"plaintext":      {plain, codes.Unavailable},
			"no certificate": {pki.client(t, ""), codes.Unavailable},
			"another name":   {pki.client(t, "stranger"), codes.Unavailable},
			"its name":       {pki.client(t, "gateway"), codes.FailedPrecondition},
		} {
			if err := callService(t, address, c.as); status.Code(err) != c.want {
				t.Errorf("%s: %v, want %v", name, err, c.want)
			}
		}
		r.through(t, key, b, clone(printed), onTCP(address, pki.envoy("gateway"), nil), 200)
		r.through(t, key, b, clone(printed), onTCP(address, pki.envoy("stranger"), nil), 503)
	})
}

// through starts an Envoy and sends a request through it.
func (r *rig) through(t *testing.T, key string, b *seen, bootstrap node, patch func(node), want int) {
	t.Helper()
	patch(bootstrap)
	p, address := startEnvoy(t, r.dir, bootstrap)
	defer p.stop(t)
	r.gateway = "http://" + address
	before := b.count()
	placeholder := r.placeholder("demo")
	got := r.try("/api/v1/x", "x-cloakroom-token", r.token(agentClient), "authorization", "Bearer "+placeholder)
	if got.status() != want || got.shows(key) {
		t.Errorf("through Envoy: %d %v %s, want %d", got.status(), got.err, got.body, want)
	}
	if want == 200 && !strings.Contains(got.body, placeholder) || want != 200 && b.count() != before {
		t.Errorf("through Envoy: %q; the backend heard %d", got.body, b.count()-before)
	}
}

func clone(b node) (out node) {
	text, _ := json.Marshal(b)
	json.Unmarshal(text, &out)
	return out
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
	for from, mode := range map[string]fs.FileMode{filepath.Join(bin, "cloakroom"): 0o755, w.path("cloakroom.yaml"): 0o644} {
		b, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(from)), b, mode); err != nil {
			t.Fatal(err)
		}
	}
	if os.Getuid() == 0 {
		if err := os.Chown(dir, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
