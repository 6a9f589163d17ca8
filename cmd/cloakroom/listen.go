package main

import (
	"context"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"crypto/rand"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"

	"cloakroom/authz"
	"cloakroom/extproc"
	"cloakroom/internal/access"
	"cloakroom/internal/agent"
	"cloakroom/internal/config"
	"cloakroom/internal/gate"
)

// addresses are where a service listens: "unix:///path" or "host:port"; an
// empty one does not listen.
type addresses struct {
	grpc, agent, admin string
	key                gate.Key // that Envoy must send; nil: none
	tls                *gate.TLS
	uids               []int
	envoy              func() int // Envoy's process id, 0 before it runs; nil: any process of the users
}

// addressesOf reads them from the configuration.
func addressesOf(cfg *config.Config) (addresses, error) {
	l := cfg.Listen
	a := addresses{grpc: l.GRPC, agent: l.Agent, admin: l.Admin}
	for _, uid := range l.PeerUIDs {
		a.uids = append(a.uids, int(uid))
	}
	if l.TLS != nil && len(l.TLS.Clients) > 0 {
		a.tls = &gate.TLS{CertFile: l.TLS.CertFile, KeyFile: l.TLS.KeyFile, ClientCAFile: l.TLS.ClientCAFile, Clients: l.TLS.Clients}
	}
	if l.Key != nil {
		v, err := l.Key.Read()
		if err != nil {
			return a, fmt.Errorf("reading listen.key: %w", err)
		}
		a.key = gate.Key(v.Reveal())
	}
	return a, nil
}

func newKey() gate.Key {
	b := make([]byte, gate.MinKey)
	rand.Read(b)
	return gate.Key(hex.EncodeToString(b))
}

// streamWorkers are kept for checks and streams, beside those that are held; where
// all are taken, one more begins a goroutine of its own.
const streamWorkers = 128 + heldInAll

// adminLimit is how many may be connected to the operators' listener on TCP.
// Whoever shares the machine can connect there, and must not use up the files
// that the process may have open.
const adminLimit = 128

// servers are the listeners of one service.
type servers struct {
	logger       *slog.Logger
	grpc         *grpc.Server
	health       *health.Server
	http         []*http.Server
	failed       chan error
	closing      chan struct{} // closed when what has no end of its own must end
	AdminAddress string        // where the admin listener really is: a URL
}

// listen opens every listener of s, and serves.
func (s *service) listen(a addresses) (*servers, error) {
	out := &servers{logger: s.logger, failed: make(chan error, 3), closing: make(chan struct{})}
	if err := s.listenGRPC(a, out); err != nil {
		return nil, err
	}
	if err := s.listenHTTP(a, out); err != nil {
		out.close(context.Background())
		return nil, err
	}
	return out, nil
}

func (s *service) listenGRPC(a addresses, out *servers) error {
	check, err := authz.New(inForce{s}, s.codec, s.logger)
	if err != nil {
		return err
	}
	process, err := extproc.New(s.engine, s.logger)
	if err != nil {
		return err
	}
	options := []grpc.ServerOption{
		// Envoy pings every second, also when no stream is open.
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 500 * time.Millisecond, PermitWithoutStream: true}),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: 10 * time.Second, Timeout: 5 * time.Second}),
		grpc.MaxConcurrentStreams(1 << 20),
		grpc.MaxRecvMsgSize(8 << 20),
		// A goroutine that is kept has a stack that need not grow for each check.
		grpc.NumStreamWorkers(streamWorkers),
		grpc.ForceServerCodecV2(extproc.Codec()),
	}
	l, gateOptions, err := s.openGRPC(a)
	if err != nil {
		return err
	}
	out.grpc = grpc.NewServer(append(options, gateOptions...)...)
	out.health = health.NewServer()
	check.Register(out.grpc)
	process.Register(out.grpc)
	healthv1.RegisterHealthServer(out.grpc, out.health)
	go func() { out.failed <- out.grpc.Serve(l) }()
	go s.reportHealth(out.health)
	return nil
}

// reportHealth tells gRPC's health service what /readyz tells, until it is shut
// down with the listeners.
func (s *service) reportHealth(h *health.Server) {
	for range time.Tick(250 * time.Millisecond) {
		status := healthv1.HealthCheckResponse_SERVING
		if s.ready() != nil {
			status = healthv1.HealthCheckResponse_NOT_SERVING
		}
		h.SetServingStatus("", status) // without effect after Shutdown
	}
}

// openGRPC opens the listener that only Envoy may call, and what the server
// must ask of its callers.
func (s *service) openGRPC(a addresses) (net.Listener, []grpc.ServerOption, error) {
	var options []grpc.ServerOption
	if a.key != nil {
		options = append(options, a.key.Options()...)
	}
	if path, ok := strings.CutPrefix(a.grpc, "unix://"); ok {
		l, err := s.socket(a).Listen(path)
		return l, options, err
	}
	switch {
	case a.grpc == "":
		return nil, nil, hinted{errors.New("listen.grpc is not set"), "set listen.grpc to unix:///path/grpc.sock, or start Envoy too with `cloakroom up`"}
	case a.tls != nil:
		credentials, err := a.tls.Credentials()
		if err != nil {
			return nil, nil, err
		}
		options = append(options, grpc.Creds(credentials))
	case a.key == nil && len(s.rules.Load().config.Credentials) > 0:
		return nil, nil, fmt.Errorf("listening on %q: anybody who can connect could ask for values", a.grpc)
	}
	l, err := net.Listen("tcp", a.grpc)
	return l, options, plainListenError(a.grpc, err)
}

func (s *service) socket(a addresses) gate.Socket {
	return gate.Socket{PID: a.envoy, UIDs: a.uids, Log: s.logger, Refused: s.metrics.TurnedAway}
}

// listenHTTP opens the agent's endpoint and the operators'.
func (s *service) listenHTTP(a addresses, out *servers) error {
	if a.agent != "" {
		h, err := agent.New(inForce{s}.Identify, inForce{s}, func(code access.Code) {
			s.metrics.Decided(access.Deny, code)
			s.log.CountRefusal(code, "") // the caller is Envoy, which tells no source
		})
		if err != nil {
			return err
		}
		l, err := s.openAgent(a)
		if err != nil {
			return err
		}
		out.serveHTTP(l, h)
	}
	if a.admin == "" {
		return nil
	}
	return s.listenAdmin(a.admin, out)
}

// openAgent opens the agents' endpoint, which only Envoy may call: on TCP, by a
// certificate.
func (s *service) openAgent(a addresses) (net.Listener, error) {
	if path, ok := strings.CutPrefix(a.agent, "unix://"); ok {
		return s.socket(a).Listen(path)
	}
	if a.tls == nil {
		return nil, fmt.Errorf("listening on %q: anybody who can connect could pass for Envoy", a.agent)
	}
	config, err := a.tls.Config()
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", a.agent)
	if err != nil {
		return nil, plainListenError(a.agent, err)
	}
	return tls.NewListener(l, config), nil
}

func (o *servers) serveHTTP(l net.Listener, h http.Handler) {
	server := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second,
		// Envoy's is shorter, so that it sends no request on what closes here.
		IdleTimeout: 90 * time.Second, MaxHeaderBytes: 64 << 10,
		ErrorLog: slog.NewLogLogger(o.logger.Handler(), slog.LevelWarn)}
	o.http = append(o.http, server)
	go func() {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			o.failed <- err
		}
	}()
}

// close lets what is under way finish until ctx ends, then cuts it.
func (o *servers) close(ctx context.Context) {
	close(o.closing)
	if o.health != nil {
		o.health.Shutdown()
	}
	for _, server := range o.http {
		if err := server.Shutdown(ctx); err != nil {
			server.Close()
		}
	}
	if o.grpc == nil {
		return
	}
	done := make(chan struct{})
	go func() { o.grpc.GracefulStop(); close(done) }()
	select {
	case <-done:
	case <-ctx.Done():
		o.grpc.Stop()
		<-done
	}
}

// plainListenError is one clear line for a port that is taken.
func plainListenError(address string, err error) error {
	if err == nil {
		return nil
	}
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	return fmt.Errorf("listening on %q: %w", address, err)
}
