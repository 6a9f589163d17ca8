package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

func newReady(o *options) *cobra.Command {
	return &cobra.Command{
		Use: "ready", Short: "Ask the running service whether it can serve; for a container's health check", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := loadRules(o.config)
			if err != nil {
				return err
			}
			if cfg.Listen.Admin == "" {
				return hinted{errors.New("the service has no admin listener to ask"), "set listen.admin"}
			}
			return ready(cmd.Context(), cfg.Listen.Admin)
		},
	}
}

// ready asks /readyz of the admin listener at address, on this machine.
func ready(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://cloakroom/readyz", nil)
	if err != nil {
		return err
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return dialAdmin(ctx, address) }}}
	answer, err := client.Do(r)
	if err != nil {
		return fmt.Errorf("asking the service at %q: %w", address, errors.Unwrap(err))
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("asking the service at %q: it answers %d", address, answer.StatusCode)
	}
	return nil
}

// dialAdmin connects to where the admin listener of this machine listens; one on
// every address is reached on loopback.
func dialAdmin(ctx context.Context, address string) (net.Conn, error) {
	var d net.Dialer
	if path, ok := strings.CutPrefix(address, "unix://"); ok {
		return d.DialContext(ctx, "unix", path)
	}
	if host, port, err := net.SplitHostPort(address); err == nil && net.ParseIP(host).IsUnspecified() {
		address = net.JoinHostPort("localhost", port)
	}
	return d.DialContext(ctx, "tcp", address)
}
