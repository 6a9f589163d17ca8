package main

import (
	"errors"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"cloakroom/envoy"
)

func newEnvoy(o *options) *cobra.Command {
	bootstrap := &cobra.Command{
		Use: "bootstrap", Short: "Print a bootstrap for an Envoy of your own, beside `cloakroom serve`", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := loadRules(o.config)
			if err != nil {
				return err
			}
			a, err := addressesOf(cfg)
			if err != nil {
				return err
			}
			path, unix := strings.CutPrefix(a.grpc, "unix://")
			if !unix {
				return hinted{errors.New("listen.grpc is no Unix socket"), "the bootstrap would hold a key or need certificates: set listen.grpc to unix:///path/grpc.sock"}
			}
			if a.agent == "" {
				a.agent = "unix://" + filepath.Join(filepath.Dir(path), "agent.sock")
			}
			text, err := envoy.Bootstrap(bootstrapOptions(cfg, a))
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(append(text, '\n'))
			return err
		},
	}
	return group("envoy", "Envoy's configuration", bootstrap)
}
