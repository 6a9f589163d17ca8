package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"

	"github.com/spf13/cobra"

	"cloakroom/envoy"
	"cloakroom/internal/config"
	"cloakroom/internal/inventory"
	"cloakroom/internal/run"
)

// upOptions are the flags of `up`.
type upOptions struct {
	quiet       bool
	concurrency int
}

func newUp(o *options) *cobra.Command {
	var u upOptions
	c := &cobra.Command{
		Use: "up", Short: "Run the service and Envoy on this machine", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return up(cmd.Context(), o.config, u, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	c.Flags().BoolVarP(&u.quiet, "quiet", "q", false, "log warnings and errors only")
	c.Flags().IntVar(&u.concurrency, "envoy-concurrency", 0, "Envoy's worker threads (default one a core)")
	return c
}

func up(ctx context.Context, path string, u upOptions, stdout, stderr io.Writer) error {
	cfg, err := loadConfig(path, stderr)
	if err != nil {
		return err
	}
	if cfg.Envoy.Listen == "" {
		return hinted{fmt.Errorf("%s has no envoy section", path), "add one (see examples/quickstart/cloakroom.yaml), or run `cloakroom serve` beside an Envoy of your own"}
	}
	bin, err := run.Find(os.Getenv)
	if err != nil {
		return err
	}
	logger := newLogger(stderr)
	if u.quiet {
		logger = slog.New(slog.NewJSONHandler(stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	}
	protect(logger)
	tuneMemory(os.LookupEnv)
	dir, err := runDir()
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	s, err := openService(ctx, cfg, logger)
	if err != nil {
		return err
	}
	defer s.close()
	return s.up(ctx, upRun{u, cfg, bin, dir, stdout, stderr})
}

// upRun is what one run of `up` has found out before it starts.
type upRun struct {
	upOptions
	cfg            *config.Config
	bin, dir       string
	stdout, stderr io.Writer
}

// up opens the listeners, starts Envoy, and drains both when ctx ends.
func (s *service) up(ctx context.Context, u upRun) error {
	var pid atomic.Int64
	a, err := u.addresses(&pid)
	if err != nil {
		return err
	}
	listeners, err := s.listen(a)
	if err != nil {
		return err
	}
	s.background(ctx)
	defer drained(ctx, listeners.close)
	process, err := startEnvoy(ctx, u, a, &pid)
	if err != nil {
		return err
	}
	defer drained(ctx, process.Stop) // before the listeners: Envoy lets its clients finish, through us
	go s.followConfig(ctx)
	address, err := process.Address(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(u.stdout, "cloakroom: agents: http://%s\n", address)
	if listeners.AdminAddress != "" {
		fmt.Fprintf(u.stdout, "cloakroom: operators: %s\n", listeners.AdminAddress)
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-listeners.failed:
		return fmt.Errorf("serving: %w", err)
	case <-process.Done():
		return hinted{fmt.Errorf("envoy ended: %w", errors.Join(process.Wait(), errors.New("nothing is served any more"))), "its last words stand above"}
	}
}

// addresses are the configuration's, and for the rest sockets in this run's own
// folder, for Envoy's process alone.
func (u upRun) addresses(pid *atomic.Int64) (addresses, error) {
	a, err := addressesOf(u.cfg)
	if err != nil {
		return a, err
	}
	a.envoy = func() int { return int(pid.Load()) }
	if a.grpc == "" {
		a.grpc = "unix://" + filepath.Join(u.dir, "grpc.sock")
	}
	if !strings.HasPrefix(a.grpc, "unix:") && a.key == nil && a.tls == nil {
		a.key = newKey()
	}
	a.agent = "unix://" + filepath.Join(u.dir, "agent.sock")
	return a, nil
}

func startEnvoy(ctx context.Context, u upRun, a addresses, pid *atomic.Int64) (*run.Process, error) {
	options := bootstrapOptions(u.cfg, a)
	options.Admin = filepath.Join(u.dir, "envoy-admin.sock")
	bootstrap, err := envoy.Bootstrap(options)
	if err != nil {
		return nil, err
	}
	return run.Start(ctx, run.Options{Bin: u.bin, Bootstrap: bootstrap, Dir: u.dir, Admin: options.Admin,
		Listen: u.cfg.Envoy.Listen, Concurrency: u.concurrency, Log: u.stderr,
		Started: func(p int) { pid.Store(int64(p)) }})
}

// bootstrapOptions says what Envoy is told of a configuration.
func bootstrapOptions(cfg *config.Config, a addresses) envoy.Options {
	o := envoy.Options{Listen: cfg.Envoy.Listen, Service: envoy.Service{Address: a.grpc, Key: string(a.key)},
		Agent: strings.TrimPrefix(a.agent, "unix://"), Timeouts: envoy.Timeouts{Hold: inventory.LongestWait(cfg.Credentials)}}
	if t := cfg.Envoy.TLS; t != nil {
		o.TLS = &envoy.ServerTLS{CertFile: t.CertFile, KeyFile: t.KeyFile}
	}
	for _, u := range cfg.Envoy.Upstreams {
		o.Upstreams = append(o.Upstreams, envoy.Upstream{Host: u.Host, Prefix: u.Prefix, Route: u.Route(), Cluster: u.Cluster(),
			Address: u.Address, TLS: u.TLS, CAFile: u.CAFile, SNI: u.SNI, HTTP2: u.HTTP2, Messages: inventory.HasMessages(cfg.Credentials, u.Host),
			Bodies:    operationsOf(u, inventory.BodyOperations(cfg.Credentials, u.Host)),
			Recorded:  recordsRequests(cfg, u.Host),
			Approvals: operationsOf(u, inventory.ApprovalOperations(cfg.Credentials, u.Host))})
	}
	return o
}

// operationsOf are an upstream's operations as Envoy sees their paths: with the
// upstream's prefix.
func operationsOf(u config.Upstream, operations []inventory.Operation) []envoy.Operation {
	var all []envoy.Operation
	for _, o := range operations {
		all = append(all, envoy.Operation{Method: o.Method, Path: regexp.QuoteMeta(u.Prefix) + inventory.PatternRegexp(o.Path)})
	}
	return all
}

// runDir is a new folder for this run's sockets, that only we can enter.
func runDir() (string, error) {
	dir, err := os.MkdirTemp(os.Getenv("XDG_RUNTIME_DIR"), "cloakroom-")
	if err != nil {
		return "", fmt.Errorf("making folder for sockets: %w", err)
	}
	if len(dir) > 80 { // a socket's path is at most 108 bytes
		os.RemoveAll(dir)
		return "", hinted{fmt.Errorf("making folder for sockets: %q is too long a path", dir), "set TMPDIR to a shorter one"}
	}
	return dir, os.Chmod(dir, 0o700)
}
