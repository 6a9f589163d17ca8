package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"cloakroom/envoy"
	"cloakroom/internal/config"
)

func newEnvoy(o *options) *cobra.Command {
	var out string
	bootstrap := &cobra.Command{
		Use: "bootstrap", Short: "Print a bootstrap for an Envoy of your own, beside `cloakroom serve`", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := loadRules(o.config)
			if err != nil {
				return err
			}
			text, err := printedBootstrap(cfg)
			if err != nil {
				return err
			}
			if out != "" {
				return writeBootstrap(out, text)
			}
			_, err = cmd.OutOrStdout().Write(text)
			return err
		},
	}
	bootstrap.Flags().StringVarP(&out, "output", "o", "", "write to `FILE` in place of standard output")
	return group("envoy", "Envoy's configuration", bootstrap)
}

// printedBootstrap is for an Envoy that reaches the service by its sockets, or as
// envoy.service says.
func printedBootstrap(cfg *config.Config) ([]byte, error) {
	a, err := addressesOf(cfg)
	if err != nil {
		return nil, err
	}
	path, unix := strings.CutPrefix(a.grpc, "unix://")
	r := cfg.Envoy.Service
	if !unix && r == nil {
		return nil, hinted{errors.New("listen.grpc is no Unix socket, and there is no envoy.service"),
			"say under envoy.service how Envoy reaches the service, or set listen.grpc to unix:///path/grpc.sock"}
	}
	if unix && a.agent == "" {
		a.agent = "unix://" + filepath.Join(filepath.Dir(path), "agent.sock")
	}
	options := bootstrapOptions(cfg, a)
	if r != nil {
		options.Agent = r.Agent
		options.Service = envoy.Service{Address: r.GRPC, Key: string(a.key),
			TLS: &envoy.ClientTLS{CertFile: r.CertFile, KeyFile: r.KeyFile, CAFile: r.CAFile, Name: r.Name}}
	}
	text, err := envoy.Bootstrap(options)
	return append(text, '\n'), err
}

// writeBootstrap replaces the file at path as a whole; only its owner may read
// it, since it can hold a key.
func writeBootstrap(path string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".bootstrap-*") // with mode 0600
	if err != nil {
		return fmt.Errorf("writing the bootstrap: %w", err)
	}
	defer os.Remove(f.Name())
	_, err = bytes.NewReader(text).WriteTo(f)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("writing the bootstrap: %w", err)
	}
	return nil
}
