package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cloakroom/internal/config"
	"cloakroom/internal/gate"
)

// drainTime is how long what is under way may take to finish after SIGTERM.
const drainTime = 20 * time.Second

func newServe(o *options) *cobra.Command {
	return &cobra.Command{
		Use: "serve", Short: "Run the service beside an Envoy of your own", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return serve(cmd.Context(), o.config, cmd.ErrOrStderr())
		},
	}
}

func serve(ctx context.Context, path string, stderr io.Writer) error {
	cfg, err := loadConfig(path, stderr)
	if err != nil {
		return err
	}
	logger := newLogger(stderr)
	protect(logger)
	tuneMemory(os.LookupEnv)
	s, err := openService(ctx, cfg, logger)
	if err != nil {
		return err
	}
	defer s.close()
	a, err := addressesOf(cfg)
	if err != nil {
		return err
	}
	if a.agent == "" {
		if grpcPath, ok := strings.CutPrefix(a.grpc, "unix://"); ok {
			a.agent = "unix://" + filepath.Join(filepath.Dir(grpcPath), "agent.sock")
		}
	}
	listeners, err := s.listen(a)
	if err != nil {
		return err
	}
	s.background(ctx)
	go s.followConfig(ctx)
	logger.Info("serving", "grpc", a.grpc, "agent", a.agent, "admin", listeners.AdminAddress, "version", versionText())
	select {
	case <-ctx.Done():
	case err = <-listeners.failed:
	}
	logger.Info("draining")
	drained(ctx, listeners.close)
	return err
}

// drained gives stop the time for draining, although ctx has ended.
func drained(ctx context.Context, stop func(context.Context)) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	stop(ctx)
}

// loadConfig reads the configuration and every value; its warnings go to w.
// Memory is closed to others before values stand in it; where it cannot be,
// protect says so.
func loadConfig(path string, w io.Writer) (*config.Config, error) {
	_ = gate.Undumpable()
	cfg, warnings, err := config.Load(path, os.LookupEnv)
	for _, warning := range warnings {
		fmt.Fprintf(w, "cloakroom: warning: %s\n", warning)
	}
	if err != nil {
		return nil, err
	}
	return cfg, nil
}

// loadRules reads the configuration for a listing: without the values, which an
// operator's shell need not have, and without repeating the warnings.
func loadRules(path string) (*config.Config, error) {
	cfg, _, err := config.LoadRules(path, os.LookupEnv)
	return cfg, err
}

func newLogger(w io.Writer) *slog.Logger { return slog.New(slog.NewJSONHandler(w, nil)) }

// protect keeps this process's memory from others; where it cannot, it says so.
func protect(logger *slog.Logger) {
	if err := gate.Undumpable(); err != nil {
		logger.Warn("this process's memory can be read by others of its user", "error", err)
	}
}
