package integration

import (
	"context"
	"encoding/json"
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
}

// listenOn is the line of the configuration that configure writes.
const listenOn = `listen: {admin: "127.0.0.1:0"}`

// listenLine is the line with which the configuration says where to listen.
func (w *world) listenLine() string {
	w.t.Helper()
	b, err := os.ReadFile(w.path("cloakroom.yaml"))
	if err != nil {
		w.t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if strings.HasPrefix(line, "listen: ") {
			return strings.TrimSuffix(line, "\n")
		}
	}
	w.t.Fatal("cloakroom.yaml does not say where to listen")
	return ""
}

// newRig starts provider and service, and an Envoy if there is a patch for its
// bootstrap (asPrinted changes nothing).
func newRig(t *testing.T, s setup, patch func(node)) *rig {
	t.Helper()
	s.NoStart = true
	r := &rig{world: newWorld(t, s)}
	on := r.listenLine()
	r.rewrite(on, strings.TrimSuffix(on, "}")+`, grpc: "unix://`+r.path("grpc.sock")+`"}`)
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
	r.admin = r.logged(r.service, "serving", "admin")
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
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		}}}
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
