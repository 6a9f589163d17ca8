package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"cloakroom/envoy"
	"cloakroom/internal/run"
)

const host = "api.bench.test"

// nobody is the token that no-op services get: as long as a real one.
var nobody = strings.Repeat("t", 900)

// hosts are the names of the upstream. Envoy opens 4096 connections to each, so
// that many open streams need several.
func hosts(o options) []string {
	if !o.bodies {
		return []string{host}
	}
	return []string{host, "a.bench.test", "b.bench.test", "c.bench.test"}
}

// side is one of the two things that are compared.
type side struct {
	name           string
	address        string // Envoy's
	token, key     string // what the load sends
	envoy, service int    // process ids
	close          func()
	turns          []turn
	syncs          []time.Duration // of the disk, beside the turns
}

// turn is what one load of a side showed: milliseconds, and CPU microseconds
// a request.
type turn struct {
	perSecond, p50, p99  float64
	envoyCPU, serviceCPU float64
}

// load is so many requests for a path, which is answered with so many bytes.
func (s *side) load(path string, size, connections, requests int) load {
	return load{address: s.address, connections: connections, requests: requests, size: size,
		request: fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: bench/1\r\nAccept: application/json\r\n"+
			"Authorization: Bearer %s\r\nX-Cloakroom-Token: %s\r\n\r\n", path, host, s.key, s.token)}
}

// turn sends one load. The service's CPU is taken until its log is indexed,
// which happens behind the requests.
func (s *side) turn(ctx context.Context, l load) (turn, error) {
	envoyBefore, serviceBefore, err := s.cpu()
	if err != nil {
		return turn{}, err
	}
	out, err := l.run(ctx)
	if err != nil {
		return turn{}, err
	}
	time.Sleep(500 * time.Millisecond)
	envoyAfter, serviceAfter, err := s.cpu()
	if err != nil {
		return turn{}, err
	}
	n := float64(l.requests)
	at := func(q float64) float64 {
		return float64(out.latencies[int(q*float64(len(out.latencies)-1))].Microseconds()) / 1000
	}
	return turn{perSecond: n / out.took.Seconds(), p50: at(0.5), p99: at(0.99),
		envoyCPU:   float64((envoyAfter - envoyBefore).Microseconds()) / n,
		serviceCPU: float64((serviceAfter - serviceBefore).Microseconds()) / n}, nil
}

func (s *side) cpu() (envoy, service time.Duration, err error) {
	if envoy, err = cpuTime(s.envoy); err != nil {
		return 0, 0, err
	}
	service, err = cpuTime(s.service)
	return envoy, service, err
}

// ask sends s's Envoy a request for a host, with the token, the key, and the
// headers that follow in pairs.
func (s *side) ask(ctx context.Context, client *http.Client, method, host, path string, body io.Reader, headers ...string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, method, "http://"+s.address+path, body)
	if err != nil {
		return nil, err
	}
	r.Host = host
	r.Header.Set("X-Cloakroom-Token", s.token)
	r.Header.Set("Authorization", "Bearer "+s.key)
	for pair := range slices.Chunk(headers, 2) {
		r.Header.Set(pair[0], pair[1])
	}
	return client.Do(r)
}

// get asks s's Envoy for a path.
func (s *side) get(ctx context.Context, path string) (string, error) {
	answer, err := s.ask(ctx, http.DefaultClient, http.MethodGet, host, path, nil)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %s", path, answer.Status, text)
	}
	return string(text), err
}

func startUpstream(ctx context.Context, o options) (*process, string, error) {
	if o.bodies {
		return self(ctx, true, "origin")
	}
	return self(ctx, true, "upstream")
}

// startBaseline starts the service that does nothing, and an Envoy that is
// configured as the other side's.
func startBaseline(ctx context.Context, o options, upstream string) (*side, error) {
	sockets, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return nil, err
	}
	socket := filepath.Join(sockets, "noop.sock")
	service, _, err := self(ctx, false, "noop", socket)
	if err != nil {
		return nil, err
	}
	for range 100 {
		if c, err := net.Dial("unix", socket); err == nil {
			c.Close()
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	proxy, err := startEnvoy(ctx, o, sockets, socket, upstream)
	if err != nil {
		service.end()
		return nil, err
	}
	s := &side{name: "no-op", key: "sk-bench-nobody-looks-at-this-one", token: nobody,
		envoy: proxy.PID(), service: service.pid(), close: func() {
			proxy.Stop(context.WithoutCancel(ctx))
			service.end()
			os.RemoveAll(sockets)
		}}
	if s.address, err = proxy.Address(ctx); err != nil {
		s.close()
	}
	return s, err
}

func startEnvoy(ctx context.Context, o options, dir, socket, upstream string) (*run.Process, error) {
	bin, err := run.Find(os.Getenv)
	if err != nil {
		return nil, err
	}
	options := envoy.Options{Listen: "127.0.0.1:0", Service: envoy.Service{Address: "unix://" + socket},
		Agent: filepath.Join(dir, "agent.sock"), Admin: filepath.Join(dir, "envoy-admin.sock")}
	for _, name := range hosts(o) {
		options.Upstreams = append(options.Upstreams, envoy.Upstream{Host: name, Route: name, Cluster: name, Address: upstream,
			Bodies: []envoy.Operation{{Method: http.MethodPost, Path: "/upload"}}})
	}
	bootstrap, err := envoy.Bootstrap(options)
	if err != nil {
		return nil, err
	}
	return run.Start(ctx, run.Options{Bin: bin, Bootstrap: bootstrap, Dir: dir, Admin: options.Admin, Log: os.Stderr})
}
