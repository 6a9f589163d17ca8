package integration

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// rig is a world whose service runs by `cloakroom serve`, beside Envoys that
// the test starts from what `cloakroom envoy bootstrap` prints, as it is or
// changed by hand. Service and Envoys can be ended each on its own.
type rig struct {
	*world
	service *process
	envoys  int
}

// listenOn is the line of the configuration that configure writes.
const listenOn = `listen: {admin: "127.0.0.1:0"}`

// newRig starts provider and service, and an Envoy if there is a patch for its
// bootstrap (asPrinted changes nothing).
func newRig(t *testing.T, s setup, patch func(node)) *rig {
	t.Helper()
	s.NoStart = true
	r := &rig{world: newWorld(t, s)}
	r.rewrite(listenOn, `listen: {admin: "127.0.0.1:0", grpc: "unix://`+r.path("grpc.sock")+`"}`)
	r.serve()
	if patch != nil {
		r.envoy(patch)
	}
	return r
}

// rewrite changes a part of cloakroom.yaml.
func (w *world) rewrite(old, text string) {
	w.t.Helper()
	b, err := os.ReadFile(w.path("cloakroom.yaml"))
	if err != nil {
		w.t.Fatal(err)
	}
	if !strings.Contains(string(b), old) {
		w.t.Fatalf("cloakroom.yaml has no %q", old)
	}
	w.write("cloakroom.yaml", strings.Replace(string(b), old, text, 1))
}

func (w *world) path(name string) string { return filepath.Join(w.dir, name) }

// serve starts the service, again if it was ended.
func (r *rig) serve() {
	r.t.Helper()
	r.service = start(r.t, r.dir, "cloakroom", r.env, "serve")
	r.admin = "http://" + r.logged(r.service, "serving", "admin")
}

// logged waits for a line of a service's log, and returns one of its fields.
func (w *world) logged(p *process, message, field string) string {
	w.t.Helper()
	var found string
	w.eventually("the log says "+message, func() bool {
		for line := range strings.Lines(p.out.String()) {
			var entry map[string]any
			if json.Unmarshal([]byte(line), &entry) == nil && entry["msg"] == message {
				found, _ = entry[field].(string)
				return true
			}
		}
		select {
		case <-p.done:
			w.t.Fatalf("%s ended (%v) before it logged %q", p.name, p.err, message)
		default:
		}
		return false
	})
	return found
}

// eventually waits until something is so; the deadline only tells it from never.
func (w *world) eventually(what string, is func() bool) {
	w.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			w.t.Fatalf("%s: not within 30 s", what)
		}
	}
}

// node is an object of a bootstrap.
type node = map[string]any

func asPrinted(node) {}

// at walks down objects and lists: at(b, "static_resources", "listeners", 0).
func at(v any, steps ...any) any {
	for _, step := range steps {
		switch s := step.(type) {
		case string:
			v = v.(node)[s]
		case int:
			v = v.([]any)[s]
		}
	}
	return v
}

// manager is the connection manager of the agents' listener.
func manager(bootstrap node) node {
	return at(bootstrap, "static_resources", "listeners", 0, "filter_chains", 0, "filters", 0, "typed_config").(node)
}

// filters lists the HTTP filters; filter is the typed configuration of one.
func filters(bootstrap node) []any { return manager(bootstrap)["http_filters"].([]any) }

func filter(bootstrap node, name string) node {
	for _, f := range filters(bootstrap) {
		if f.(node)["name"] == name {
			return f.(node)["typed_config"].(node)
		}
	}
	panic("no filter " + name)
}

// without takes a filter out of the chain.
func without(bootstrap node, name string) {
	var kept []any
	for _, f := range filters(bootstrap) {
		if f.(node)["name"] != name {
			kept = append(kept, f)
		}
	}
	manager(bootstrap)["http_filters"] = kept
}

// before puts a filter in front of another.
func before(bootstrap node, name string, added node) {
	var all []any
	for _, f := range filters(bootstrap) {
		if f.(node)["name"] == name {
			all = append(all, added)
		}
		all = append(all, f)
	}
	manager(bootstrap)["http_filters"] = all
}

// routes are those of every virtual host, in order.
func routes(bootstrap node) []node {
	var all []node
	for _, h := range at(manager(bootstrap), "route_config", "virtual_hosts").([]any) {
		for _, r := range h.(node)["routes"].([]any) {
			all = append(all, r.(node))
		}
	}
	return all
}

// route is the upstream's route with a name.
func route(bootstrap node, name string) node {
	for _, r := range routes(bootstrap) {
		if r["name"] == name {
			return r
		}
	}
	panic("no route " + name)
}

// bootstrap is what the product prints.
func (w *world) bootstrap() node {
	w.t.Helper()
	stdout, stderr, code := command(w.t, w.dir, w.env, "envoy", "bootstrap")
	if code != 0 {
		w.t.Fatalf("envoy bootstrap: %s", stderr)
	}
	var b node
	if err := json.Unmarshal([]byte(stdout), &b); err != nil {
		w.t.Fatal(err)
	}
	return b
}

// envoy starts an Envoy from the printed bootstrap after the patch; requests of
// the world go to it from then on.
func (r *rig) envoy(patch func(node)) *process {
	r.t.Helper()
	b := r.bootstrap()
	patch(b)
	p, address := startEnvoy(r.t, r.dir, b)
	r.gateway = "http://" + address
	return p
}

// linkEnvoy puts Envoy beside the binaries that start starts.
var linkEnvoy sync.Once

// startEnvoy runs the Envoy that the product would find. The socket of its
// admin is the test's, to learn the port.
func startEnvoy(t *testing.T, dir string, bootstrap node) (p *process, address string) {
	t.Helper()
	linkEnvoy.Do(func() {
		if err := os.Symlink(envoyBinary(t), filepath.Join(bin, "envoy")); err != nil {
			t.Fatal(err)
		}
	})
	socket := filepath.Join(dir, "e"+value()[3:11])
	bootstrap["admin"] = node{"address": node{"pipe": node{"path": socket, "mode": 0o600}}}
	text, err := json.Marshal(bootstrap)
	if err != nil {
		t.Fatal(err)
	}
	file := socket + ".json"
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(file) // it may hold a key
	p = start(t, dir, "envoy", nil, "--config-path", file, "--disable-hot-restart", "--concurrency", "1", "--log-level", "warning", "--file-flush-interval-msec", "20")
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true,
		Dial: func(string, string) (net.Conn, error) { return net.Dial("unix", socket) }}}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if ask(client, "/ready") == "LIVE\n" {
			_, address, _ = strings.Cut(strings.TrimSpace(ask(client, "/listeners")), "::")
			return p, address
		}
		select {
		case <-p.done:
			t.Fatalf("Envoy ended before it served: %v", p.err)
		default:
		}
		if time.Now().After(deadline) {
			t.Fatal("Envoy does not serve")
		}
	}
}

func ask(client *http.Client, path string) string {
	answer, err := client.Get("http://envoy" + path)
	if err != nil {
		return ""
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(answer.Body)
	return string(text)
}

// envoyBinary looks where the product looks.
func envoyBinary(t *testing.T) string {
	t.Helper()
	candidates := []string{os.Getenv("ENVOY_BIN")}
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		candidates = append(candidates, filepath.Join(dir, "envoy"))
	}
	candidates = append(candidates,
		filepath.Join(os.Getenv("CLOAKROOM_TOOLS"), "envoy/_bin/envoy"),
		filepath.Join(os.Getenv("XDG_DATA_HOME"), "cloakroom/tools/envoy/_bin/envoy"),
		filepath.Join(os.Getenv("HOME"), ".local/share/cloakroom/tools/envoy/_bin/envoy"))
	for _, path := range candidates {
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return path
		}
	}
	t.Fatal("no Envoy: run `make tools`")
	return ""
}

// raw sends bytes to the gateway as they are, and returns every byte that comes
// back until the connection ends; hung tells that it did not end in time.
func (w *world) raw(text string) (got string, hung bool) {
	w.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(w.gateway, "http://"))
	if err != nil {
		w.t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := io.WriteString(conn, text); err != nil {
		w.t.Fatal(err)
	}
	b, err := io.ReadAll(conn)
	var timeout net.Error
	return string(b), errors.As(err, &timeout) && timeout.Timeout()
}

// rawBackend answers every connection with the bytes that answer makes of the
// request's head, and closes it.
func rawBackend(t *testing.T, answer func(head string) string) (address string, heads func() []string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	seen := make(chan string, 1024)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				in := bufio.NewReader(conn)
				var head strings.Builder
				for {
					line, err := in.ReadString('\n')
					if err != nil {
						return
					}
					head.WriteString(line)
					if line == "\r\n" {
						break
					}
				}
				seen <- head.String()
				io.WriteString(conn, answer(head.String()))
			}()
		}
	}()
	var all []string
	return l.Addr().String(), func() []string {
		for {
			select {
			case head := <-seen:
				all = append(all, head)
			default:
				return all
			}
		}
	}
}

// outcome is what a client got, as far as it got it: err says what cut it, and
// hung that nothing cut it within the deadline.
type outcome struct {
	*http.Response
	body string
	err  error
	hung bool
}

// shows tells whether a text stands anywhere in what came.
func (a outcome) shows(text string) bool {
	var b strings.Builder
	if a.Response != nil {
		a.Header.Write(&b)
		a.Trailer.Write(&b)
	}
	return strings.Contains(b.String()+a.body, text)
}

// status is 0 where no head came.
func (a outcome) status() int {
	if a.Response == nil {
		return 0
	}
	return a.StatusCode
}

// try is get for a request that may go wrong. Each has a connection of its own.
func (w *world) try(path string, headers ...string) outcome {
	w.t.Helper()
	r, err := http.NewRequest(http.MethodGet, w.gateway+path, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	client := &http.Client{Timeout: 40 * time.Second, Transport: &http.Transport{DisableCompression: true, DisableKeepAlives: true}}
	var a outcome
	if a.Response, a.err = client.Do(r); a.err == nil {
		defer a.Body.Close()
		var b []byte
		b, a.err = io.ReadAll(a.Body)
		a.body = string(b)
	}
	var timeout net.Error
	a.hung = errors.As(a.err, &timeout) && timeout.Timeout()
	return a
}
