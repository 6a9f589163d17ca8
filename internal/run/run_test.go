package run_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"cloakroom/internal/run"
)

// A test binary started with this variable is the parent that gets killed.
const parentVariable = "CLOAKROOM_TEST_PARENT"

func TestMain(m *testing.M) {
	if dir := os.Getenv(parentVariable); dir != "" {
		parent(dir)
		return
	}
	os.Exit(m.Run())
}

func parent(dir string) {
	p, err := run.Start(context.Background(), options(dir, bootstrap(dir, "127.0.0.1:0", "127.0.0.1:9"), os.Stderr))
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(p.PID())
	select {}
}

func bin() string {
	path, err := run.Find(os.Getenv)
	if err != nil {
		panic("run `make tools`: " + err.Error())
	}
	return path
}

func options(dir, text string, log io.Writer) run.Options {
	return run.Options{
		Bin: bin(), Bootstrap: []byte(text), Dir: filepath.Join(dir, "envoy"),
		Admin: filepath.Join(dir, "admin.sock"), Concurrency: 1, Log: log,
	}
}

func bootstrap(dir, listen, backend string) string {
	socket := func(address string) string {
		host, port, _ := net.SplitHostPort(address)
		return fmt.Sprintf(`{"socket_address":{"address":%q,"port_value":%s}}`, host, port)
	}
	return fmt.Sprintf(`{
"admin":{"address":{"pipe":{"path":%q,"mode":384}}},
"static_resources":{
"listeners":[{"name":"agents","enable_reuse_port":false,"address":%s,"filter_chains":[{"filters":[{
 "name":"hcm","typed_config":{"@type":"type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
 "stat_prefix":"agents","route_config":{"virtual_hosts":[{"name":"a","domains":["*"],"routes":[{"match":{"prefix":"/"},"route":{"cluster":"b"}}]}]},
 "http_filters":[{"name":"router","typed_config":{"@type":"type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}]}}]}]}],
"clusters":[{"name":"b","type":"STATIC","load_assignment":{"cluster_name":"b","endpoints":[{"lb_endpoints":[{"endpoint":{"address":%s}}]}]}}]}}`,
		filepath.Join(dir, "admin.sock"), socket(listen), socket(backend))
}

// buffer is a bytes.Buffer that may be read while it is written.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func start(t *testing.T, o run.Options) (*run.Process, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	p, err := run.Start(ctx, o)
	if p != nil {
		t.Cleanup(func() {
			gone, cancel := context.WithCancel(context.Background())
			cancel()
			p.Stop(gone)
		})
	}
	return p, err
}

func TestStopLetsARequestFinish(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(arrived)
		<-release
		io.WriteString(w, "done")
	}))
	defer backend.Close()
	dir := t.TempDir()
	p, err := start(t, options(dir, bootstrap(dir, "127.0.0.1:0", backend.Listener.Addr().String()), nil))
	if err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "envoy", "*")); len(left) != 0 {
		t.Errorf("files left after the start: %q", left)
	}
	address, err := p.Address(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan string, 1)
	go func() { got <- fetch("http://" + address) }()
	<-arrived
	stopped := make(chan struct{})
	go func() { p.Stop(context.Background()); close(stopped) }()
	for { // until the listener is closed, so that Stop is under way
		c, err := net.Dial("tcp", address)
		if err != nil {
			break
		}
		c.Close()
		time.Sleep(5 * time.Millisecond)
	}
	select {
	case <-stopped:
		t.Error("Stop returned while a request was in flight")
	default:
	}
	close(release)
	if text := <-got; text != "done" {
		t.Errorf("the request in flight got %q, want %q", text, "done")
	}
	<-stopped
	if err := p.Wait(); err != nil {
		t.Errorf("Wait after Stop: %v, want nil", err)
	}
}

func fetch(url string) string {
	res, err := http.Get(url)
	if err != nil {
		return err.Error()
	}
	defer res.Body.Close()
	text, _ := io.ReadAll(res.Body)
	return string(text)
}

func TestStopDoesNotWaitForEver(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	backend := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		close(arrived)
		<-release
	}))
	defer backend.Close()
	defer close(release)
	dir := t.TempDir()
	p, err := start(t, options(dir, bootstrap(dir, "127.0.0.1:0", backend.Listener.Addr().String()), nil))
	if err != nil {
		t.Fatal(err)
	}
	address, _ := p.Address(context.Background())
	go fetch("http://" + address)
	<-arrived
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	p.Stop(ctx)
	p.Stop(ctx) // a second call returns too
}

func TestStartTellsATakenPortInOneLine(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	taken := l.Addr().String()
	want := fmt.Sprintf("listening on %q: address already in use", taken)
	for name, look := range map[string]string{"before": taken, "from Envoy": ""} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			o := options(dir, bootstrap(dir, taken, "127.0.0.1:9"), nil)
			o.Listen = look
			_, err := start(t, o)
			if !errors.Is(err, syscall.EADDRINUSE) {
				t.Fatalf("Start: %v, want an address in use", err)
			}
			if look != "" && err.Error() != want {
				t.Errorf("Start: %v, want %s", err, want)
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("Start: %q, want one line", err)
			}
		})
	}
}

func TestStartTellsWhatEnvoyFindsWrong(t *testing.T) {
	var log buffer
	_, err := start(t, options(t.TempDir(), `{"no_such_field": 1}`, &log))
	if err == nil || !strings.Contains(err.Error(), "no_such_field") {
		t.Errorf("Start: %v, want an error that names the field", err)
	}
	for _, line := range strings.Split(strings.TrimSpace(log.String()), "\n") {
		if !strings.HasPrefix(line, "envoy: ") {
			t.Errorf("log line %q has no prefix", line)
		}
	}
}

func TestStartNeedsItsOptions(t *testing.T) {
	if _, err := run.Start(context.Background(), run.Options{}); err == nil {
		t.Error("Start with no options: no error")
	}
}

func TestEnvoyDoesNotSeeTheEnvironmentAndLeavesNoCore(t *testing.T) {
	t.Setenv("CLOAKROOM_TEST_VALUE", "canary-in-the-environment")
	dir := t.TempDir()
	p, err := start(t, options(dir, bootstrap(dir, "127.0.0.1:0", "127.0.0.1:9"), nil))
	if err != nil {
		t.Fatal(err)
	}
	proc := filepath.Join("/proc", strconv.Itoa(p.PID()))
	env, err := os.ReadFile(filepath.Join(proc, "environ"))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(env, []byte("canary-in-the-environment")) {
		t.Error("Envoy was given the environment's values")
	}
	limits, err := os.ReadFile(filepath.Join(proc, "limits"))
	if err != nil {
		t.Fatal(err)
	}
	core := ""
	for _, line := range strings.Split(string(limits), "\n") {
		if strings.HasPrefix(line, "Max core file size") {
			core = strings.Join(strings.Fields(line)[4:6], " ")
		}
	}
	if core != "0 0" {
		t.Errorf("limits of a core: %q, want %q", core, "0 0")
	}
	if group, err := syscall.Getpgid(p.PID()); err != nil || group != p.PID() {
		t.Errorf("process group %d (%v), want Envoy's own, %d", group, err, p.PID())
	}
}

func TestWaitTellsThatEnvoyWasKilled(t *testing.T) {
	dir := t.TempDir()
	p, err := start(t, options(dir, bootstrap(dir, "127.0.0.1:0", "127.0.0.1:9"), nil))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(p.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); err == nil || !strings.Contains(err.Error(), "signal: killed") {
		t.Errorf("Wait: %v, want that it was killed", err)
	}
}

func TestEnvoyEndsWithItsParent(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), parentVariable+"="+t.TempDir())
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		cmd.Process.Kill()
		t.Fatalf("the parent said %q, want Envoy's process id", line)
	}
	cmd.Process.Kill()
	cmd.Wait()
	for deadline := time.Now().Add(30 * time.Second); alive(pid); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			syscall.Kill(pid, syscall.SIGKILL)
			t.Fatal("Envoy outlived its parent")
		}
	}
}

// alive counts a process that waits to be reaped as ended.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(stat), ") Z ")
}
